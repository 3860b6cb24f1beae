// Signed quotes: the message as makers sign it, its signature made and checked, and the two instructions that fill it.
import {
  createSignableMessage,
  getAddressDecoder,
  getAddressEncoder,
  getArrayDecoder,
  getArrayEncoder,
  getBytesDecoder,
  getBytesEncoder,
  getI64Decoder,
  getI64Encoder,
  getPublicKeyFromAddress,
  getStructDecoder,
  getStructEncoder,
  getU16Encoder,
  getU64Decoder,
  getU64Encoder,
  fixDecoderSize,
  fixEncoderSize,
  verifySignature,
  type AccountMeta,
  type Address,
  type Instruction,
  type MessagePartialSigner,
  type ReadonlyUint8Array,
  type SignatureBytes,
  type TransactionSigner,
} from '@solana/kit';
import type { Account } from './account.js';
import { QuoteError } from './failures.js';
import { getFillQuoteInstruction } from './generated/instructions/index.js';
import { findQuotesPda } from './generated/pdas/index.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';
import { getTradeLegDecoder, getTradeLegEncoder, type TradeLeg } from './generated/types/index.js';
import type { Directory } from './directory.js';
import { packTrade, withAccounts, withWritable } from './packing.js';

/** What every quote begins with: domain and version. */
const TAG = new Uint8Array([0xff, ...new TextEncoder().encode('margin quote v1')]);
/** Most legs of a quote. */
const MOST_LEGS = 16;
/** A delegate's scope: trades and signed quotes. */
const SCOPE_TRADE = 1n;
/** Whoever may take a quote that names no taker. */
export const ANYONE = '11111111111111111111111111111111' as Address;
/** The program that verifies Ed25519 signatures. */
export const ED25519_PROGRAM_ADDRESS = 'Ed25519SigVerify111111111111111111111111111' as Address;
/** The sysvar that shows a transaction's instructions. */
export const INSTRUCTIONS_SYSVAR_ADDRESS = 'Sysvar1nstructions1111111111111111111111111' as Address;

/** What a maker offers, once. */
export interface Quote {
  /** The clearing house of both accounts. */
  clearinghouse: Address;
  /** The maker's margin account. */
  maker: Address;
  /** The only margin account that may take; {@link ANYONE}. */
  taker: Address;
  /** `session` of the maker's quote nonces: it makes quotes of one cluster void on another. */
  session: bigint;
  /** Number of the quote; quotes of one number share one count of filled lots. */
  nonce: bigint;
  /** Unix time from which it is void. */
  expires: bigint;
  /** Most lots, over all fills. */
  mostLots: bigint;
  /** Least lots of a fill, unless it takes all that are left. */
  leastLots: bigint;
  /** One lot as its taker sees it: what the taker buys, negative where it sells. 1 to 16. */
  legs: TradeLeg[];
}

/** A quote with its signature, as it travels from maker to taker. */
export interface SignedQuote {
  /** Whose key signed: the owner's of the maker's account, or its delegate's. */
  signer: Address;
  signature: SignatureBytes;
  /** The bytes that were signed. */
  message: ReadonlyUint8Array;
}

const encoder = getStructEncoder([
  ['tag', fixEncoderSize(getBytesEncoder(), 16)],
  ['program', getAddressEncoder()],
  ['clearinghouse', getAddressEncoder()],
  ['maker', getAddressEncoder()],
  ['taker', getAddressEncoder()],
  ['session', getU64Encoder()],
  ['nonce', getU64Encoder()],
  ['expires', getI64Encoder()],
  ['mostLots', getU64Encoder()],
  ['leastLots', getU64Encoder()],
  ['legs', getArrayEncoder(getTradeLegEncoder())],
]);
const decoder = getStructDecoder([
  ['tag', fixDecoderSize(getBytesDecoder(), 16)],
  ['program', getAddressDecoder()],
  ['clearinghouse', getAddressDecoder()],
  ['maker', getAddressDecoder()],
  ['taker', getAddressDecoder()],
  ['session', getU64Decoder()],
  ['nonce', getU64Decoder()],
  ['expires', getI64Decoder()],
  ['mostLots', getU64Decoder()],
  ['leastLots', getU64Decoder()],
  ['legs', getArrayDecoder(getTradeLegDecoder())],
]);

/** The bytes to sign. @throws QuoteError where the number of legs is not 1 to 16. */
export function encodeQuote(quote: Quote): ReadonlyUint8Array {
  requireLegs(quote.legs.length);
  return encoder.encode({ ...quote, tag: TAG, program: PORTFOLIO_MARGIN_PROGRAM_ADDRESS });
}

function requireLegs(count: number): void {
  if (count < 1 || count > MOST_LEGS) throw new QuoteError(`a quote of ${count} legs: 1 to ${MOST_LEGS}`);
}

/** Reads a quote; nothing about it is verified. @throws QuoteError where the bytes are not exactly one quote of this program. */
export function decodeQuote(message: ReadonlyUint8Array): Quote {
  if (message.length < 188 || TAG.some((byte, at) => message[at] !== byte))
    throw new QuoteError('not a quote of this version');
  const count = message[184]! + message[185]! * 2 ** 8 + message[186]! * 2 ** 16 + message[187]! * 2 ** 24;
  requireLegs(count);
  if (message.length !== 188 + 35 * count) throw new QuoteError(`a quote of ${count} legs in ${message.length} bytes`);
  const { tag: _tag, program, ...quote } = decoder.decode(message);
  if (program !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS) throw new QuoteError(`a quote of the program ${program}`);
  return quote;
}

