// Greeks and risk matrices in wasm are what the program returned, to the byte, and nothing else is read as one.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  DataError,
  decodeGreeksView,
  decodeLegGreeksView,
  decodeRiskMatrixView,
  describeMatrix,
  encodeBundle,
  Engine,
  EngineError,
  ERROR_CODES,
  gatherGreeks,
  getMarketDecoder,
  GREEKS_VIEW_SIZE,
  LEG_GREEKS_VIEW_SIZE,
  MATRIX_VIEW_SIZE,
  type Greeks,
  type GreeksPage,
} from '../../src/index.js';
import { account, accountText, fromHex, golden, goldenDirectory, listing, loaded, raw, toHex } from '../golden.js';

const directory = await goldenDirectory();
const engine = await Engine.load(await readFile(new URL('../../dist/engine.wasm', import.meta.url)));
const now = BigInt(golden.now);
const cases = golden.accounts.map(({ name }) => [name]);
const bundleOf = (name: string) => encodeBundle(now, loaded(name, directory).bundle);

/** The code with which the engine refuses. */
function refusal(ask: () => unknown): [number, string] {
  try {
    ask();
  } catch (error) {
    if (error instanceof EngineError) return [error.code, error.message];
    throw error;
  }
  throw new Error('not refused');
}

describe('the pages', () => {
  it.each(cases)('of %s are what the program returned, to the byte', (name) => {
    const { pages } = accountText(name);
    const bundle = bundleOf(name);
    const bytes = (page: GreeksPage) => toHex(engine.greeksBytes(bundle, page));
    expect(bytes({ __kind: 'Account' })).toBe(pages.account);
    for (const { market, expiries, legs, matrix } of pages.markets) {
      expect(bytes({ __kind: 'Market', market, first: 0 }), `${market}`).toBe(expiries);
      expect(bytes({ __kind: 'Legs', market, first: 0 }), `${market}`).toBe(legs);
      expect(toHex(engine.matrixBytes(bundle, market)), `${market}`).toBe(matrix);
    }
  });

  it('are as many as they should be: every account with every market that it holds', () => {
    const held = golden.accounts.map(({ name, pages }) => [
      [...new Set(account(name).positions.map(({ market }) => market))],
      pages.markets.map(({ market }) => market),
    ]);
    for (const [markets, paged] of held) expect(paged).toEqual(markets);
    expect(held.flatMap(([markets]) => markets!).length).toBeGreaterThan(6);
  });

  it('of a market that is not held, or behind the last row, are refused as the program refuses them', () => {
    const bundle = bundleOf('long');
    const asks = [
      () => engine.greeksBytes(bundle, { __kind: 'Market', market: 1, first: 0 }),
      () => engine.greeksBytes(bundle, { __kind: 'Legs', market: 65_535, first: 0 }),
      () => engine.greeksBytes(bundle, { __kind: 'Legs', market: 65_536, first: 0 }),
      () => engine.greeksBytes(bundle, { __kind: 'Legs', market: -1, first: 0 }),
      () => engine.greeksBytes(bundle, { __kind: 'Legs', market: 0, first: 1 }),
      () => engine.greeksBytes(bundle, { __kind: 'Market', market: 0, first: 256 }),
      () => engine.matrixBytes(bundle, 1),
      () => engine.matrix(loaded('long', directory), 1),
    ];
    for (const ask of asks) expect(refusal(ask)[0]).toBe(ERROR_CODES.ViewOutOfRange);
    const [, text] = refusal(asks[5]!);
    expect(text).toBe('a page from row 255 on, of 1 rows');
  });

  it('at a stale price are refused with the code that margin is refused with', () => {
    const spread = loaded('spread', directory);
    expect(() => engine.greeks(spread, now + 60n)).not.toThrow();
    expect(refusal(() => engine.greeks(spread, now + 61n))[0]).toBe(ERROR_CODES.OracleStale);
    expect(() => engine.matrix(spread, 0, now + 60n)).not.toThrow();
    expect(refusal(() => engine.matrix(spread, 0, now + 61n))[0]).toBe(ERROR_CODES.OracleStale);
  });
});

