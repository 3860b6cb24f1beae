// What a clearing house lists: banks and markets with the addresses that instructions need. Loaded once, then kept.
import {
  fetchEncodedAccounts,
  getAddressDecoder,
  getAddressEncoder,
  getBase58Decoder,
  getBase64Encoder,
  getProgramDerivedAddress,
  getU16Encoder,
  getUtf8Decoder,
  type Address,
  type Base58EncodedBytes,
  type Commitment,
  type GetMultipleAccountsApi,
  type GetProgramAccountsApi,
  type ReadonlyUint8Array,
  type Rpc,
} from '@solana/kit';
import { hasDiscriminator } from './account.js';
import { DataError } from './failures.js';
import {
  CLEARINGHOUSE_DISCRIMINATOR,
  COLLATERAL_BANK_DISCRIMINATOR,
  getClearinghouseDecoder,
  getCollateralBankDecoder,
  getMarketDecoder,
  MARKET_DISCRIMINATOR,
} from './generated/accounts/index.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';

/** Owner of the price accounts that follow a feed by themselves; from the documentation of the Pyth push oracle. */
export const PUSH_ORACLE_ADDRESS = 'pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT' as Address;
/** Kind of a price account: an update of the pull oracle. */
export const PYTH_PULL = 0;
/** Kind of a price account: a legacy account, whose address is the feed. */
export const PYTH_LEGACY = 1;

/** A bank and the addresses that go with it. */
export interface ListedBank {
  index: number;
  address: Address;
  mint: Address;
  tokenProgram: Address;
  vault: Address;
  /** The price account; of the quote bank: the default address, never passed. */
  priceAccount: Address;
  decimals: number;
  isQuote: boolean;
}

/** A market and its price account. */
export interface ListedMarket {
  index: number;
  address: Address;
  priceAccount: Address;
  symbol: string;
}

/** Everything that one clearing house lists. */
export interface Directory {
  clearinghouse: Address;
  /** The price account of the quote asset; `undefined`: it counts as a dollar. */
  quotePriceAccount: Address | undefined;
  banks: ReadonlyMap<number, ListedBank>;
  markets: ReadonlyMap<number, ListedMarket>;
}

/** Price accounts other than the sponsored ones, by feed in hex. */
export type PriceOverrides = Readonly<Record<string, Address>>;

/** Where the price of a feed is found: a legacy account is its own feed; else shard 0 of the push oracle. */
export async function priceAddress(
  kind: number,
  feedId: ReadonlyUint8Array,
  overrides: PriceOverrides = {},
): Promise<Address> {
  const other = overrides[Array.from(feedId, (byte) => byte.toString(16).padStart(2, '0')).join('')];
  if (other) return other;
  if (kind === PYTH_LEGACY) return getAddressDecoder().decode(feedId);
  if (kind !== PYTH_PULL) throw new DataError(`a price account of unknown kind ${kind}`);
  const seeds = [getU16Encoder().encode(0), feedId];
  return (await getProgramDerivedAddress({ programAddress: PUSH_ORACLE_ADDRESS, seeds }))[0];
}

/** Offset of `clearinghouse` in a bank and in a market, with the discriminator; `tests/layouts.txt` is where they are stated. */
const HOUSE_IN_BANK = 16n;
const HOUSE_IN_MARKET = 24n;

type DirectoryRpc = Rpc<GetProgramAccountsApi & GetMultipleAccountsApi>;

interface Found {
  address: Address;
  data: ReadonlyUint8Array;
}

/** All accounts of a type that belong to a clearing house. */
async function listed(
  rpc: DirectoryRpc,
  clearinghouse: Address,
  discriminator: Uint8Array,
  offset: bigint,
  commitment: Commitment,
): Promise<Found[]> {
  const is = (at: bigint, bytes: ReadonlyUint8Array) => ({
    memcmp: { bytes: getBase58Decoder().decode(bytes) as Base58EncodedBytes, encoding: 'base58' as const, offset: at },
  });
  const filters = [is(0n, discriminator), is(offset, getAddressEncoder().encode(clearinghouse))];
  const answer = await rpc
    .getProgramAccounts(PORTFOLIO_MARGIN_PROGRAM_ADDRESS, { commitment, encoding: 'base64', filters })
    .send();
  return answer.map(({ account, pubkey }) => {
    const data = getBase64Encoder().encode(account.data[0]);
    const offsetNumber = Number(offset);
    const house = getAddressEncoder().encode(clearinghouse);
    const isIts = house.every((byte, at) => data[offsetNumber + at] === byte);
    if (account.owner !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS || !hasDiscriminator(data, discriminator) || !isIts) {
      throw new DataError(`${pubkey} is not what the server was asked for`);
    }
    return { address: pubkey, data };
  });
}

