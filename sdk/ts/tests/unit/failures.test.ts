// Failures are typed: by the program's code and name where they are its own, and never so where they are another's.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ERROR_CODES,
  ERRORS,
  errorOf,
  PORTFOLIO_MARGIN_PROGRAM_ADDRESS as ours,
  transactionError,
} from '../../src/index.js';

const idl = JSON.parse(readFileSync(new URL('../../../../idl/portfolio_margin.json', import.meta.url), 'utf8')) as {
  errors: { code: number; name: string; msg: string }[];
};
const other = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';
const custom = (code: unknown) => ({ InstructionError: [1, { Custom: code }] });

describe('errors', () => {
  it('are those of the interface description', () => {
    expect(Object.entries(ERROR_CODES)).toEqual(idl.errors.map(({ name, code }) => [name, code]));
    expect(Object.values(ERRORS).map(({ text }) => text)).toEqual(idl.errors.map(({ msg }) => msg));
    expect(errorOf(6002)).toEqual({ name: 'NotOwner', text: 'Signer does not own the margin account' });
    expect(errorOf(1)).toBeUndefined();
  });

  it('of the program have their name and text', () => {
    for (const code of [6002, 6002n]) {
      const error = transactionError(custom(code), [], ['x', ours]);
      expect(error).toMatchObject({ name: 'TransactionError', instruction: 1, code: 6002, programError: 'NotOwner' });
      expect(error.message).toBe('instruction 1 failed: NotOwner (6002): Signer does not own the margin account');
    }
  });

  it('are counted without what is in front', () => {
    expect(transactionError(custom(6002), [], [ours], 1)).toMatchObject({ instruction: 0, programError: 'NotOwner' });
    expect(transactionError(custom(6002), [], [other], 1)).toMatchObject({ instruction: 0, programError: undefined });
  });

  it('of a program that ours called are not taken for ours, nor the other way round', () => {
    const inner = [
      `Program ${ours} invoke [1]`,
      `Program ${other} invoke [2]`,
      `Program ${other} failed: custom program error: 0x1772`,
      `Program ${ours} failed: custom program error: 0x1772`,
    ];
    expect(transactionError(custom(6002), inner, [ours, ours]).programError).toBeUndefined();
    expect(transactionError(custom(6002), inner, [ours, ours]).message).toContain(other);
    const through = [
      `Program ${other} invoke [1]`,
      `Program ${ours} invoke [2]`,
      `Program ${ours} failed: custom program error: 0x1772`,
    ];
    expect(transactionError(custom(6002), through, [other, other]).programError).toBe('NotOwner');
    expect(transactionError(custom(6002), [], [ours, other]).programError).toBeUndefined();
  });

  it('of the runtime are told as they came', () => {
    expect(transactionError('BlockhashNotFound').message).toBe('the transaction failed: BlockhashNotFound');
    const budget = transactionError({ InstructionError: [2, 'ComputationalBudgetExceeded'] });
    expect(budget).toMatchObject({ instruction: 2, code: undefined });
    expect(budget.message).toBe('instruction 2 failed: ComputationalBudgetExceeded');
    expect(transactionError({ InsufficientFundsForRent: { account_index: 3n } }).message).toContain(
      '"account_index":"3"',
    );
    for (const odd of [
      null,
      undefined,
      5,
      {},
      { InstructionError: 1 },
      { InstructionError: [] },
      { InstructionError: [0, null] },
    ]) {
      expect(transactionError(odd).code).toBeUndefined();
    }
  });

  it('that are no numbers of the program are no names of objects', () => {
    for (const code of ['constructor', '__proto__', -1, 0, 5999, 2 ** 32])
      expect(transactionError(custom(code)).programError).toBeUndefined();
  });
});