describe('an account', () => {
  it.each(cases)('%s: legs add up to expiries, expiries to markets, markets to the whole', (name) => {
    const { positions } = account(name);
    const report = engine.greeks(loaded(name, directory));
    const names = ['mark', 'gamma', 'vega', 'theta', 'rho'] as const;
    const sum = (each: Greeks[], of: keyof Greeks) => each.reduce((total, greeks) => total + greeks[of], 0n);
    const legs = report.markets.flatMap((market) => market.legs.map((leg) => ({ market: market.market, ...leg })));
    expect(
      legs.map(({ market, instrument, expiry, strike, quantity }) => [market, instrument, expiry, strike, quantity]),
    ).toEqual(positions.map((held) => [held.market, held.instrument, held.expiry, held.strike, held.quantity]));
    for (const market of report.markets) {
      const nets = market.expiries.map(({ greeks }) => greeks.net);
      for (const greek of names) {
        expect(
          sum(
            market.legs.map(({ greeks }) => greeks),
            greek,
          ),
        ).toBe(market.sum.net[greek]);
        expect(sum(nets, greek)).toBe(market.sum.net[greek]);
      }
      // in base units, times spot, toward zero
      const delta = sum(nets, 'delta');
      expect((delta * market.spot) / 100_000_000n).toBe(market.sum.net.delta);
      expect(
        sum(
          market.legs.map(({ greeks }) => greeks),
          'delta',
        ),
      ).toBe(delta);
    }
    for (const greek of [...names, 'delta'] as const) {
      for (const side of ['net', 'gross'] as const)
        expect(
          sum(
            report.markets.map((market) => market.sum[side]),
            greek,
          ),
        ).toBe(report.sum[side][greek]);
    }
    // rounded by leg here, and by expiry in the margin
    const apart = report.sum.net.mark - engine.margin(loaded(name, directory)).mark;
    expect(apart < 0n ? -apart : apart).toBeLessThanOrEqual(legs.length);
    expect([report.now, report.doubt]).toEqual([now, 0]);
  });

  it('has a matrix per market, whose worst scenario sets the scan of its margin', () => {
    const spread = loaded('spread', directory);
    const { markets } = engine.margin(spread);
    expect(markets).toHaveLength(2);
    for (const { market, scan, mark, worstScenario } of markets) {
      const matrix = engine.matrix(spread, market);
      expect([matrix.market, matrix.scan, matrix.mark, matrix.isLiquidating]).toEqual([market, scan, mark, false]);
      expect(matrix.worst).toEqual({ kind: 'scenario', index: worstScenario });
      expect(matrix.scenarios[worstScenario]!.pnl).toBe(scan);
      const least = matrix.scenarios.reduce((worst, { pnl }) => (pnl < worst ? pnl : worst), 0n);
      expect(least).toBe(scan);
      const base = matrix.scenarios[matrix.base]!;
      expect([base.spot, base.volShock, base.damping]).toEqual([2n ** 30n, 'none', 2n ** 30n]);
    }
    expect(engine.matrix(loaded('fallen', directory), 0).isLiquidating).toBe(true);
    // a long perpetual loses most where spot falls most
    const long = engine.matrix(loaded('long', directory), 0);
    if (long.worst.kind !== 'scenario') throw new Error('a floor is worse than any scenario');
    expect(long.scenarios[long.worst.index]!.spot).toBeLessThan(2n ** 30n);
    expect(long.netDelta).toBe((account('long').positions[0]!.quantity * long.spot) / 100_000_000n);
    // shown under the portfolio model in any tier
    expect(engine.matrix(loaded('plain', directory), 0)).toMatchObject({ tier: 0 });
  });
});

