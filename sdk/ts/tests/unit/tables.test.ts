// Lookup tables name what the Rust crates put into them, and are read only where they are tables in use.
import {
  AccountRole,
  createNoopSigner,
  getAddressDecoder,
  getAddressEncoder,
  getProgramDerivedAddress,
  type Address,
} from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  asLookupTables,
  createLookupTable,
  createLookupTableInstruction,
  DataError,
  decodeLookupTable,
  extendLookupTableInstruction,
  fetchLookupTables,
  findLookupTables,
  LOOKUP_TABLE_PROGRAM_ADDRESS,
  MOST_TABLE_ADDRESSES,
  tableAddresses,
  type RawAccount,
} from '../../src/index.js';
import { golden, goldenDirectory, metasOf, toHex } from '../golden.js';
import { serve } from '../server.js';

const directory = await goldenDirectory();
const [authority, other] = [golden.addresses['owner'] as Address, golden.nobody];
const named = tableAddresses(directory);

/** The bytes of a table as the runtime keeps them: kind, two slots, where the last addition begins, authority, padding, addresses. */
function table(
  change: {
    deactivation?: bigint;
    extended?: bigint;
    from?: number;
    kind?: number;
    mark?: number;
    addresses?: Address[];
  } = {},
) {
  const { deactivation = 2n ** 64n - 1n, extended = 5n, from = 1, kind = 1, mark = 1, addresses = named } = change;
  const data = new Uint8Array(56 + 32 * addresses.length);
  const view = new DataView(data.buffer);
  view.setUint32(0, kind, true);
  view.setBigUint64(4, deactivation, true);
  view.setBigUint64(12, extended, true);
  data[20] = from;
  data[21] = mark;
  data.set(getAddressEncoder().encode(authority), 22);
  addresses.forEach((address, at) => data.set(getAddressEncoder().encode(address), 56 + 32 * at));
  return { address: other, owner: LOOKUP_TABLE_PROGRAM_ADDRESS, data };
}

describe('what a table names', () => {
  it('is what the Rust crates put into one, in their order', () => {
    expect(named).toEqual(golden.table);
    expect(new Set(named).size).toBe(named.length);
  });

  it('has the price of the quote asset where there is one', () => {
    const quotePriceAccount = golden.nobody;
    expect(tableAddresses({ ...directory, quotePriceAccount: undefined })).not.toContain(quotePriceAccount);
    expect(tableAddresses({ ...directory, quotePriceAccount })[1]).toBe(quotePriceAccount);
  });

  it('does not depend on the order in which things were listed', () => {
    const turned = {
      ...directory,
      markets: new Map([...directory.markets].reverse()),
      banks: new Map([...directory.banks].reverse()),
    };
    expect(tableAddresses(turned)).toEqual(named);
  });
});