/** Signs a quote with the owner's or the delegate's key. @throws QuoteError where the signer returns no signature. */
export async function signQuote(quote: Quote, signer: MessagePartialSigner): Promise<SignedQuote> {
  const message = encodeQuote(quote);
  const [signatures] = await signer.signMessages([createSignableMessage(message as Uint8Array)]);
  const signature = signatures?.[signer.address];
  if (!signature) throw new QuoteError(`${signer.address} did not sign`);
  return { signer: signer.address, signature, message };
}

/**
 * Verifies that a quote was signed by whoever may sign for the maker's account, and that it has not expired.
 *
 * @param maker The maker's margin account, as loaded from the quote's address.
 * @param now Unix time of the cluster.
 * @returns The quote.
 * @throws QuoteError with the first reason why it is not to be relied upon. What the chain alone knows is not looked at: lots filled,
 * nonces cancelled, margin.
 */
export async function verifyQuote(signed: SignedQuote, maker: Account, now: bigint): Promise<Quote> {
  const quote = decodeQuote(signed.message);
  const { header } = maker;
  if (quote.clearinghouse !== header.clearinghouse)
    throw new QuoteError(`a quote of the clearing house ${quote.clearinghouse}`);
  if (quote.expires <= now) throw new QuoteError(`the quote expired at ${quote.expires}, and it is ${now}`);
  const isDelegate =
    signed.signer === header.delegate &&
    signed.signer !== ANYONE &&
    (header.delegateScope & SCOPE_TRADE) === SCOPE_TRADE &&
    now < header.delegateExpires;
  if (signed.signer !== header.owner && !isDelegate)
    throw new QuoteError(`${signed.signer} may not sign for ${quote.maker}`);
  const key = await getPublicKeyFromAddress(signed.signer);
  if (!(await verifySignature(key, signed.signature, signed.message as Uint8Array))) {
    throw new QuoteError(`the signature is not one of ${signed.signer} over this quote`);
  }
  return quote;
}

/** The instruction that has the runtime verify a quote's signature. It stands in the transaction that fills the quote. */
export function getVerifyQuoteInstruction({ signer, signature, message }: SignedQuote): Instruction {
  const [keyAt, signatureAt, messageAt, itself] = [16, 48, 112, 0xffff];
  const number = getU16Encoder();
  const offsets = [signatureAt, itself, keyAt, itself, messageAt, message.length, itself];
  const data = new Uint8Array(messageAt + message.length);
  data.set([1, 0]);
  offsets.forEach((offset, at) => data.set(number.encode(offset), 2 + 2 * at));
  data.set(getAddressEncoder().encode(signer), keyAt);
  data.set(signature, signatureAt);
  data.set(message, messageAt);
  return { programAddress: ED25519_PROGRAM_ADDRESS, data };
}

/** A side of a trade: the margin account and where it is. */
export interface Side {
  address: Address;
  account: Account;
}

/** What {@link getFillQuoteInstructions} needs. */
export interface FillQuoteRequest {
  directory: Directory;
  /** The taker's owner or delegate. */
  takerSigner: TransactionSigner;
  taker: Side;
  maker: Side;
  signed: SignedQuote;
  /** Most lots to take; fewer where fewer are left. */
  lots: bigint;
  /** Least lots to take: below it the instruction fails. One where it is not given. */
  leastLots?: bigint;
  /** Whether the clearing house is only read, because no side will owe cash; else it is written. */
  isHouseRead?: boolean;
}

/**
 * The two instructions that take lots of a quote, in order: the signature's check and the fill with its accounts.
 *
 * @throws QuoteError where the message is no quote, or one of another maker or for another taker. Its signature is not verified here.
 */
export async function getFillQuoteInstructions(input: FillQuoteRequest): Promise<[Instruction, Instruction]> {
  const { directory, takerSigner, taker, maker, signed, lots, leastLots = 1n, isHouseRead = false } = input;
  const quote = decodeQuote(signed.message);
  if (quote.maker !== maker.address) throw new QuoteError(`the quote's maker is ${quote.maker}, not ${maker.address}`);
  if (quote.taker !== ANYONE && quote.taker !== taker.address) throw new QuoteError(`the quote is for ${quote.taker}`);
  const [quotes] = await findQuotesPda({ marginAccount: maker.address });
  const fill = getFillQuoteInstruction({
    takerSigner,
    clearinghouse: directory.clearinghouse,
    taker: taker.address,
    maker: maker.address,
    quotes,
    instructions: INSTRUCTIONS_SYSVAR_ADDRESS,
    nonce: quote.nonce,
    lots,
    leastLots,
  });
  const metas: AccountMeta[] = packTrade(directory, taker.account, maker.account, quote.legs);
  const named = isHouseRead ? fill : withWritable(fill, directory.clearinghouse);
  return [getVerifyQuoteInstruction(signed), withAccounts(named, metas)];
}
