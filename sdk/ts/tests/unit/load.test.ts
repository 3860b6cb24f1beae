// Loading takes one round trip, and believes no answer that is not what was asked for.
import type { Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  DataError,
  getMarketDecoder,
  getMarketEncoder,
  loadAccount,
  loadDirectory,
  MARKET_DISCRIMINATOR,
  type RawAccount,
} from '../../src/index.js';
import { accountText, golden, goldenDirectory, loaded, raw } from '../golden.js';
import { serve, type Lie } from '../server.js';

const clock = new Uint8Array(40);
new DataView(clock.buffer).setBigInt64(32, BigInt(golden.now), true);
const CLOCK = 'SysvarC1ock11111111111111111111111111111111' as Address;
const accounts: RawAccount[] = [
  ...golden.listings.map(raw),
  ...golden.accounts.map((text) => raw(text.raw)),
  { address: CLOCK, owner: 'Sysvar1111111111111111111111111111111111111' as Address, data: clock },
];
const directory = await goldenDirectory();
const wheel = accountText('wheel').raw.address;
const clearinghouse = directory.clearinghouse;

type Answer = { value: ({ owner: string; data: [string, string] } | null)[] };
/** A lie about the accounts of those addresses. */
const about =
  (addresses: Address[], change: (account: Answer['value'][number]) => Answer['value'][number]): Lie =>
  (value, request) => {
    if (request.method !== 'getMultipleAccounts') return value;
    const keys = request.params[0] as Address[];
    const answer = value as Answer;
    return {
      ...answer,
      value: answer.value.map((account, at) => (addresses.includes(keys[at]!) ? change(account) : account)),
    };
  };

describe('an account', () => {
  it.each(golden.accounts.map(({ name }) => [name]))('%s is loaded in one round trip', async (name) => {
    const { rpc, requests } = serve(accounts);
    const found = await loadAccount(rpc, directory, accountText(name).raw.address);
    expect(requests).toHaveLength(1);
    expect(found).toEqual({ ...loaded(name, directory), slot: 7n });
  });

  it('that grew out of what was expected takes a second one, for the whole', async () => {
    const { rpc, requests } = serve(accounts);
    const expect_ = { banks: [], markets: [0] };
    const found = await loadAccount(rpc, directory, wheel, { expect: expect_ });
    expect(requests).toHaveLength(2);
    expect(found.bundle).toEqual(loaded('wheel', directory).bundle);
    const again = await loadAccount(rpc, directory, wheel, { expect: found.scope });
    expect(requests).toHaveLength(3);
    expect(again).toEqual(found);
  });

  const missing = (address: Address): Lie => about([address], () => null);
  const foreign = (address: Address): Lie => about([address], (account) => account && { ...account, owner: CLOCK });
  const price = directory.markets.get(1)!.priceAccount;
  const lies: [string, Lie, string][] = [
    ['is not there', missing(wheel), 'there is no account'],
    ['has another owner', foreign(wheel), 'not an account of the program'],
    [
      'is cut short',
      about([wheel], (account) => account && { ...account, data: [account.data[0].slice(0, 400), 'base64'] }),
      'cut to',
    ],
    [
      'comes with fewer answers than keys',
      (value) => ({ ...(value as Answer), value: (value as Answer).value.slice(1) }),
      'answered',
    ],
    ['comes without a price', missing(price), 'there is no account'],
    ['comes without its clearing house', missing(clearinghouse), 'there is no account'],
    ['comes without a clock', missing(CLOCK), 'no clock'],
    [
      'comes with a clock of a foreign owner',
      about([CLOCK], (account) => account && { ...account, owner: clearinghouse }),
      'no clock',
    ],
    [
      'comes with a clock that is cut',
      about([CLOCK], (account) => account && { ...account, data: ['AAAA', 'base64'] }),
      'no clock',
    ],
  ];
  it.each(lies)('that %s is refused', async (_what, lie, text) => {
    const { rpc } = serve(accounts, lie);
    const refused = loadAccount(rpc, directory, wheel);
    await expect(refused).rejects.toThrow(DataError);
    await expect(refused).rejects.toThrow(text);
  });

  it('of another clearing house, and one that the directory cannot place, are refused', async () => {
    const { rpc } = serve(accounts);
    await expect(loadAccount(rpc, { ...directory, clearinghouse: wheel }, wheel)).rejects.toThrow(
      'belongs to the clearing house',
    );
    const without = { ...directory, markets: new Map([[0, directory.markets.get(0)!]]) };
    await expect(loadAccount(rpc, without, wheel)).rejects.toThrow('no market 1');
  });
});

describe('a directory', () => {
  it('is what the clearing house lists, by index', async () => {
    const { rpc, requests } = serve(accounts);
    const found = await loadDirectory(rpc, clearinghouse);
    expect(requests).toHaveLength(3);
    expect([...found.banks.values()]).toEqual([0, 1].map((index) => directory.banks.get(index)));
    const symbols = [...found.markets.values()].map(({ symbol, ...rest }) => [symbol, { ...rest, symbol: '' }]);
    expect(symbols).toEqual([
      ['BTC', directory.markets.get(0)],
      ['SOL', directory.markets.get(1)],
    ]);
  });

  type Row = { pubkey: string; account: { owner: string; data: [string, string] } };
  /** A market's row with another kind of price account; a bank's as it is. */
  const ofUnknownKind = (row: Row): Row => {
    const data = new Uint8Array(Buffer.from(row.account.data[0], 'base64'));
    if (!MARKET_DISCRIMINATOR.every((byte, at) => data[at] === byte)) return row;
    const bent = getMarketEncoder().encode({ ...getMarketDecoder().decode(data), oracleKind: 9 });
    return { ...row, account: { ...row.account, data: [Buffer.from(bent).toString('base64'), 'base64'] } };
  };
  const lies: [string, Lie, string | RegExp][] = [
    [
      'fewer accounts than are listed',
      (value, { method }) => (method === 'getProgramAccounts' ? (value as Row[]).slice(1) : value),
      'the server shows',
    ],
    [
      'accounts of another program',
      (value, { method }) =>
        method === 'getProgramAccounts'
          ? (value as Row[]).map((row) => ({ ...row, account: { ...row.account, owner: CLOCK } }))
          : value,
      'not what the server was asked for',
    ],
    ['no clearing house', about([clearinghouse], () => null), 'there is no clearing house'],
    ['a bank without its mint', about([directory.banks.get(1)!.mint], () => null), 'the mint'],
    [
      'a market whose price is of an unknown kind, and a bank without its mint',
      (value, request) => {
        const without = about([directory.banks.get(1)!.mint], () => null)(value, request);
        return request.method === 'getProgramAccounts' ? (value as Row[]).map(ofUnknownKind) : without;
      },
      /unknown kind 9|the mint/,
    ],
  ];
  it.each(lies)('of %s is refused', async (_what, lie, text) => {
    const refused = loadDirectory(serve(accounts, lie).rpc, clearinghouse);
    await expect(refused).rejects.toThrow(text);
  });

  it('of another clearing house is refused', async () => {
    await expect(loadDirectory(serve(accounts).rpc, wheel)).rejects.toThrow('not what the server was asked for');
  });
});
