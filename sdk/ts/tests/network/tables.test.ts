// Lookup tables on the network: made, found, extended, and a trade so wide that it fits no transaction without one.
import { generateKeyPairSigner, getAddressEncoder, type Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  asLookupTables,
  createLookupTable,
  depositInstruction,
  extendLookupTable,
  fetchLookupTables,
  findLookupTables,
  getGrowMarginAccountInstruction,
  MARGIN_ACCOUNT_SIZE,
  POSITION_SIZE,
  sendInstructions,
  tableAddresses,
  tradeInstruction,
  type Loaded,
  type LookupTable,
  type TradeLegArgs,
} from '../../src/index.js';
import { directory, engine, everybody, load, rpc, spot, user, type User } from './network.js';

// nobody else trades with these: their books grow wide here
const [taker, other] = [await user('keeper'), await user('keeper2')];
const payer = taker.signer;
const addresses = tableAddresses(directory);

/** Most legs of a trade. */
const MOST_LEGS = 16;

/** As many legs as a trade may have, all bought: the perpetual of every market at its price, then options that somebody holds, at their marks. */
async function wide(quantity: bigint): Promise<TradeLegArgs[]> {
  const legs = new Map<string, TradeLegArgs>();
  const add = (leg: TradeLegArgs) => {
    if (legs.size < MOST_LEGS) legs.set([leg.market, leg.instrument, leg.expiry, leg.strike].join(), leg);
  };
  for (const market of directory.markets.keys())
    add({ market, instrument: 0, expiry: 0n, strike: 0n, quantity, price: await spot(market) });
  for (const account of await everybody()) {
    if (legs.size === MOST_LEGS) break;
    for (const { market, legs: held } of engine.greeks(await load(account)).markets) {
      for (const { instrument, expiry, strike, quantity: size, greeks } of held) {
        const isWorth = greeks.mark < -1_000_000n || greeks.mark > 1_000_000n;
        // 1e-6 USD for 1e-6 base units, in 1e-8 USD
        const price = (greeks.mark * 100_000_000n) / size;
        if (instrument >= 2 && isWorth) add({ market, instrument, expiry, strike, quantity, price });
      }
    }
  }
  return [...legs.values()];
}

/** Makes room for twice as many positions as a trade may have. */
async function roomy({ signer, margin }: User): Promise<Loaded> {
  const { data } = (await load(margin)).bundle.find(({ address }) => address === margin)!;
  if ((data.length - MARGIN_ACCOUNT_SIZE) / POSITION_SIZE < 2 * MOST_LEGS) {
    const grow = getGrowMarginAccountInstruction({ owner: signer, marginAccount: margin, capacity: 2 * MOST_LEGS });
    await sendInstructions(rpc, signer, [grow]);
  }
  return load(margin);
}

describe.sequential('a lookup table', () => {
  let table: LookupTable;

  it('is made of what the house lists, in several transactions, and serves', async () => {
    const further = await Promise.all(Array.from({ length: 20 }, async () => (await generateKeyPairSigner()).address));
    expect(addresses.length).toBeGreaterThan(10);
    table = await createLookupTable(rpc, [...addresses, ...further], { payer });
    expect(table.addresses).toEqual([...addresses, ...further]);
    expect(table.authority).toBe(payer.address);
  });

  it('is found by its authority, and fetched by its address', async () => {
    const found = await findLookupTables(rpc, payer.address);
    expect(found.find(({ address }) => address === table.address)).toEqual(table);
    expect(await fetchLookupTables(rpc, [table.address])).toEqual([table]);
    const stranger = (await generateKeyPairSigner()).address;
    expect(await findLookupTables(rpc, stranger)).toEqual([]);
    await expect(fetchLookupTables(rpc, [taker.margin])).rejects.toThrow('no lookup table');
  });

  it('is extended by what it lacks, and by its authority alone', async () => {
    const extended = await extendLookupTable(rpc, table, [...addresses, taker.margin, other.margin, taker.margin], {
      payer,
    });
    expect(extended.addresses).toEqual([...table.addresses, taker.margin, other.margin]);
    expect(await extendLookupTable(rpc, extended, addresses, { payer })).toEqual(extended);
    const thief = { payer: other.signer };
    await expect(extendLookupTable(rpc, extended, [other.signer.address], thief)).rejects.toThrow('instruction 0');
    table = extended;
  });

  it('carries a deposit and a trade of sixteen legs that fit no transaction without it', async () => {
    const [before, seller] = [await roomy(taker), await roomy(other)];
    const legs = await wide(1_000n);
    expect(legs).toHaveLength(MOST_LEGS);
    const sides = { taker: before, maker: seller, takerOwner: taker.signer, makerOwner: other.signer };
    const wallet = taker.tokens['USDC']!;
    const all = [
      depositInstruction({ directory, owner: taker.signer, margin: before, bank: 0, wallet, amount: 1_000_000n }),
      tradeInstruction({ directory, ...sides, legs }),
    ];
    const alone = sendInstructions(rpc, taker.signer, all);
    await expect(alone).rejects.toThrow(/^the transaction has 1\d\d\d bytes, of 1232 at the most: use a lookup table$/);
    const sent = await sendInstructions(rpc, taker.signer, all, { lookupTables: asLookupTables(directory, [table]) });
    const after = await load(taker.margin);
    for (const leg of legs) {
      const held = ({ account }: typeof after) =>
        account.positions.find(
          ({ market, instrument, expiry, strike }) =>
            market === leg.market && instrument === leg.instrument && expiry === leg.expiry && strike === leg.strike,
        )?.quantity ?? 0n;
      expect(held(after) - held(before), JSON.stringify([leg.market, Number(leg.expiry)])).toBe(1_000n);
    }
    const config = { commitment: 'confirmed', encoding: 'base64', maxSupportedTransactionVersion: 0 } as const;
    const transaction = await rpc.getTransaction(sent.signature, config).send();
    const wire = Buffer.from(transaction!.transaction[0], 'base64');
    expect(wire.length).toBeLessThanOrEqual(1_232);
    const names = (key: Address) => wire.includes(Buffer.from(getAddressEncoder().encode(key)));
    expect(names(table.address)).toBe(true);
    // looked up is what the house lists alone, though the table names more
    expect([names(taker.margin), names(other.margin)]).toEqual([true, true]);
    for (const { address } of directory.markets.values()) expect(names(address)).toBe(false);
    console.log(`${legs.length} legs in ${directory.markets.size} markets: ${wire.length} bytes with the table`);
  });
});
