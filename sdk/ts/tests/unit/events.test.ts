// Events are read from what the program logged, and from nothing that another program wrote.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeEvent, EVENTS, eventsOf, PORTFOLIO_MARGIN_PROGRAM_ADDRESS, type ProgramEvent } from '../../src/index.js';
import { accountText, golden } from '../golden.js';

const emitted = golden.logs.flatMap((lines) => eventsOf(lines));
type Data<N extends ProgramEvent['name']> = Extract<ProgramEvent, { name: N }>['data'];
const named = <N extends ProgramEvent['name']>(name: N) =>
  emitted.filter((event) => event.name === name).map(({ data }) => data as Data<N>);

describe('events', () => {
  it('are as many as the program logged, all known', () => {
    const lines = golden.logs.flat().filter((line) => line.startsWith('Program data: '));
    expect(emitted).toHaveLength(lines.length);
    expect(emitted.length).toBeGreaterThan(15);
    const names = new Set(emitted.map(({ name }) => name));
    expect([...names].sort()).toEqual([
      'CollateralDeposited',
      'LiquidationStarted',
      'QuoteFilled',
      'QuotesOpened',
      'Traded',
    ]);
  });

  it('say what happened', () => {
    const [first] = named('Traded');
    expect(first!.taker).toBe(accountText('long').raw.address);
    expect(first!.legs).toEqual([
      { market: 0, instrument: 0, expiry: 0n, strike: 0n, quantity: 1_000_000n, price: 11_666_150_000_000n },
    ]);
    expect(named('LiquidationStarted')[0]!.marginAccount).toBe(accountText('fallen').raw.address);
    const [filled] = named('QuoteFilled');
    expect([filled!.nonce, filled!.lots]).toEqual([77n, 2n]);
  });

  it('every one of the schema is known, by its discriminator', () => {
    const schema = readFileSync(new URL('../../../../idl/events.txt', import.meta.url), 'utf8');
    const rows = [...schema.matchAll(/^portfolio_margin (\w+) ([0-9a-f]{16})$/gm)].map(([, name, key]) => [key, name]);
    expect(rows.length).toBeGreaterThan(40);
    expect(
      Object.entries(EVENTS)
        .map(([key, { name }]) => [key, name])
        .sort(),
    ).toEqual(rows.sort());
  });

  const line = golden.logs.flat().find((text) => text.startsWith('Program data: '))!;
  const other = 'Stake11111111111111111111111111111111111111';
  const ours = PORTFOLIO_MARGIN_PROGRAM_ADDRESS;
  const cases: [string, string[], number][] = [
    ['ours', [`Program ${ours} invoke [1]`, line, `Program ${ours} success`], 1],
    ['of another program', [`Program ${other} invoke [1]`, line, `Program ${other} success`], 0],
    [
      'of another after ours',
      [`Program ${ours} invoke [1]`, `Program ${ours} success`, `Program ${other} invoke [1]`, line],
      0,
    ],
    ['of a program that we call', [`Program ${ours} invoke [1]`, `Program ${other} invoke [2]`, line], 0],
    [
      'ours again behind it',
      [`Program ${ours} invoke [1]`, `Program ${other} invoke [2]`, `Program ${other} success`, line],
      1,
    ],
    ['ours, called by another', [`Program ${other} invoke [1]`, `Program ${ours} invoke [2]`, line], 1],
    [
      'ours after one that failed inside',
      [
        `Program ${ours} invoke [1]`,
        `Program ${other} invoke [2]`,
        `Program ${other} failed: custom program error: 0x1`,
        line,
      ],
      1,
    ],
    ['told by a message', [`Program ${other} invoke [1]`, `Program log: Program ${ours} invoke [2]`, line], 0],
    ['of nobody', [line], 0],
    ['no base64', [`Program ${ours} invoke [1]`, 'Program data: %%%'], 0],
  ];
  it.each(cases)('%s', (_what, lines, count) => expect(eventsOf(lines)).toHaveLength(count));

  it('cut, longer, or of no known kind are none', () => {
    const bytes = new Uint8Array(Buffer.from(line.slice('Program data: '.length), 'base64'));
    expect(decodeEvent(bytes)).toBeDefined();
    for (let end = 0; end < bytes.length; end += 1)
      expect(decodeEvent(bytes.subarray(0, end)), `${end}`).toBeUndefined();
    expect(decodeEvent(new Uint8Array([...bytes, 0]))).toBeUndefined();
    const unknown = new Uint8Array(bytes);
    unknown[0]! ^= 1;
    expect(decodeEvent(unknown)).toBeUndefined();
  });
});
