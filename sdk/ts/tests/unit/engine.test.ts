// The engine in wasm says of accounts what the program says, to the byte, and answers bad bundles with a typed refusal.
import { readFile } from 'node:fs/promises';
import type { Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import { decodeMarginView, encodeBundle, Engine, EngineError, ERROR_CODES, type RawAccount } from '../../src/index.js';
import { accountText, fromHex, golden, goldenDirectory, loaded, toHex } from '../golden.js';

const directory = await goldenDirectory();
const bytes = await readFile(new URL('../../dist/engine.wasm', import.meta.url));
const engine = await Engine.load(bytes);
const now = BigInt(golden.now);

/** The code with which the engine refuses, and what it says. */
function refusal(at: bigint, accounts: RawAccount[]): [number, string] {
  try {
    engine.marginBytes(encodeBundle(at, accounts));
  } catch (error) {
    if (error instanceof EngineError) return [error.code, error.message];
    throw error;
  }
  throw new Error('not refused');
}
const code = (at: bigint, accounts: RawAccount[]): number => refusal(at, accounts)[0];

describe('margin', () => {
  it.each(golden.accounts.map(({ name, view }) => [name, view]))(
    'of %s is what the program returned, to the byte',
    (name, view) => {
      const { bundle } = loaded(name, directory);
      expect(toHex(engine.marginBytes(encodeBundle(now, bundle)))).toBe(view);
    },
  );

  it('is read as the program wrote it', () => {
    const report = engine.margin(loaded('spread', directory));
    expect(report).toEqual(decodeMarginView(fromHex(accountText('spread').view)));
    expect(report.markets.map(({ market }) => market)).toEqual([0, 1]);
    expect([report.tier, report.doubt, report.refusal, report.wouldOpen, report.isLiquidating, report.now]).toEqual([
      1,
      0,
      0,
      true,
      false,
      now,
    ]);
    expect(report.equity).toBe(report.mark + report.cash + report.collateral);
    const fallen = engine.margin(loaded('fallen', directory));
    expect([fallen.isLiquidating, fallen.wouldOpen, fallen.refusal]).toEqual([true, false, ERROR_CODES.RiskNotReduced]);
    expect(fallen.maintenanceHealth).toBeLessThan(0n);
  });

  it('of any compiled form of the module is the same', async () => {
    const forms = [new WebAssembly.Module(bytes), new Response(bytes), Promise.resolve(new Response(bytes))];
    for (const form of forms) {
      const other = await Engine.load(form);
      expect(other.margin(loaded('wheel', directory))).toEqual(engine.margin(loaded('wheel', directory)));
    }
  });
});

describe('a refusal', () => {
  const { bundle } = loaded('spread', directory);

  it('of a stale price comes the second after the last at which it is good', () => {
    // The golden world takes prices of 60 seconds at the most, all published at its time.
    expect(() => engine.margin(loaded('spread', directory), now + 60n)).not.toThrow();
    const [number, text] = refusal(now + 61n, bundle);
    expect(number).toBe(ERROR_CODES.OracleStale);
    expect(text).toMatch(/61/);
    expect(code(now - 61n, bundle)).toBe(ERROR_CODES.OracleFuture);
  });

  it('of accounts missing, left over, or in another order has the code that the program refuses them with', () => {
    expect(code(now, bundle.slice(0, -1))).toBe(ERROR_CODES.RemainingAccountMissing);
    expect(code(now, bundle.slice(0, -2))).toBe(ERROR_CODES.RemainingAccountMissing);
    expect(code(now, [...bundle, bundle[2]!])).toBe(ERROR_CODES.UnexpectedAccount);
    const swapped = [...bundle.slice(0, 4), ...bundle.slice(6, 8), ...bundle.slice(4, 6)];
    expect(code(now, swapped)).toBe(ERROR_CODES.MarketMismatch);
    const [house, account, bank, , ...rest] = bundle;
    expect(code(now, [house!, account!, bank!, rest[1]!, ...rest])).toBe(ERROR_CODES.OracleFeedMismatch);
  });

  it('of two price accounts of one feed is that of the program', () => {
    const { bundle: both } = loaded('wheel', directory);
    const twin = { ...both.at(-1)!, address: golden.nobody };
    expect(both).toHaveLength(6);
    expect(both[3]).toEqual(both[5]);
    expect(code(now, [...both.slice(0, 5), twin])).toBe(ERROR_CODES.OracleInconsistent);
  });

  it('of a foreign account, one of another type, or one cut short names it', () => {
    const change = (at: number, part: Partial<RawAccount>) =>
      bundle.map((account, place) => (place === at ? { ...account, ...part } : account));
    const foreign = { owner: golden.nobody as Address };
    for (const at of [0, 1, 2, 4, 6]) {
      expect(refusal(now, change(at, foreign)), `${at}`).toEqual([0, expect.stringContaining(bundle[at]!.address)]);
      expect(refusal(now, change(at, { data: bundle[at]!.data.subarray(0, 100) }))[0]).toBe(0);
      expect(refusal(now, change(at, { data: bundle[at === 0 ? 1 : 0]!.data }))[0]).toBe(0);
    }
    for (const at of [3, 5, 7]) expect(code(now, change(at, foreign)), `${at}`).toBe(ERROR_CODES.OracleOwner);
    for (const at of [3, 5, 7])
      expect(code(now, change(at, { data: new Uint8Array() })), `${at}`).toBe(ERROR_CODES.OracleMalformed);
    const otherHouse = change(0, { address: golden.nobody });
    expect(code(now, otherHouse)).toBe(ERROR_CODES.ClearinghouseMismatch);
  });

  it('of bytes that are no bundle is one, for every length and for counts that promise too much', () => {
    const whole = encodeBundle(now, bundle);
    for (let end = 0; end < whole.length; end += 97)
      expect(() => engine.marginBytes(whole.subarray(0, end)), `${end}`).toThrow(EngineError);
    expect(() => engine.marginBytes(new Uint8Array([...whole, 0]))).toThrow('no bundle');
    const version = whole.slice();
    version[0] = 2;
    expect(() => engine.marginBytes(version)).toThrow('no bundle');
    const count = whole.slice();
    count.set([0xff, 0xff, 0xff, 0xff], 12);
    expect(() => engine.marginBytes(count)).toThrow('no bundle');
    const length = whole.slice();
    length.set([0xff, 0xff, 0xff, 0xff], 16 + 64);
    expect(() => engine.marginBytes(length)).toThrow('no bundle');
    expect(engine.marginBytes(whole)).toHaveLength(520);
  });

  it('never traps on bytes changed at random, and the engine works on', () => {
    const whole = encodeBundle(now, bundle);
    let state = 0x2545f491;
    const next = (below: number) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    let refused = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const changed = whole.slice();
      for (let bytes = 1 + next(4); bytes > 0; bytes -= 1) changed[next(changed.length)] = next(256);
      try {
        expect(engine.marginBytes(changed)).toHaveLength(520);
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
        expect((error as Error).message).not.toMatch(/^the engine stopped/);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(10);
    expect(toHex(engine.marginBytes(whole))).toBe(accountText('spread').view);
  });
});
