// Addresses and accounts are read as the Rust crates write them.
import type { Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  CLEARINGHOUSE_DISCRIMINATOR,
  DataError,
  decodeAccount,
  findBankPda,
  findBoardPda,
  findClearinghousePda,
  findMarginAccountPda,
  findMarketPda,
  findQuotesPda,
  findVaultPda,
  findVenuePda,
  getClearinghouseDecoder,
  getClearinghouseEncoder,
  getCollateralBankEncoder,
  getCollateralBankDecoder,
  getMarketDecoder,
  getMarketEncoder,
  getMarginAccountEncoder,
  PORTFOLIO_MARGIN_PROGRAM_ADDRESS,
  priceAddress,
} from '../../src/index.js';
import { account, fromHex, golden, goldenDirectory, listing, raw, toHex } from '../golden.js';

const at = golden.addresses as Record<string, Address>;

describe('addresses', () => {
  const cases: [string, Promise<readonly [Address, number]>][] = [
    ['house_0', findClearinghousePda({ id: 0 })],
    ['house_513', findClearinghousePda({ id: 513 })],
    ['bank', findBankPda({ clearinghouse: at['house']!, mint: at['mint']! })],
    ['vault', findVaultPda({ bank: at['bank']! })],
    ['market_1', findMarketPda({ clearinghouse: at['house']!, index: 1 })],
    ['market_258', findMarketPda({ clearinghouse: at['house']!, index: 258 })],
    ['margin_0', findMarginAccountPda({ clearinghouse: at['house']!, owner: at['owner']!, subAccount: 0 })],
    ['margin_258', findMarginAccountPda({ clearinghouse: at['house']!, owner: at['owner']!, subAccount: 258 })],
    ['board', findBoardPda({ market: at['btc']! })],
    ['venue', findVenuePda({ clearinghouse: at['house']!, program: at['venue_program']! })],
    ['quotes', findQuotesPda({ marginAccount: at['margin_0']! })],
  ];
  it.each(cases)('%s is where the program puts it', async (name, found) => {
    expect((await found)[0]).toBe(at[name]);
  });

  it('the program is the one that was built', () => expect(PORTFOLIO_MARGIN_PROGRAM_ADDRESS).toBe(at['program']));

  it('a pulled price is at the push oracle, a legacy one is its feed, another kind is refused', async () => {
    const feed = fromHex(at['btc_feed']!);
    expect(await priceAddress(0, feed)).toBe(at['btc_price']);
    expect(await priceAddress(0, feed, { [at['btc_feed']!]: at['owner']! })).toBe(at['owner']);
    const legacy = await priceAddress(1, fromHex('07'.repeat(32)));
    expect(legacy).toBe(at['venue_program']);
    await expect(priceAddress(2, feed)).rejects.toThrow(DataError);
  });
});

describe('accounts', () => {
  it.each(golden.accounts.map((text) => [text.name, text] as const))('%s is read with its positions', (_name, text) => {
    const { header, positions } = decodeAccount(raw(text.raw).data);
    expect(header.owner).toBe(text.owner);
    expect(header.clearinghouse).toBe(at['house']);
    expect(header.sequence).toBe(BigInt(text.sequence));
    expect(header.cash).toBe(BigInt(text.cash));
    expect([header.status, header.tier]).toEqual([text.status, text.tier]);
    expect(header.positionCount).toBe(text.positions.length);
    const read = positions.map((p) => [p.market, p.instrument, p.expiry, p.strike, p.lnStrike, p.quantity, p.cost]);
    const want = text.positions.map(([market, instrument, ...rest]) => [market, instrument, ...rest.map(BigInt)]);
    expect(read).toEqual(want);
  });

  it('every layout, decoded and encoded again, gives the same bytes', () => {
    const seen = { house: 0, bank: 0, market: 0 };
    for (const text of golden.listings) {
      const { data } = raw(text);
      if (data.length === 608) {
        expect(getClearinghouseEncoder().encode(getClearinghouseDecoder().decode(data))).toEqual(data);
        seen.house += 1;
      } else if (data.length === 560) {
        expect(getCollateralBankEncoder().encode(getCollateralBankDecoder().decode(data))).toEqual(data);
        seen.bank += 1;
      } else if (data.length === 7992) {
        expect(getMarketEncoder().encode(getMarketDecoder().decode(data))).toEqual(data);
        seen.market += 1;
      }
    }
    expect(seen).toEqual({ house: 1, bank: 2, market: 2 });
    for (const text of golden.accounts) {
      const { data } = raw(text.raw);
      const { header } = decodeAccount(data);
      expect(toHex(getMarginAccountEncoder().encode(header))).toBe(toHex(data.subarray(0, 560)));
    }
  });

  it('the clearing house counts what is listed', () => {
    const house = getClearinghouseDecoder().decode(listing(at['house']!).data);
    expect([house.bankCount, house.marketCount, house.portfolioMinimumEquity]).toEqual([2, 2, 10_000_000_000n]);
  });

  it('another account, a cut one, and one that counts more than it holds are refused', () => {
    const { data } = raw(golden.accounts.find(({ name }) => name === 'spread')!.raw);
    expect(() => decodeAccount(data)).not.toThrow();
    const used = 560 + 64 * account('spread').positions.length;
    expect(() => decodeAccount(data.subarray(0, used))).not.toThrow();
    for (const end of [0, 7, 8, 559, 560, used - 1]) {
      expect(() => decodeAccount(data.subarray(0, end)), `${end}`).toThrow(DataError);
    }
    const other = new Uint8Array(data);
    other.set(CLEARINGHOUSE_DISCRIMINATOR);
    expect(() => decodeAccount(other)).toThrow('not a margin account');
    const many = new Uint8Array(data);
    many.set([0xff, 0xff], 14);
    expect(() => decodeAccount(many)).toThrow('65535 positions');
  });

  it('a directory is made of what is listed', async () => {
    const { banks, markets } = await goldenDirectory();
    expect([...banks.keys()].sort()).toEqual([0, 1]);
    expect([...markets.keys()].sort()).toEqual([0, 1]);
  });
});
