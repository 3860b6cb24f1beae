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
import type { QuoteNonces } from './generated/accounts/index.js';
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
/** Seconds that a cluster's clock may be ahead of this machine's. */
const MOST_AHEAD = 300n;
/** A delegate's scope: trades and signed quotes. */
const SCOPE_TRADE = 1n;
/** `filled` of a cancelled nonce. */
const CANCELLED = 2n ** 64n - 1n;
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
  /** Unix time from which it is void: {@link expiresIn}. */
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

/**
 * When a quote that is signed now becomes void: so many seconds after the cluster's time.
 *
 * @param now The cluster's Unix time, `now` of a loaded account: a server's word, which would keep a quote alive for years.
 * @throws QuoteError where that is more than 300 seconds ahead of this machine's clock.
 */
export function expiresIn(seconds: bigint, now: bigint): bigint {
  const here = BigInt(Math.floor(Date.now() / 1_000));
  if (now > here + MOST_AHEAD)
    throw new QuoteError(
      `the server says that it is ${now}, ${now - here} s ahead of this machine: no quote is signed by its clock`,
    );
  return now + seconds;
}

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

/** A margin account and where it is. */
export interface Side {
  address: Address;
  account: Account;
}

/** What a quote is verified against. */
export interface QuoteContext {
  /** The account that the quote names as its maker's, as it was loaded. */
  maker: Side;
  /** Unix time of the cluster. */
  now: bigint;
  /** Whoever wants to take: refused where the quote is for another. */
  taker?: Address;
  /** The maker's quote nonces: refused where the quote is of another session, cancelled, or filled. */
  nonces?: QuoteNonces;
}

/**
 * Verifies that a quote was signed by whoever may sign for the account that it names, that it has not expired, and what else the context
 * lets be known.
 *
 * @returns The quote.
 * @throws QuoteError with the first reason why it is not to be relied upon. Margin and prices are not looked at.
 */
export async function verifyQuote(signed: SignedQuote, { maker, now, taker, nonces }: QuoteContext): Promise<Quote> {
  const quote = decodeQuote(signed.message);
  requireParties(quote, maker, taker);
  if (quote.expires <= now) throw new QuoteError(`the quote expired at ${quote.expires}, and it is ${now}`);
  if (!maySign(signed.signer, maker.account, now))
    throw new QuoteError(`${signed.signer} may not sign for ${quote.maker}`);
  const key = await getPublicKeyFromAddress(signed.signer);
  if (!(await verifySignature(key, signed.signature, signed.message as Uint8Array))) {
    throw new QuoteError(`the signature is not one of ${signed.signer} over this quote`);
  }
  if (nonces) requireLots(quote, nonces);
  return quote;
}

function requireParties(quote: Quote, maker: Side, taker: Address | undefined): void {
  const { clearinghouse } = maker.account.header;
  if (quote.maker !== maker.address) throw new QuoteError(`the quote's maker is ${quote.maker}, not ${maker.address}`);
  if (quote.clearinghouse !== clearinghouse)
    throw new QuoteError(`a quote of the clearing house ${quote.clearinghouse}`);
  const isFor = taker === undefined || quote.taker === ANYONE || quote.taker === taker;
  if (!isFor) throw new QuoteError(`the quote is for ${quote.taker}`);
  if (taker === quote.maker) throw new QuoteError("the quote is the taker's own");
}

/** Whether a key may sign quotes of an account at a time: its owner's, or its delegate's while it is one. */
function maySign(signer: Address, { header }: Account, now: bigint): boolean {
  const isDelegate = signer === header.delegate && signer !== ANYONE && now < header.delegateExpires;
  return signer === header.owner || (isDelegate && (header.delegateScope & SCOPE_TRADE) === SCOPE_TRADE);
}

function requireLots(quote: Quote, nonces: QuoteNonces): void {
  if (nonces.marginAccount !== quote.maker) throw new QuoteError(`the nonces are those of ${nonces.marginAccount}`);
  if (nonces.session !== quote.session)
    throw new QuoteError(`a quote of session ${quote.session}, and it is ${nonces.session}`);
  const left = lotsLeft(quote, nonces);
  if (left === undefined) throw new QuoteError(`the quote ${quote.nonce} is void: cancelled or replaced`);
  if (left <= 0n) throw new QuoteError(`nothing is left of the quote ${quote.nonce}`);
}

/** Lots that a quote has left by its maker's nonces, of its session; `undefined` where it is cancelled or replaced. */
export function lotsLeft(quote: Pick<Quote, 'nonce' | 'mostLots'>, nonces: QuoteNonces): bigint | undefined {
  const count = BigInt(nonces.slots.length);
  const slot = nonces.slots[Number(quote.nonce % count)];
  const generation = quote.nonce / count;
  if (!slot || quote.nonce < nonces.leastNonce || slot.generation > generation) return undefined;
  const filled = slot.generation === generation ? slot.filled : 0n;
  return filled === CANCELLED ? undefined : quote.mostLots - filled;
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
  requireParties(quote, maker, taker.address);
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