describe('a table', () => {
  it('serves what was added from the next slot on', () => {
    expect(decodeLookupTable(table(), 5n).addresses).toEqual(named.slice(0, 1));
    const { address, ...read } = decodeLookupTable(table(), 6n);
    expect([address, read]).toEqual([other, { authority, addresses: named }]);
    expect(decodeLookupTable(table({ mark: 0 }), 6n).authority).toBeUndefined();
    expect(decodeLookupTable(table({ addresses: [], from: 0 }), 6n).addresses).toEqual([]);
  });

  const most = Array.from({ length: MOST_TABLE_ADDRESSES }, () => authority);
  const bad: [string, RawAccount, string][] = [
    ['of another program', { ...table(), owner: authority }, 'no lookup table'],
    ['of another kind', table({ kind: 0 }), 'no lookup table'],
    ['with an odd mark', table({ mark: 2 }), 'no lookup table'],
    ['that is being closed', table({ deactivation: 9n }), 'deactivated in slot 9'],
    ['extended behind its end', table({ from: named.length + 1 }), 'no lookup table'],
    ['of too many', table({ addresses: [...most, authority] }), 'no lookup table'],
  ];
  it.each(bad)('%s is none in use', (_what, account, text) => {
    expect(() => decodeLookupTable(account, 6n)).toThrow(DataError);
    expect(() => decodeLookupTable(account, 6n)).toThrow(text);
  });

  it('of as many as there may be is one; cut anywhere but between addresses it is none', () => {
    expect(decodeLookupTable(table({ addresses: most }), 6n).addresses).toHaveLength(256);
    const { data, ...rest } = table();
    for (let end = 0; end < data.length; end += 1) {
      const read = () => decodeLookupTable({ ...rest, data: data.subarray(0, end) }, 6n);
      const isWhole = end >= 56 + 32 && (end - 56) % 32 === 0; // its first address came before the last addition
      if (isWhole) expect(read().addresses).toHaveLength((end - 56) / 32);
      else expect(read, `${end}`).toThrow(DataError);
    }
  });

  it('is looked into for what the house lists, and for nothing else, in its place', () => {
    const [first, , second] = named; // between them the price of the quote asset
    const addresses = [first!, other, second!, authority];
    const read = decodeLookupTable(table({ addresses }), 6n);
    const nobody = getAddressDecoder().decode(new Uint8Array(32).fill(255));
    expect(asLookupTables(directory, [read])).toEqual({ [other]: [first, nobody, second, nobody] });
    expect(asLookupTables({ ...directory, markets: new Map(), banks: new Map() }, [read])[other]![2]).toBe(nobody);
    expect(read.addresses).toEqual(addresses);
  });

  it('is fetched as of the slot of the answer, and found by its authority alone', async () => {
    const one = { ...table(), address: directory.clearinghouse };
    expect(await fetchLookupTables(serve([one]).rpc, [one.address])).toEqual([decodeLookupTable(one, 7n)]);
    await expect(fetchLookupTables(serve([]).rpc, [one.address])).rejects.toThrow('there is no account');
    const answer = (accounts: RawAccount[]) =>
      serve([], (value, { method }) =>
        method === 'getProgramAccounts'
          ? {
              context: { slot: 7 },
              value: accounts.map(({ address, owner, data }) => ({
                pubkey: address,
                account: {
                  owner,
                  data: [Buffer.from(data).toString('base64'), 'base64'],
                  lamports: 1,
                  executable: false,
                  space: 0,
                },
              })),
            }
          : value,
      ).rpc;
    const found = await findLookupTables(answer([one, table({ deactivation: 6n })]), authority);
    expect(found).toEqual([decodeLookupTable(one, 7n)]);
    await expect(findLookupTables(answer([one]), other)).rejects.toThrow('not what the server was asked for');
    await expect(findLookupTables(answer([{ ...one, data: new Uint8Array(3) }]), authority)).rejects.toThrow(DataError);
  });
});

describe('making a table', () => {
  const signer = createNoopSigner(authority);
  const payer = createNoopSigner(other);

  it('is the instruction of the lookup table program, at the address that follows from authority and slot', async () => {
    const { address, instruction } = await createLookupTableInstruction(authority, payer, 0x0102030405n);
    const slot = new Uint8Array([5, 4, 3, 2, 1, 0, 0, 0]);
    const seeds = [getAddressEncoder().encode(authority), slot];
    const [want, bump] = await getProgramDerivedAddress({ programAddress: LOOKUP_TABLE_PROGRAM_ADDRESS, seeds });
    expect(address).toBe(want);
    expect(toHex(instruction.data!)).toBe(`00000000${toHex(slot)}${toHex([bump])}`);
    expect(metasOf(instruction).map(([, role]) => role)).toEqual([
      AccountRole.WRITABLE,
      AccountRole.READONLY,
      AccountRole.WRITABLE_SIGNER,
      AccountRole.READONLY,
    ]);
    const extended = extendLookupTableInstruction(address, signer, payer, named.slice(0, 2));
    const bytes = named.slice(0, 2).map((key) => toHex(getAddressEncoder().encode(key)));
    expect(toHex(extended.data!)).toBe(`020000000200000000000000${bytes.join('')}`);
    expect(metasOf(extended).map(([, role]) => role)).toEqual([
      AccountRole.WRITABLE,
      AccountRole.READONLY_SIGNER,
      AccountRole.WRITABLE_SIGNER,
      AccountRole.READONLY,
    ]);
  });

  it('of more than 256 addresses is refused before anything is sent', async () => {
    const { rpc, requests } = serve([]);
    const bytes = (at: number) => new Uint8Array(32).fill(at % 250).fill(1 + Math.floor(at / 250), 0, 1);
    const many = await Promise.all(
      Array.from(
        { length: 257 },
        async (_, at) => (await getProgramDerivedAddress({ programAddress: other, seeds: [bytes(at)] }))[0],
      ),
    );
    const send = createLookupTable(rpc, many, { payer });
    await expect(send).rejects.toThrow(RangeError);
    await expect(send).rejects.toThrow('not 257');
    expect(requests).toHaveLength(0);
  });
});
