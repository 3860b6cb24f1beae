// Accounts are packed, and instructions built, as the Rust crates do.
import { AccountRole, createNoopSigner, type Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import {
  DataError,
  findTokenAccount,
  depositInstruction,
  packBid,
  packCheck,
  packTrade,
  packView,
  packWithdrawal,
  tradeInstruction,
  viewMarginInstruction,
  withdrawInstruction,
  withStandIn,
  withWritable,
  type Directory,
} from '../../src/index.js';
import { account, accountText, golden, goldenDirectory, metasOf, side, toHex } from '../golden.js';

const directory = await goldenDirectory();
const [btc, sol] = [{ market: 0 }, { market: 1 }];
const pack = (accounts: ReturnType<typeof packCheck>) => metasOf({ accounts });

describe('packing', () => {
  it.each(golden.accounts.map((text) => [text.name, text] as const))('the check of %s', (name, text) => {
    expect(pack(packCheck(directory, account(name)))).toEqual(text.check);
    expect(pack(packView(directory, account(name)))).toEqual(text.check);
  });

  const whole = { bank: 1, amount: 100_000_000_000n };
  const cases: [string, () => ReturnType<typeof packCheck>][] = [
    ['trade_saver_wheel_btc', () => packTrade(directory, account('saver'), account('wheel'), [btc])],
    ['trade_spread_maker_both', () => packTrade(directory, account('spread'), account('maker'), [sol, btc])],
    ['view_saver_btc', () => packView(directory, account('saver'), [btc])],
    ['bid_wheel_fallen', () => packBid(directory, account('wheel'), account('fallen'))],
    ['withdraw_saver_sol_all', () => packWithdrawal(directory, account('saver'), { bank: 1, amount: 30_000_000_000n })],
    ['withdraw_spread_sol_all', () => packWithdrawal(directory, account('spread'), whole)],
    [
      'withdraw_spread_sol_part',
      () => packWithdrawal(directory, account('spread'), { ...whole, amount: whole.amount - 1n }),
    ],
    ['withdraw_saver_usdc', () => packWithdrawal(directory, account('saver'), { bank: 0, amount: 1_000_000_000n })],
    [
      'withdraw_saver_usdc_more',
      () => packWithdrawal(directory, account('saver'), { bank: 0, amount: 1_000_000_001n }),
    ],
  ];
  it.each(cases)('%s', (name, packed) => expect(pack(packed())).toEqual(golden.packs[name]));

  it('covers every case of the golden file', () => {
    expect(cases.map(([name]) => name).sort()).toEqual(Object.keys(golden.packs).sort());
  });

  it('takes a stored price for a dead feed, wherever the feed is used', () => {
    const { address, priceAccount } = directory.markets.get(1)!;
    const packed = pack(packCheck(withStandIn(directory, priceAccount, address), account('wheel')));
    const want = accountText('wheel').check.map(([key, role]) => [key === priceAccount ? address : key, role]);
    expect(packed).toEqual(want);
    expect(want.filter(([key]) => key === address)).toHaveLength(3);
  });

  it('refuses what the directory does not list', () => {
    const without: Directory = {
      ...directory,
      markets: new Map([...directory.markets].filter(([index]) => index !== 1)),
    };
    expect(() => packCheck(without, account('wheel'))).toThrow(DataError);
    expect(() => packCheck(without, account('long'))).not.toThrow();
    expect(() => packTrade(directory, account('long'), account('maker'), [{ market: 2 }])).toThrow('no market 2');
  });
});

describe('instructions', () => {
  const saver = side('saver');
  const owner = createNoopSigner(saver.account.header.owner);
  const maker = side('maker');
  const makerOwner = createNoopSigner(maker.account.header.owner);
  const [walletUsdc, walletSol] = [golden.built.wallet_usdc, golden.built.wallet_sol] as Address[];
  const transfer = { directory, owner, margin: saver };
  const legs = [
    {
      market: 0,
      instrument: 2,
      expiry: BigInt(golden.built.week),
      strike: 12_000_000_000_000n,
      quantity: -1_000_000n,
      price: 100_000_000_000n,
    },
  ];

  const same = (
    built: { data?: ArrayLike<number> } & Parameters<typeof metasOf>[0],
    name: 'deposit_usdc' | 'deposit_sol' | 'withdraw_sol' | 'trade' | 'view',
  ) => {
    const want = golden.built[name]!;
    expect(toHex(built.data!)).toBe(want.data);
    expect(metasOf(built)).toEqual(want.accounts);
  };
  it('deposits', () => {
    same(depositInstruction({ ...transfer, bank: 0, wallet: walletUsdc!, amount: 5n }), 'deposit_usdc');
    same(depositInstruction({ ...transfer, bank: 1, wallet: walletSol!, amount: 6n }), 'deposit_sol');
  });
  it('a withdrawal', () =>
    same(withdrawInstruction({ ...transfer, bank: 1, wallet: walletSol!, amount: 7n }), 'withdraw_sol'));
  it('a view after legs', () => same(viewMarginInstruction(directory, saver, legs), 'view'));

  it('a trade, but for the clearing house, which may be written', () => {
    const built = tradeInstruction({ directory, takerOwner: owner, makerOwner, taker: saver, maker, legs });
    const want = golden.built['trade']!;
    expect(toHex(built.data!)).toBe(want.data);
    const accounts = want.accounts.map(([key, role]) => [
      key,
      key === directory.clearinghouse ? AccountRole.WRITABLE : role,
    ]);
    expect(metasOf(built)).toEqual(accounts);
  });

  it('a trade of which nobody comes to owe is the same as in Rust to the last account', () => {
    same(
      tradeInstruction({ directory, takerOwner: owner, makerOwner, taker: saver, maker, legs, isHouseRead: true }),
      'trade',
    );
  });

  it('of wallets name the token accounts that the Rust crates name', async () => {
    const { address } = owner;
    expect(await findTokenAccount(directory, 0, address)).toBe(walletUsdc);
    expect(await findTokenAccount(directory, 1, address)).toBe(walletSol);
    await expect(findTokenAccount(directory, 2, address)).rejects.toThrow('no bank 2');
  });

  it('another account is left as it is by making one writable', () => {
    const built = viewMarginInstruction(directory, saver);
    const written = withWritable(built, directory.clearinghouse);
    expect(written.accounts?.filter(({ role }) => role === AccountRole.WRITABLE).map(({ address }) => address)).toEqual(
      [directory.clearinghouse],
    );
    expect(built.accounts?.some(({ role }) => role === AccountRole.WRITABLE)).toBe(false);
  });
});
