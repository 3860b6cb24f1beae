// Greeks of an account: what the pages of `view_greeks` say, and all of them put together.
import {
  getArrayDecoder,
  getI64Decoder,
  getStructDecoder,
  getU16Decoder,
  getU32Decoder,
  getU64Decoder,
  getU8Decoder,
  type ReadonlyUint8Array,
} from '@solana/kit';
import { DataError } from './failures.js';
import type { GreeksPage } from './generated/types/index.js';
import { filledView, padding, requireVersion } from './views.js';

/** Bytes of the account's page and of a market's by expiry. */
export const GREEKS_VIEW_SIZE = 1_016;
/** Bytes of a market's page by leg. */
export const LEG_GREEKS_VIEW_SIZE = 992;

const greeks = getStructDecoder([
  ['mark', getI64Decoder()],
  ['delta', getI64Decoder()],
  ['gamma', getI64Decoder()],
  ['vega', getI64Decoder()],
  ['theta', getI64Decoder()],
  ['rho', getI64Decoder()],
]);
const net = getStructDecoder([
  ['net', greeks],
  ['gross', greeks],
]);
const row = getStructDecoder([
  ['key', getI64Decoder()],
  ['spot', getU64Decoder()],
  ['greeks', net],
]);
const legRow = getStructDecoder([
  ['instrument', getU8Decoder()],
  ['padding', padding(7)],
  ['expiry', getI64Decoder()],
  ['strike', getU64Decoder()],
  ['quantity', getI64Decoder()],
  ['greeks', greeks],
]);
const head = [
  ['version', getU8Decoder()],
  ['count', getU8Decoder()],
  ['first', getU8Decoder()],
  ['total', getU8Decoder()],
  ['market', getU16Decoder()],
  ['padding', padding(6)],
  ['doubt', getU32Decoder()],
  ['now', getI64Decoder()],
] as const;
const page = getStructDecoder([...head, ['sum', net], ['rows', getArrayDecoder(row, { size: 8 })]]);
const legPage = getStructDecoder([...head, ['spot', getU64Decoder()], ['rows', getArrayDecoder(legRow, { size: 12 })]]);

/** Value and sensitivities of a position or a book, 1e-6 USD but for delta. */
export interface Greeks {
  /** Value; rounded leg by leg, so sums may be some 1e-6 USD apart from the margin's. */
  mark: bigint;
  /** Of legs and expiries: 1e-6 base units by which the value moves like the underlying. In sums: those times spot, 1e-6 USD. */
  delta: bigint;
  /** By how much `delta x spot` changes when spot rises 1 %. */
  gamma: bigint;
  /** Change of value when volatility rises one point (0.01). */
  vega: bigint;
  /** Change of value over one day. */
  theta: bigint;
  /** Change of value when the rate rises one point (0.01), the forward fixed. */
  rho: bigint;
}

/** Of a book: with sign, so that hedges cancel, and the sum of each leg's magnitudes. */
export interface NetGreeks {
  net: Greeks;
  gross: Greeks;
}

/** What the pages have in common. */
interface PageHead {
  /** Number of the first row on this page, and of rows on all pages. */
  first: number;
  total: number;
  /** Error code of the first reason why an opening does not accept these prices; 0 where it does. */
  doubt: number;
  /** Unix time of the evaluation. */
  now: bigint;
}

/** The account's page by market, eight of them, or a page of a market by expiry. */
export interface GreeksView extends PageHead {
  /** Index of the market; `undefined` on the account's page. */
  market: number | undefined;
  /** Everything of all pages; delta in 1e-6 USD. */
  sum: NetGreeks;
  /** `key`: index of the market, or Unix time of the expiry, zero for the perpetual. `spot`: 1e-8 USD. */
  rows: { key: bigint; spot: bigint; greeks: NetGreeks }[];
}

