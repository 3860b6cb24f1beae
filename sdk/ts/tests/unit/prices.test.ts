// Prices are read from accounts in their genuine format.
import { describe, expect, it } from 'vitest';
import { DataError, decodePrice } from '../../src/index.js';
import { golden, goldenDirectory, listing } from '../golden.js';

const directory = await goldenDirectory();
const sol = listing(directory.markets.get(1)!.priceAccount);
const changed = (at: number, ...bytes: number[]) => {
  const data = new Uint8Array(sol.data);
  data.set(bytes, at);
  return { ...sol, data };
};

describe('a price', () => {
  it('is what the account says', () => {
    const shown = decodePrice(sol);
    expect(shown).toEqual({
      price: BigInt(golden.quote['sol_price'] as string),
      confidence: 20_531_000_000n / 2_000n,
      publishTime: BigInt(golden.now),
    });
  });

  it('is scaled to eight decimals, rounded down', () => {
    const exponent = (value: number) => changed(41 + 48, ...new Uint8Array(new Int32Array([value]).buffer));
    expect(decodePrice(exponent(-7)).price).toBe(205_310_000_000n);
    expect(decodePrice(exponent(-15)).price).toBe(2_053n);
    for (const odd of [-31, 11, 2 ** 31 - 1, -(2 ** 31)])
      expect(() => decodePrice(exponent(odd)), `${odd}`).toThrow(DataError);
  });

  it('of another account, or one cut short, is refused', () => {
    expect(() => decodePrice(changed(0, 0))).toThrow('no update');
    expect(() => decodePrice({ ...sol, data: sol.data.subarray(0, 100) })).toThrow('no update');
    expect(() => decodePrice({ ...sol, data: sol.data.subarray(0, 101) })).not.toThrow();
    expect(() => decodePrice({ ...sol, data: new Uint8Array() })).toThrow('no update');
  });
});
