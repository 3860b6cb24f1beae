// A margin account with everything that its margin depends on, as of one slot: one round trip, by getMultipleAccounts.
import {
  fetchEncodedAccounts,
  getBase64Encoder,
  getI64Decoder,
  type Address,
  type Commitment,
  type GetMultipleAccountsApi,
  type ReadonlyUint8Array,
  type Rpc,
} from '@solana/kit';
import { decodeAccount, scopeOf, union, type Account, type Scope } from './account.js';
import { bankOf, marketOf, type Directory } from './directory.js';
import { DataError } from './failures.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';

/** An account as a server shows it. */
export interface RawAccount {
  address: Address;
  /** The program that owns it. */
  owner: Address;
  data: ReadonlyUint8Array;
}

/** A margin account and what its check reads, all of one slot. */
export interface Loaded {
  address: Address;
  account: Account;
  /** What the check covers. */
  scope: Scope;
  /** Where everything was read. */
  slot: bigint;
  /** The cluster's Unix time in that slot. */
  now: bigint;
  /** Clearing house, margin account, then the accounts of a check in canonical order: what the engine is given. */
  bundle: RawAccount[];
}

/** The sysvar that holds the cluster's time. */
const CLOCK = 'SysvarC1ock11111111111111111111111111111111' as Address;
const SYSVAR_OWNER = 'Sysvar1111111111111111111111111111111111111' as Address;
/** Offset of `unix_timestamp` in it. */
const UNIX_TIME_AT = 32;
/** Most accounts that servers answer at once. */
const MOST_KEYS = 100;
/** How often an account may grow between two requests before loading gives up. */
const ATTEMPTS = 4;

type LoadRpc = Rpc<GetMultipleAccountsApi>;

async function fetchAll(
  rpc: LoadRpc,
  keys: Address[],
  commitment: Commitment,
): Promise<{ slot: bigint; found: Map<Address, RawAccount> }> {
  const { context, value } = await rpc.getMultipleAccounts(keys, { commitment, encoding: 'base64' }).send();
  if (value.length !== keys.length)
    throw new DataError(`the server answered ${value.length} of ${keys.length} accounts`);
  const found = new Map<Address, RawAccount>();
  keys.forEach((address, at) => {
    const account = value[at];
    if (account)
      found.set(address, { address, owner: account.owner, data: getBase64Encoder().encode(account.data[0]) });
  });
  return { slot: context.slot, found };
}

function addresses(directory: Directory, scope: Scope): Address[] {
  const banks = scope.banks.map((index) => bankOf(directory, index));
  const markets = scope.markets.map((index) => marketOf(directory, index));
  return [...banks, ...markets].flatMap(({ address, priceAccount }) => [address, priceAccount]);
}

function everything(directory: Directory): Scope {
  return { banks: [...directory.banks.keys()], markets: [...directory.markets.keys()] };
}

function covers(outer: Scope, inner: Scope): boolean {
  return (
    inner.banks.every((bank) => outer.banks.includes(bank)) &&
    inner.markets.every((market) => outer.markets.includes(market))
  );
}

function timeOf(found: Map<Address, RawAccount>): bigint {
  const clock = found.get(CLOCK);
  if (!clock || clock.owner !== SYSVAR_OWNER || clock.data.length < UNIX_TIME_AT + 8)
    throw new DataError('the server shows no clock');
  return getI64Decoder().decode(clock.data, UNIX_TIME_AT);
}

function taken(found: Map<Address, RawAccount>, address: Address): RawAccount {
  const account = found.get(address);
  if (!account) throw new DataError(`there is no account ${address}`);
  return account;
}

/**
 * Loads a margin account with its clearing house, the time, and its banks, markets and prices, as of one slot.
 *
 * The first request asks for what the account is expected to hold: `expect` where given (the scope when it was last loaded), else
 * everything listed while that fits one request. Where the account turns out to hold more, a second request follows for the whole.
 *
 * @throws DataError where the account does not exist, is not a margin account of the directory's clearing house, or holds what the
 * directory does not list.
 */
export async function loadAccount(
  rpc: LoadRpc,
  directory: Directory,
  address: Address,
  { commitment = 'confirmed', expect }: { commitment?: Commitment; expect?: Scope } = {},
): Promise<Loaded> {
  const all = everything(directory);
  const fits = 3 + 2 * (all.banks.length + all.markets.length) <= MOST_KEYS;
  let asked = expect ?? (fits ? all : { banks: [], markets: [] });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const keys = [...new Set([directory.clearinghouse, address, CLOCK, ...addresses(directory, asked)])];
    const { slot, found } = await fetchAll(rpc, keys, commitment);
    const raw = taken(found, address);
    if (raw.owner !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS)
      throw new DataError(`${address} is not an account of the program`);
    const account = decodeAccount(raw.data);
    if (account.header.clearinghouse !== directory.clearinghouse) {
      throw new DataError(`${address} belongs to the clearing house ${account.header.clearinghouse}`);
    }
    const scope = scopeOf(account);
    if (covers(asked, scope)) {
      const order = [directory.clearinghouse, address, ...addresses(directory, scope)];
      return { address, account, scope, slot, now: timeOf(found), bundle: order.map((key) => taken(found, key)) };
    }
    asked = union(scope, expect ?? scope);
  }
  throw new DataError(`${address} grew during ${ATTEMPTS} attempts to load it`);
}

/** Fetches margin accounts alone, without what their margin depends on. @throws DataError where one is none. */
export async function fetchMarginAccounts(
  rpc: LoadRpc,
  keys: Address[],
  commitment: Commitment = 'confirmed',
): Promise<Account[]> {
  const found = await fetchEncodedAccounts(rpc, keys, { commitment });
  return found.map((account) => {
    if (!account.exists) throw new DataError(`there is no account ${account.address}`);
    if (account.programAddress !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS) {
      throw new DataError(`${account.address} is not an account of the program`);
    }
    return decodeAccount(account.data);
  });
}
