// Address lookup tables: found, read, made and filled. A transaction names an account of a table in one byte instead of 32.
import {
  AccountRole,
  getAddressDecoder,
  getAddressEncoder,
  getBase64Encoder,
  getProgramDerivedAddress,
  getStructDecoder,
  getStructEncoder,
  getArrayEncoder,
  getU16Decoder,
  getU32Decoder,
  getU32Encoder,
  getU64Decoder,
  getU64Encoder,
  getU8Decoder,
  getU8Encoder,
  type AccountMeta,
  type AccountSignerMeta,
  type Address,
  type AddressesByLookupTableAddress,
  type Base58EncodedBytes,
  type GetMultipleAccountsApi,
  type GetProgramAccountsApi,
  type GetSlotApi,
  type Instruction,
  type Rpc,
  type TransactionSigner,
} from '@solana/kit';
import type { Directory } from './directory.js';
import { DataError } from './failures.js';
import type { RawAccount } from './load.js';
import { INSTRUCTIONS_SYSVAR_ADDRESS } from './quotes.js';
import { sendInstructions, type SendOptions, type SendRpc } from './send.js';

/** The program that keeps lookup tables. */
export const LOOKUP_TABLE_PROGRAM_ADDRESS = 'AddressLookupTab1e1111111111111111111111111' as Address;
/** Most addresses of one table. */
export const MOST_TABLE_ADDRESSES = 256;
const SYSTEM_PROGRAM_ADDRESS = '11111111111111111111111111111111' as Address;
/** Addresses that one transaction adds: 20 more would not fit beside two signatures. */
const PER_TRANSACTION = 20;
/** Offset of the authority, behind the mark that there is one. */
const AUTHORITY_AT = 22n;
/** Bytes in front of the addresses. */
const HEADER = 56;
/** Kind of an account that is a table. */
const TABLE = 1;
/** `deactivation` of a table in use. */
const NEVER = 2n ** 64n - 1n;
/** Stands in the place of an address that is not to be looked up; no instruction names it. */
const NOBODY = getAddressDecoder().decode(new Uint8Array(32).fill(0xff));
/** Milliseconds between two looks at whether a table serves, and how many looks it is given. */
const LOOK_EVERY = 400;
const MOST_LOOKS = 75;

/** A table in use. */
export interface LookupTable {
  address: Address;
  /** Who may extend and close it; `undefined`: nobody any more. */
  authority: Address | undefined;
  /** What it names, as of the slot in which it was read. */
  addresses: Address[];
}

/** What reading asks of a server, and what making does. */
export type TableRpc = Rpc<GetMultipleAccountsApi & GetProgramAccountsApi & GetSlotApi>;

const header = getStructDecoder([
  ['kind', getU32Decoder()],
  ['deactivation', getU64Decoder()],
  ['extended', getU64Decoder()],
  ['extendedFrom', getU8Decoder()],
  ['hasAuthority', getU8Decoder()],
  ['authority', getAddressDecoder()],
  ['padding', getU16Decoder()],
]);
const create = getStructEncoder([
  ['kind', getU32Encoder()],
  ['slot', getU64Encoder()],
  ['bump', getU8Encoder()],
]);
const extend = getStructEncoder([
  ['kind', getU32Encoder()],
  ['addresses', getArrayEncoder(getAddressEncoder(), { size: getU64Encoder() })],
]);

/**
 * What instructions of a clearing house name, but for the accounts of its users: the house, the quote asset's price, markets with prices,
 * banks with vaults, mints, token programs and prices, and the sysvar of quotes; in this order, each once, 256 at the most.
 */
export function tableAddresses(directory: Directory): Address[] {
  const all = [directory.clearinghouse];
  if (directory.quotePriceAccount) all.push(directory.quotePriceAccount);
  const byIndex = <T extends { index: number }>(rows: ReadonlyMap<number, T>) =>
    [...rows.values()].sort((a, b) => a.index - b.index);
  for (const { address, priceAccount } of byIndex(directory.markets)) all.push(address, priceAccount);
  for (const { address, vault, mint, tokenProgram, priceAccount, isQuote } of byIndex(directory.banks)) {
    all.push(address, vault, mint, tokenProgram, ...(isQuote ? [] : [priceAccount]));
  }
  all.push(INSTRUCTIONS_SYSVAR_ADDRESS);
  return [...new Set(all)].slice(0, MOST_TABLE_ADDRESSES);
}