/** One leg with its Greeks; delta in 1e-6 base units. */
export interface LegGreeks {
  /** Code of the instrument, as in a position. */
  instrument: number;
  /** Unix time; zero for a perpetual. */
  expiry: bigint;
  /** 1e-8 USD. */
  strike: bigint;
  /** Signed size, 1e-6 base units. */
  quantity: bigint;
  greeks: Greeks;
}

/** A page of a market by leg. */
export interface LegGreeksView extends PageHead {
  market: number;
  /** 1e-8 USD. */
  spot: bigint;
  rows: LegGreeks[];
}

/** One market's Greeks. */
export interface MarketGreeks {
  market: number;
  /** 1e-8 USD. */
  spot: bigint;
  /** Delta in 1e-6 USD. */
  sum: NetGreeks;
  /** By expiry, Unix time, zero for the perpetual; delta in 1e-6 base units. */
  expiries: { expiry: bigint; greeks: NetGreeks }[];
  /** In the order of the account's positions. */
  legs: LegGreeks[];
}

/** An account's Greeks: those of its positions, without the collateral that offsets them. */
export interface GreeksReport {
  now: bigint;
  /** Error code of the first reason why an opening does not accept these prices; 0 where it does. */
  doubt: number;
  /** All markets; delta in 1e-6 USD. */
  sum: NetGreeks;
  /** Every market of the account's scope, by index. */
  markets: MarketGreeks[];
}

function requireCount(count: number, first: number, total: number, room: number): void {
  if (count > room || first + count > Math.max(total, first)) {
    throw new DataError(`a page of ${count} rows from ${first} on, of ${total}`);
  }
}

/** Reads a page by market or by expiry. @throws DataError for another version, or bytes and counts beyond the page. */
export function decodeGreeksView(data: ReadonlyUint8Array): GreeksView {
  const { version, count, padding: _padding, market, rows, ...rest } = page.decode(filledView(data, GREEKS_VIEW_SIZE));
  requireVersion(version);
  requireCount(count, rest.first, rest.total, rows.length);
  return { ...rest, market: market === 0xffff ? undefined : market, rows: rows.slice(0, count) };
}

/** Reads a page by leg. @throws DataError as {@link decodeGreeksView}. */
export function decodeLegGreeksView(data: ReadonlyUint8Array): LegGreeksView {
  const { version, count, padding: _padding, rows, ...rest } = legPage.decode(filledView(data, LEG_GREEKS_VIEW_SIZE));
  requireVersion(version);
  requireCount(count, rest.first, rest.total, rows.length);
  return { ...rest, rows: rows.slice(0, count).map(({ padding: _none, ...shown }) => shown) };
}

/** All rows, of the first page and of those that begin where the one before ended. */
function rowsOf<T>(page: { rows: T[]; total: number }, read: (first: number) => { rows: T[] }): T[] {
  const rows = [...page.rows];
  while (rows.length < page.total) {
    const { rows: further } = read(rows.length);
    if (further.length === 0) throw new DataError(`an empty page, at row ${rows.length} of ${page.total}`);
    rows.push(...further);
  }
  return rows;
}

/** Puts together the pages that `ask` answers with, of those markets. */
export function gatherGreeks(ask: (page: GreeksPage) => ReadonlyUint8Array, markets: readonly number[]): GreeksReport {
  const { now, doubt, sum } = decodeGreeksView(ask({ __kind: 'Account' }));
  const gathered = markets.map((market): MarketGreeks => {
    const byExpiry = (first: number) => decodeGreeksView(ask({ __kind: 'Market', market, first }));
    const byLeg = (first: number) => decodeLegGreeksView(ask({ __kind: 'Legs', market, first }));
    const [expiries, legs] = [byExpiry(0), byLeg(0)];
    return {
      market,
      spot: legs.spot,
      sum: expiries.sum,
      expiries: rowsOf(expiries, byExpiry).map(({ key, greeks: of }) => ({ expiry: key, greeks: of })),
      legs: rowsOf(legs, byLeg),
    };
  });
  return { now, doubt, sum, markets: gathered };
}