describe('bytes that are no such view', () => {
  const { pages } = accountText('spread');
  const first = pages.markets[0]!;
  const readers: [string, Uint8Array, (data: Uint8Array) => unknown, number][] = [
    ['an account', fromHex(pages.account), decodeGreeksView, GREEKS_VIEW_SIZE],
    ['a market', fromHex(first.expiries), decodeGreeksView, GREEKS_VIEW_SIZE],
    ['legs', fromHex(first.legs), decodeLegGreeksView, LEG_GREEKS_VIEW_SIZE],
    ['a matrix', fromHex(first.matrix), decodeRiskMatrixView, MATRIX_VIEW_SIZE],
  ];
  it.each(readers)('are not read as %s', (_name, bytes, read, size) => {
    expect(bytes).toHaveLength(size);
    // the runtime cuts trailing zeros off
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    expect(read(bytes.subarray(0, end))).toEqual(read(bytes));
    expect(() => read(new Uint8Array([...bytes, 0]))).toThrow(DataError);
    const other = (at: number, value: number) => {
      const changed = bytes.slice();
      changed[at] = value;
      return changed;
    };
    for (const version of [0, 2, 4]) expect(() => read(other(0, version))).toThrow(`version ${version}`);
    expect(() => read(other(1, 255))).toThrow(DataError);
  });

  it('name no scenario that there is not, as the worst or the base', () => {
    const bytes = fromHex(first.matrix);
    const { pnl } = decodeRiskMatrixView(bytes);
    for (const [at, value] of [
      [2, pnl.length],
      [3, pnl.length],
      [3, 253],
    ] as const) {
      const changed = bytes.slice();
      changed[at] = value;
      expect(() => decodeRiskMatrixView(changed), `${at}: ${value}`).toThrow(DataError);
    }
    const [basis, delta] = [254, 255].map((value) => decodeRiskMatrixView(bytes.slice().fill(value, 3, 4)).worst);
    expect([basis, delta]).toEqual([{ kind: 'basis' }, { kind: 'minDelta' }]);
    const { scenarios } = getMarketDecoder().decode(listing(directory.markets.get(0)!.address).data);
    const view = decodeRiskMatrixView(bytes);
    expect(describeMatrix(view, scenarios).scenarios).toHaveLength(pnl.length);
    expect(() => describeMatrix(view, { ...scenarios, count: scenarios.count - 1 })).toThrow(DataError);
  });

  it('as pages that never end are not asked for for ever, and all pages that there are are put together', () => {
    let asked = 0;
    /** Pages of rows that are numbered by expiry, as many as `total`, `each` on a page. */
    const pagesOf = (total: number, each: number) => (page: GreeksPage) => {
      asked += 1;
      const [size, head, row] = page.__kind === 'Legs' ? [LEG_GREEKS_VIEW_SIZE, 32, 80] : [GREEKS_VIEW_SIZE, 120, 112];
      const first = page.__kind === 'Account' ? 0 : page.first;
      const count = Math.min(total - first, each);
      const bytes = new Uint8Array(size);
      bytes.set([3, count, first, total]);
      const key = head + (page.__kind === 'Legs' ? 8 : 0);
      for (let at = 0; at < count; at += 1) bytes[key + at * row] = first + at;
      return bytes;
    };
    expect(() => gatherGreeks(pagesOf(9, 0), [0])).toThrow('an empty page, at row 0 of 9');
    expect(asked).toBeLessThan(5);
    asked = 0;
    const { markets } = gatherGreeks(pagesOf(20, 8), [5]);
    const numbers = Array.from({ length: 20 }, (_, at) => BigInt(at));
    expect(markets.map(({ market }) => market)).toEqual([5]);
    expect(markets[0]!.expiries.map(({ expiry }) => expiry)).toEqual(numbers);
    expect(markets[0]!.legs.map(({ expiry }) => expiry)).toEqual(numbers);
    expect(asked).toBe(1 + 3 + 3);
  });

  it('changed at random trap nothing, whatever is asked of them', () => {
    const { address } = raw(accountText('spread').raw);
    const whole = bundleOf('spread');
    let state = 0x1d872b41;
    const next = (below: number) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    let [shown, refused] = [0, 0];
    for (let round = 0; round < 2_000; round += 1) {
      const changed = whole.slice();
      for (let bytes = 1 + next(4); bytes > 0; bytes -= 1) changed[next(changed.length)] = next(256);
      const asks = [
        () => engine.greeksBytes(changed, { __kind: 'Account' }),
        () => engine.greeksBytes(changed, { __kind: 'Market', market: next(2), first: next(3) }),
        () => engine.greeksBytes(changed, { __kind: 'Legs', market: next(2), first: next(3) }),
        () => engine.matrixBytes(changed, next(2)),
      ];
      try {
        asks[round % 4]!();
        shown += 1;
      } catch (error) {
        expect(error, address).toBeInstanceOf(EngineError);
        expect((error as Error).message).not.toMatch(/^the engine stopped/);
        refused += 1;
      }
    }
    expect(Math.min(shown, refused)).toBeGreaterThan(50);
    expect(toHex(engine.greeksBytes(whole, { __kind: 'Account' }))).toBe(pages.account);
  });
});
