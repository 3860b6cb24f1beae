// A margin account read whole: the header that Codama describes, and the position records behind it.
import {
  getI64Decoder,
  getStructDecoder,
  getArrayDecoder,
  getU16Decoder,
  getU64Decoder,
  getU8Decoder,
  type ReadonlyUint8Array,
} from '@solana/kit';
import {
  getMarginAccountDecoder,
  MARGIN_ACCOUNT_DISCRIMINATOR,
  type MarginAccount,
} from './generated/accounts/index.js';
import { DataError } from './failures.js';

/** Instruments of a position, by their code. */
export const INSTRUMENTS = ['perpetual', 'future', 'call', 'put'] as const;

/** One series that an account holds. */
export interface Position {
  /** Index of the market. */
  market: number;
  /** Code: a place in {@link INSTRUMENTS}. */
  instrument: number;
  /** Unix time of expiry; zero for a perpetual. */
  expiry: bigint;
  /** Strike, 1e-8 USD; zero for a perpetual or a future. */
  strike: bigint;
  /** ln of the strike, Q40. */
  lnStrike: bigint;
  /** Signed size, 1e-6 base units. */
  quantity: bigint;
  /** Perpetual, future: quote paid for it in sum, 1e-6 USD. Options: zero. */
  cost: bigint;
}

/** A margin account with its positions. */
export interface Account {
  /** Everything of fixed size. */
  header: MarginAccount;
  /** Positions in canonical order: market, expiry, strike, instrument. */
  positions: Position[];
}

/** Banks and markets that a check of an account covers, by index, ascending. */
export interface Scope {
  banks: number[];
  markets: number[];
}

/** Bytes of the header with its discriminator. */
export const MARGIN_ACCOUNT_SIZE = 560;
/** Bytes of a position record. */
export const POSITION_SIZE = 64;

const position = getStructDecoder([
  ['market', getU16Decoder()],
  ['instrument', getU8Decoder()],
  ['padding', getArrayDecoder(getU8Decoder(), { size: 5 })],
  ['expiry', getI64Decoder()],
  ['strike', getU64Decoder()],
  ['lnStrike', getI64Decoder()],
  ['quantity', getI64Decoder()],
  ['cost', getI64Decoder()],
  ['reserved', getArrayDecoder(getU64Decoder(), { size: 2 })],
]);

/** Whether bytes begin with an account's discriminator. */
export function hasDiscriminator(data: ReadonlyUint8Array, discriminator: Uint8Array): boolean {
  return data.length >= discriminator.length && discriminator.every((byte, at) => data[at] === byte);
}

/**
 * Reads a margin account and the records in use.
 *
 * @throws DataError where the bytes are another account, or fewer than the header says.
 */
export function decodeAccount(data: ReadonlyUint8Array): Account {
  if (!hasDiscriminator(data, MARGIN_ACCOUNT_DISCRIMINATOR)) throw new DataError('not a margin account');
  if (data.length < MARGIN_ACCOUNT_SIZE) throw new DataError(`a margin account cut to ${data.length} bytes`);
  const header = getMarginAccountDecoder().decode(data);
  const end = MARGIN_ACCOUNT_SIZE + header.positionCount * POSITION_SIZE;
  if (data.length < end) {
    throw new DataError(`a margin account of ${data.length} bytes, which says ${header.positionCount} positions`);
  }
  const positions: Position[] = [];
  for (let at = MARGIN_ACCOUNT_SIZE; at < end; at += POSITION_SIZE) {
    const { padding: _padding, reserved: _reserved, ...read } = position.decode(data, at);
    positions.push(read);
  }
  return { header, positions };
}

function ascending(indexes: Iterable<number>): number[] {
  return [...new Set(indexes)].sort((a, b) => a - b);
}

/** Everything that the account holds, and the markets whose risk its collateral offsets. */
export function scopeOf({ header, positions }: Account): Scope {
  const used = header.collateral.filter((held) => held.amount > 0n);
  const offset = used.filter((held) => held.offsetMarket > 0).map((held) => held.offsetMarket - 1);
  return {
    banks: ascending(used.map((held) => held.bank)),
    markets: ascending([...positions.map((held) => held.market), ...offset]),
  };
}

/** Everything in any of the scopes. */
export function union(...scopes: Scope[]): Scope {
  return {
    banks: ascending(scopes.flatMap((scope) => scope.banks)),
    markets: ascending(scopes.flatMap((scope) => scope.markets)),
  };
}

/** The markets of a trade's legs. */
export function scopeOfLegs(legs: readonly { market: number }[]): Scope {
  return { banks: [], markets: ascending(legs.map((leg) => leg.market)) };
}