/**
 * Reads a table: the addresses that serve as of `slot`.
 *
 * @throws DataError for another account, a broken table or one that is being closed.
 */
export function decodeLookupTable({ address, owner, data }: RawAccount, slot: bigint): LookupTable {
  const count = (data.length - HEADER) / 32;
  if (owner !== LOOKUP_TABLE_PROGRAM_ADDRESS || !Number.isInteger(count) || count < 0 || count > MOST_TABLE_ADDRESSES)
    throw new DataError(`${address} is no lookup table`);
  const { kind, deactivation, extended, extendedFrom, hasAuthority, authority } = header.decode(data);
  if (kind !== TABLE || hasAuthority > 1 || extendedFrom > count) throw new DataError(`${address} is no lookup table`);
  if (deactivation !== NEVER)
    throw new DataError(`the lookup table ${address} was deactivated in slot ${deactivation}`);
  // what was added in this very slot serves from the next one on
  const serves = slot > extended ? count : extendedFrom;
  const addresses = Array.from({ length: serves }, (_, at) => getAddressDecoder().decode(data, HEADER + at * 32));
  return { address, authority: hasAuthority ? authority : undefined, addresses };
}

/** Fetches tables. @throws DataError where one is missing or none in use. */
export async function fetchLookupTables(rpc: Rpc<GetMultipleAccountsApi>, keys: Address[]): Promise<LookupTable[]> {
  const config = { commitment: 'confirmed', encoding: 'base64' } as const;
  const { context, value } = await rpc.getMultipleAccounts(keys, config).send();
  return keys.map((address, at) => {
    const account = value[at];
    if (!account) throw new DataError(`there is no account ${address}`);
    const data = getBase64Encoder().encode(account.data[0]);
    return decodeLookupTable({ address, owner: account.owner, data }, context.slot);
  });
}

/**
 * All tables in use of an authority. Some servers refuse this search: keep the addresses of your tables.
 *
 * @throws DataError where an answer is not what was asked for.
 */
export async function findLookupTables(rpc: Rpc<GetProgramAccountsApi>, authority: Address): Promise<LookupTable[]> {
  const bytes = authority as unknown as Base58EncodedBytes; // an address is its bytes in base 58
  const filters = [{ memcmp: { bytes, encoding: 'base58', offset: AUTHORITY_AT } }] as const;
  const config = { commitment: 'confirmed', encoding: 'base64', filters, withContext: true } as const;
  const { context, value } = await rpc.getProgramAccounts(LOOKUP_TABLE_PROGRAM_ADDRESS, config).send();
  const tables: LookupTable[] = [];
  for (const { account, pubkey } of value) {
    const data = getBase64Encoder().encode(account.data[0]);
    // one that is being closed is none in use
    if (data.length >= HEADER && header.decode(data).deactivation !== NEVER) continue;
    const table = decodeLookupTable({ address: pubkey, owner: account.owner, data }, context.slot);
    if (table.authority !== authority) throw new DataError(`${pubkey} is not what the server was asked for`);
    tables.push(table);
  }
  return tables;
}

/**
 * The tables as sending takes them, with what the house lists, {@link tableAddresses}, and nothing else.
 *
 * What a table names is the server's word, and what is looked up in it is not in the transaction that is signed: a server that lies could
 * have a transaction pay somebody else. Of accounts that a house lists the program itself refuses wrong ones.
 */
export function asLookupTables(directory: Directory, tables: readonly LookupTable[]): AddressesByLookupTableAddress {
  const listed = new Set(tableAddresses(directory));
  // places stay as they are
  const only = ({ addresses }: LookupTable) => addresses.map((address) => (listed.has(address) ? address : NOBODY));
  return Object.fromEntries(tables.map((table) => [table.address, only(table)]));
}

