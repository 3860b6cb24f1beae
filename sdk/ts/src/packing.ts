// The accounts that a margin check wants behind an instruction's own, in canonical order: banks by index, each with its price, then
// markets by index, each with its price.
import { AccountRole, type AccountMeta, type Address, type Instruction } from '@solana/kit';
import { scopeOf, scopeOfLegs, union, type Account, type Scope } from './account.js';
import { bankOf, marketOf, type Directory } from './directory.js';

/** A leg, as far as packing is concerned. */
export type LegMarket = { market: number };

function pairs(listed: { address: Address; priceAccount: Address }[], role: AccountRole): AccountMeta[] {
  return listed.flatMap(({ address, priceAccount }) => [
    { address, role },
    { address: priceAccount, role: AccountRole.READONLY },
  ]);
}

function banks(directory: Directory, scope: Scope): AccountMeta[] {
  const listed = scope.banks.map((index) => bankOf(directory, index));
  return pairs(listed, AccountRole.READONLY);
}

function markets(directory: Directory, scope: Scope, role: AccountRole = AccountRole.READONLY): AccountMeta[] {
  const listed = scope.markets.map((index) => marketOf(directory, index));
  return pairs(listed, role);
}

/** Of a check that covers a scope. */
export function packScope(directory: Directory, scope: Scope): AccountMeta[] {
  return [...banks(directory, scope), ...markets(directory, scope)];
}

/** Of a check of the account as it is: `withdraw_collateral`, `set_tier`, `assert_health`, `start_liquidation` and the like. */
export function packCheck(directory: Directory, account: Account): AccountMeta[] {
  return packScope(directory, scopeOf(account));
}

/** Of `trade`, `fill_quote`, `venue_fill`: the legs' markets to be written, then the taker's check, then the maker's, both with them. */
export function packTrade(
  directory: Directory,
  taker: Account,
  maker: Account,
  legs: readonly LegMarket[],
): AccountMeta[] {
  const traded = scopeOfLegs(legs);
  return [
    ...markets(directory, traded, AccountRole.WRITABLE),
    ...packScope(directory, union(scopeOf(taker), traded)),
    ...packScope(directory, union(scopeOf(maker), traded)),
  ];
}

/** Of a view of the account after legs: as a trade, read-only and without a maker. */
export function packView(directory: Directory, account: Account, legs: readonly LegMarket[] = []): AccountMeta[] {
  const traded = scopeOfLegs(legs);
  return [...markets(directory, traded), ...packScope(directory, union(scopeOf(account), traded))];
}

/**
 * Of `withdraw_collateral`: a check of what is left; nothing where that holds no position and owes no cash.
 *
 * @param amount Native units withdrawn, of the bank of that index.
 * @param cash The account's quote balance with its interest, as {@link MarginReport.cash} has it, 1e-6 USD; what is stored where it is
 * not given, which is right unless the withdrawal takes interest that is not booked yet.
 */
export function packWithdrawal(
  directory: Directory,
  account: Account,
  {
    bank,
    amount,
    cash = account.header.cash + account.header.interestDue,
  }: { bank: number; amount: bigint; cash?: bigint },
): AccountMeta[] {
  const { isQuote } = bankOf(directory, bank);
  const { header, positions } = account;
  const owes = isQuote ? cash < amount : header.cash < 0n;
  if (positions.length === 0 && !owes) return [];
  const collateral = header.collateral.map((held) =>
    isQuote || held.bank !== bank || held.amount > amount ? held : { ...held, amount: 0n },
  );
  return packCheck(directory, { positions, header: { ...header, collateral } });
}

/** Of `bid_liquidation` and `bid_insolvent`: the liquidatee's, its markets to be written, then the bidder's with all of it. */
export function packBid(directory: Directory, liquidator: Account, liquidatee: Account): AccountMeta[] {
  const theirs = scopeOf(liquidatee);
  return [
    ...banks(directory, theirs),
    ...markets(directory, theirs, AccountRole.WRITABLE),
    ...packScope(directory, union(scopeOf(liquidator), theirs)),
  ];
}

/** The instruction with further accounts behind its own. */
export function withAccounts<T extends Instruction>(instruction: T, metas: readonly AccountMeta[]): T {
  return Object.freeze({ ...instruction, accounts: [...(instruction.accounts ?? []), ...metas] });
}

/** The instruction with an account of its own to be written: the clearing house, where a debt changes (`ClearinghouseReadOnly`). */
export function withWritable<T extends Instruction>(instruction: T, address: Address): T {
  const accounts = (instruction.accounts ?? []).map((meta) => {
    if (meta.address !== address) return meta;
    const role = meta.role === AccountRole.READONLY_SIGNER ? AccountRole.WRITABLE_SIGNER : meta.role;
    return { ...meta, role: role === AccountRole.READONLY ? AccountRole.WRITABLE : role };
  });
  return Object.freeze({ ...instruction, accounts });
}
