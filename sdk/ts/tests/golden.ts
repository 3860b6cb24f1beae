// The golden file, which the Rust crates write (scripts/sdk --generate), in the types of this package.
import { readFileSync } from 'node:fs';
import type { AccountRole, Address, Instruction } from '@solana/kit';
import {
  decodeAccount,
  priceAddress,
  type Account,
  type Directory,
  type Loaded,
  type RawAccount,
} from '../src/index.js';
import {
  bankOf,
  getClearinghouseDecoder,
  getCollateralBankDecoder,
  getMarketDecoder,
  marketOf,
  scopeOf,
} from '../src/index.js';

type Meta = [Address, AccountRole];
interface RawText {
  address: Address;
  owner: Address;
  data: string;
}
interface InstructionText {
  program: Address;
  accounts: Meta[];
  data: string;
}
export interface AccountText {
  name: string;
  raw: RawText;
  owner: Address;
  sequence: string;
  cash: string;
  status: number;
  tier: number;
  /** Market, instrument, expiry, strike, ln of the strike, quantity, cost. */
  positions: [number, number, string, string, string, string, string][];
  check: Meta[];
  view: string;
  /** Views of Greeks and matrices, each in hex. */
  pages: { account: string; markets: { market: number; expiries: string; legs: string; matrix: string }[] };
}
interface Golden {
  addresses: Record<string, string>;
  now: string;
  nobody: Address;
  listings: RawText[];
  accounts: AccountText[];
  packs: Record<string, Meta[]>;
  table: Address[];
  built: Record<string, InstructionText> & Record<'week' | 'wallet_usdc' | 'wallet_sol', string>;
  quote: Record<string, string> & Record<'verify' | 'fill', InstructionText>;
  logs: string[][];
}

export const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as Golden;

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
export const toHex = (bytes: ArrayLike<number>): string => Buffer.from(Array.from(bytes)).toString('hex');

/** An account as a server would show it. */
export function raw({ address, owner, data }: RawText): RawAccount {
  return { address, owner, data: new Uint8Array(Buffer.from(data, 'base64')) };
}

const listings = new Map(golden.listings.map((text) => [text.address, raw(text)]));

export function listing(address: Address): RawAccount {
  const found = listings.get(address);
  if (!found) throw new Error(`${address} is not in the golden file`);
  return found;
}

/** Accounts and roles as the golden file writes them. */
export const metasOf = (instruction: Pick<Instruction, 'accounts'>): Meta[] =>
  (instruction.accounts ?? []).map(({ address, role }) => [address, role]);

const house = golden.addresses['house'] as Address;

/** The directory of the golden world, from its accounts. */
export async function goldenDirectory(): Promise<Directory> {
  const banks = new Map();
  const markets = new Map();
  for (const { address, data } of listings.values()) {
    if (data.length === 560) {
      const bank = getCollateralBankDecoder().decode(data);
      const priceAccount = await priceAddress(bank.oracleKind, bank.feedId);
      const tokenProgram = listing(bank.mint).owner;
      const { index, mint, vault, decimals } = bank;
      banks.set(index, {
        index,
        address,
        mint,
        tokenProgram,
        vault,
        priceAccount,
        decimals,
        isQuote: bank.isQuote === 1,
      });
    } else if (data.length === 7992) {
      const { index, oracleKind, feedId } = getMarketDecoder().decode(data);
      markets.set(index, { index, address, priceAccount: await priceAddress(oracleKind, feedId), symbol: '' });
    }
  }
  const { quoteMaxAge, quoteOracleKind, quoteFeedId } = getClearinghouseDecoder().decode(listing(house).data);
  const quotePriceAccount = quoteMaxAge ? await priceAddress(quoteOracleKind, quoteFeedId) : undefined;
  return { clearinghouse: house, quotePriceAccount, banks, markets };
}

export function accountText(name: string): AccountText {
  const found = golden.accounts.find((account) => account.name === name);
  if (!found) throw new Error(`nobody is called ${name}`);
  return found;
}

export const account = (name: string): Account => decodeAccount(raw(accountText(name).raw).data);

export const side = (name: string) => ({ address: accountText(name).raw.address, account: account(name) });

/** A golden account as if it had been loaded. */
export function loaded(name: string, directory: Directory): Loaded {
  const { raw: text } = accountText(name);
  const read = account(name);
  const scope = scopeOf(read);
  const pairs = [
    ...scope.banks.map((index) => bankOf(directory, index)),
    ...scope.markets.map((index) => marketOf(directory, index)),
  ];
  const keys = pairs.flatMap(({ address, priceAccount }) => [address, priceAccount]);
  const bundle = [listing(house), raw(text), ...keys.map(listing)];
  return { address: text.address, account: read, scope, slot: 1n, now: BigInt(golden.now), bundle };
}