/** Makes an empty table: the instruction and the address, which follows from a slot that the runtime still knows. */
export async function createLookupTableInstruction(
  authority: Address,
  payer: TransactionSigner,
  slot: bigint,
): Promise<{ address: Address; instruction: Instruction }> {
  const seeds = [getAddressEncoder().encode(authority), getU64Encoder().encode(slot)];
  const [address, bump] = await getProgramDerivedAddress({ programAddress: LOOKUP_TABLE_PROGRAM_ADDRESS, seeds });
  const accounts: (AccountMeta | AccountSignerMeta)[] = [
    { address, role: AccountRole.WRITABLE },
    { address: authority, role: AccountRole.READONLY },
    { address: payer.address, role: AccountRole.WRITABLE_SIGNER, signer: payer },
    { address: SYSTEM_PROGRAM_ADDRESS, role: AccountRole.READONLY },
  ];
  const data = create.encode({ kind: 0, slot, bump });
  return { address, instruction: { programAddress: LOOKUP_TABLE_PROGRAM_ADDRESS, accounts, data } };
}

/** Adds addresses to a table; 20 fit one transaction beside two signatures. */
export function extendLookupTableInstruction(
  table: Address,
  authority: TransactionSigner,
  payer: TransactionSigner,
  addresses: Address[],
): Instruction {
  const accounts: (AccountMeta | AccountSignerMeta)[] = [
    { address: table, role: AccountRole.WRITABLE },
    { address: authority.address, role: AccountRole.READONLY_SIGNER, signer: authority },
    { address: payer.address, role: AccountRole.WRITABLE_SIGNER, signer: payer },
    { address: SYSTEM_PROGRAM_ADDRESS, role: AccountRole.READONLY },
  ];
  return { programAddress: LOOKUP_TABLE_PROGRAM_ADDRESS, accounts, data: extend.encode({ kind: 2, addresses }) };
}

/** How tables are made: who pays, who may extend and close them (the payer where nobody is named), and how transactions are sent. */
export interface TableOptions {
  payer: TransactionSigner;
  authority?: TransactionSigner;
  send?: SendOptions;
}

/**
 * Makes a table of these addresses and waits until it serves.
 *
 * @throws RangeError beyond {@link MOST_TABLE_ADDRESSES}; TransactionError where sending fails; DataError where the server shows another
 * table than was made, or none for half a minute.
 */
export async function createLookupTable(
  rpc: SendRpc & TableRpc,
  addresses: readonly Address[],
  options: TableOptions,
): Promise<LookupTable> {
  requireRoom(new Set(addresses).size);
  const { payer, authority = payer } = options;
  const recent = await rpc.getSlot({ commitment: 'confirmed' }).send();
  // one back: the newest slot's hash is known to the slots after it alone
  const made = await createLookupTableInstruction(authority.address, payer, recent > 0n ? recent - 1n : recent);
  await sendInstructions(rpc, payer, [made.instruction], options.send);
  const empty: LookupTable = { address: made.address, authority: authority.address, addresses: [] };
  return extendLookupTable(rpc, empty, addresses, options);
}

/** Adds those addresses that a table lacks, and waits until they serve. @throws as {@link createLookupTable}. */
export async function extendLookupTable(
  rpc: SendRpc & TableRpc,
  table: LookupTable,
  addresses: readonly Address[],
  { payer, authority = payer, send }: TableOptions,
): Promise<LookupTable> {
  const missing = [...new Set(addresses)].filter((address) => !table.addresses.includes(address));
  const whole = [...table.addresses, ...missing];
  requireRoom(whole.length);
  for (let at = 0; at < missing.length; at += PER_TRANSACTION) {
    const part = missing.slice(at, at + PER_TRANSACTION);
    await sendInstructions(rpc, payer, [extendLookupTableInstruction(table.address, authority, payer, part)], send);
  }
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const [shown] = await fetchLookupTables(rpc, [table.address]);
    // a transaction names places in a table: one that is another than was made would have it name other accounts
    if (shown!.addresses.some((address, at) => at < whole.length && address !== whole[at]))
      throw new DataError(`the server shows another lookup table ${table.address} than was made`);
    if (shown!.addresses.length >= whole.length) return shown!;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  throw new DataError(`the lookup table ${table.address} does not serve ${whole.length} addresses yet`);
}

function requireRoom(count: number): void {
  if (count > MOST_TABLE_ADDRESSES)
    throw new RangeError(`a lookup table names ${MOST_TABLE_ADDRESSES} addresses at the most, not ${count}`);
}