/**
 * Loads what a clearing house lists.
 *
 * @throws DataError where an answer is not what was asked for, or not everything that the clearing house counts.
 */
export async function loadDirectory(
  rpc: DirectoryRpc,
  clearinghouse: Address,
  { commitment = 'confirmed', prices = {} }: { commitment?: Commitment; prices?: PriceOverrides } = {},
): Promise<Directory> {
  const [bankAccounts, marketAccounts] = await Promise.all([
    listed(rpc, clearinghouse, COLLATERAL_BANK_DISCRIMINATOR, HOUSE_IN_BANK, commitment),
    listed(rpc, clearinghouse, MARKET_DISCRIMINATOR, HOUSE_IN_MARKET, commitment),
  ]);
  const banks = bankAccounts.map((found) => ({ ...found, bank: getCollateralBankDecoder().decode(found.data) }));
  const [house, ...mints] = await fetchEncodedAccounts(rpc, [clearinghouse, ...banks.map(({ bank }) => bank.mint)], {
    commitment,
  });
  if (!house?.exists || house.programAddress !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS) {
    throw new DataError(`there is no clearing house ${clearinghouse}`);
  }
  if (!hasDiscriminator(house.data, CLEARINGHOUSE_DISCRIMINATOR))
    throw new DataError(`${clearinghouse} is another account`);
  const bankRows = banks.map(async ({ address, bank }, at): Promise<ListedBank> => {
    const mint = mints[at];
    if (!mint?.exists) throw new DataError(`the mint ${bank.mint} is missing`);
    return {
      index: bank.index,
      address,
      mint: bank.mint,
      tokenProgram: mint.programAddress,
      vault: bank.vault,
      priceAccount: await priceAddress(bank.oracleKind, bank.feedId, prices),
      decimals: bank.decimals,
      isQuote: bank.isQuote === 1,
    };
  });
  const marketRows = marketAccounts.map(async ({ address, data }): Promise<ListedMarket> => {
    const market = getMarketDecoder().decode(data);
    const symbol = getUtf8Decoder().decode(market.symbol).replace(/\0+$/, '');
    const priceAccount = await priceAddress(market.oracleKind, market.feedId, prices);
    return { index: market.index, address, priceAccount, symbol };
  });
  const { bankCount, marketCount, quoteMaxAge, quoteOracleKind, quoteFeedId } = getClearinghouseDecoder().decode(
    house.data,
  );
  // awaited together: one that fails while another is awaited would be nobody's
  const [bankList, marketList, quotePriceAccount] = await Promise.all([
    Promise.all(bankRows),
    Promise.all(marketRows),
    // a feed has a greatest age
    quoteMaxAge ? priceAddress(quoteOracleKind, quoteFeedId, prices) : undefined,
  ]);
  const directory = { clearinghouse, quotePriceAccount, banks: byIndex(bankList), markets: byIndex(marketList) };
  if (directory.banks.size < bankCount || directory.markets.size < marketCount) {
    const counted = `${directory.banks.size} banks and ${directory.markets.size} markets`;
    throw new DataError(`the server shows ${counted} of ${bankCount} and ${marketCount}`);
  }
  return directory;
}

function byIndex<T extends { index: number }>(rows: T[]): Map<number, T> {
  return new Map([...rows].sort((a, b) => a.index - b.index).map((row) => [row.index, row]));
}

/** The bank of that index. @throws DataError where none is listed. */
export function bankOf(directory: Directory, index: number): ListedBank {
  const bank = directory.banks.get(index);
  if (!bank) throw new DataError(`no bank ${index} is known: load the directory again`);
  return bank;
}

/** The market of that index. @throws DataError where none is listed. */
export function marketOf(directory: Directory, index: number): ListedMarket {
  const market = directory.markets.get(index);
  if (!market) throw new DataError(`no market ${index} is known: load the directory again`);
  return market;
}

/**
 * The directory for the time of an outage: what stored prices stand in for dead feeds.
 *
 * Once an outage has been reported for an hour, repairs and reductions take the price that a market or a bank stored: its own address in
 * place of the price account. One instruction uses one account per feed, so all that share the feed take the same one.
 *
 * @param deadAccount The price account of the dead feed.
 * @param standIn Address of the market or bank whose stored price is taken.
 */
export function withStandIn(directory: Directory, deadAccount: Address, standIn: Address): Directory {
  const replaced = <T extends { priceAccount: Address }>(rows: ReadonlyMap<number, T>): Map<number, T> =>
    new Map(
      [...rows].map(([index, row]) => [
        index,
        row.priceAccount === deadAccount ? { ...row, priceAccount: standIn } : row,
      ]),
    );
  return { ...directory, banks: replaced(directory.banks), markets: replaced(directory.markets) };
}
