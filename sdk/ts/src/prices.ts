// What a price account shows: for display and for naming a trade's price. Nothing is checked; the engine and the program check.
import { getI32Decoder, getI64Decoder, getU64Decoder } from '@solana/kit';
import { DataError } from './failures.js';
import type { RawAccount } from './load.js';

/** A price as its account states it. */
export interface ShownPrice {
  /** In 1e-8 USD, rounded down. */
  price: bigint;
  /** Half-width of the confidence interval, 1e-8 USD, rounded down. */
  confidence: bigint;
  /** Unix time. */
  publishTime: bigint;
}

/** Begins an update of the pull oracle, as its receiver program writes it. */
const UPDATE = [34, 241, 35, 99, 157, 126, 244, 205];
/** Decimals of every price here. */
const DECIMALS = 8;

/** `amount x 10^exponent` in 1e-8, rounded down. */
function scaled(amount: bigint, exponent: number): bigint {
  const shift = exponent + DECIMALS;
  return shift >= 0 ? amount * 10n ** BigInt(shift) : amount / 10n ** BigInt(-shift);
}

/** Reads an update of the pull oracle, unchecked. @throws DataError for another account, and an exponent out of all bounds. */
export function decodePrice({ address, data }: RawAccount): ShownPrice {
  // Behind the discriminator and an authority: how much was verified, in one byte, or two where it is a part.
  const at = data[40] === 0 ? 42 : 41;
  if (UPDATE.some((byte, place) => data[place] !== byte) || data.length < at + 60) {
    throw new DataError(`${address} is no update of the pull oracle`);
  }
  const exponent = getI32Decoder().decode(data, at + 48);
  if (exponent < -30 || exponent > 10)
    throw new DataError(`${address} states a price in units of ten to the ${exponent}`);
  return {
    price: scaled(getI64Decoder().decode(data, at + 32), exponent),
    confidence: scaled(getU64Decoder().decode(data, at + 40), exponent),
    publishTime: getI64Decoder().decode(data, at + 52),
  };
}
