// Sending: compute budget from a simulation, a priority fee by policy, and resending until the transaction is seen or void.
import {
  AccountRole,
  appendTransactionMessageInstructions,
  compileTransaction,
  compressTransactionMessageUsingAddressLookupTables,
  createTransactionMessage,
  getBase64EncodedWireTransaction,
  getSignatureFromTransaction,
  getTransactionSize,
  getTransactionSizeLimit,
  isTransactionWithinSizeLimit,
  pipe,
  setTransactionMessageComputeUnitLimit,
  setTransactionMessageComputeUnitPrice,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
  type Address,
  type AddressesByLookupTableAddress,
  type Commitment,
  type GetBlockHeightApi,
  type GetLatestBlockhashApi,
  type GetRecentPrioritizationFeesApi,
  type GetSignatureStatusesApi,
  type GetTransactionApi,
  type Instruction,
  type Rpc,
  type SendTransactionApi,
  type Signature,
  type SimulateTransactionApi,
  type TransactionSigner,
} from '@solana/kit';
import { TransactionError, transactionError } from './failures.js';
import { MOST_UNITS } from './views.js';

/** What sending asks of a server. */
export type SendRpc = Rpc<
  GetBlockHeightApi &
    GetLatestBlockhashApi &
    GetRecentPrioritizationFeesApi &
    GetSignatureStatusesApi &
    GetTransactionApi &
    SendTransactionApi &
    SimulateTransactionApi
>;

/** What a compute unit is paid: a number of micro-lamports, or a percentile of what was paid lately for the written accounts. */
export type FeePolicy = { microLamports: bigint } | { percentile: number; cap: bigint };

/** How to send. */
export interface SendOptions {
  commitment?: Extract<Commitment, 'processed' | 'confirmed' | 'finalized'>;
  /** Half of recent fees, up to 100,000 micro-lamports, where it is not given. */
  fee?: FeePolicy;
  /** Compute units above those of the simulation, percent; 10 where it is not given: state may change in between. */
  spareUnits?: number;
  /** Lookup tables by address, from `asLookupTables`: every account that they name is taken to be where they say. */
  lookupTables?: AddressesByLookupTableAddress;
}

/** A transaction that succeeded. */
export interface Sent {
  signature: Signature;
  slot: bigint;
  /** Compute units of the simulation. */
  simulatedUnits: number;
  /** The limit that was asked for. */
  unitLimit: number;
  /** Price of a compute unit, micro-lamports. */
  microLamports: bigint;
}

const DEFAULT_FEE: FeePolicy = { percentile: 50, cap: 100_000n };
/** Milliseconds between two looks at a transaction's status. */
const LOOK_EVERY = 400;
/** Every how many looks it is sent again. */
const RESEND_EVERY = 5;
/** How many looks in a row may go without an answer. */
const MOST_UNANSWERED = 20;
const RANK = { processed: 0, confirmed: 1, finalized: 2 } as const;

/** The price that a policy asks for, micro-lamports. */
export async function priceOf(
  rpc: Rpc<GetRecentPrioritizationFeesApi>,
  policy: FeePolicy,
  written: Address[],
): Promise<bigint> {
  if ('microLamports' in policy) return policy.microLamports;
  const { percentile, cap } = policy;
  if (!(percentile >= 0 && percentile <= 100)) throw new RangeError(`a percentile of ${percentile}: 0 to 100`);
  const answer = await rpc.getRecentPrioritizationFees(written.slice(0, 128)).send();
  const fees = answer
    .map(({ prioritizationFee }) => BigInt(prioritizationFee))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const at = Math.min(fees.length - 1, Math.floor((fees.length * percentile) / 100));
  const fee = fees[at] ?? 0n;
  return fee < cap ? fee : cap;
}

function writtenBy(instructions: readonly Instruction[]): Address[] {
  const metas = instructions.flatMap(({ accounts }) => accounts ?? []);
  const written = metas.filter(({ role }) => role === AccountRole.WRITABLE || role === AccountRole.WRITABLE_SIGNER);
  return [...new Set(written.map(({ address }) => address))];
}

/** The message to send, with the most units that there are; the budget's instructions stand in front, however many. */
async function composed(
  rpc: SendRpc,
  payer: TransactionSigner,
  instructions: readonly Instruction[],
  options: SendOptions,
) {
  const { commitment = 'confirmed', fee = DEFAULT_FEE, lookupTables } = options;
  const microLamports = await priceOf(rpc, fee, writtenBy(instructions));
  const { value: lifetime } = await rpc.getLatestBlockhash({ commitment }).send();
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (m) => setTransactionMessageFeePayerSigner(payer, m),
    (m) => setTransactionMessageLifetimeUsingBlockhash(lifetime, m),
    (m) => setTransactionMessageComputeUnitLimit(MOST_UNITS, m),
    (m) => setTransactionMessageComputeUnitPrice(microLamports, m),
    (m) => appendTransactionMessageInstructions(instructions, m),
  );
  const compressed = lookupTables ? compressTransactionMessageUsingAddressLookupTables(message, lookupTables) : message;
  return { message: compressed, microLamports, until: lifetime.lastValidBlockHeight };
}

/** What a failure is told by: the programs of the instructions sent, and how many of the budget's are in front. */
interface Layout {
  programs: string[];
  inFront: number;
}

function layoutOf(message: { instructions: readonly Instruction[] }, sent: readonly Instruction[]): Layout {
  return {
    programs: sent.map(({ programAddress }) => programAddress),
    inFront: message.instructions.length - sent.length,
  };
}

/**
 * Sends instructions as one transaction and waits until it has the commitment asked for.
 *
 * It is simulated first: what would fail is not sent, and costs nothing. It is signed once. That it expired is the server's word: before
 * a trade is sent anew, see whether `sequence` of the account has moved, or put `assert_sequence` in front of both.
 *
 * @throws TransactionError where it fits no packet, fails, in the simulation or on chain, or its blockhash expires unseen.
 */
export async function sendInstructions(
  rpc: SendRpc,
  payer: TransactionSigner,
  instructions: readonly Instruction[],
  options: SendOptions = {},
): Promise<Sent> {
  const { commitment = 'confirmed', spareUnits = 10 } = options;
  const { message, microLamports, until } = await composed(rpc, payer, instructions, options);
  const layout = layoutOf(message, instructions);
  const simulatedUnits = await simulatedUnitsOf(rpc, message, layout, commitment);
  const unitLimit = Math.min(MOST_UNITS, Math.ceil(simulatedUnits * (1 + spareUnits / 100)) + 1_000);
  const transaction = await signTransactionMessageWithSigners(
    setTransactionMessageComputeUnitLimit(unitLimit, message),
  );
  const signature = getSignatureFromTransaction(transaction);
  const wire = getBase64EncodedWireTransaction(transaction);
  const slot = await landed(rpc, { signature, wire, until, layout }, commitment);
  return { signature, slot, simulatedUnits, unitLimit, microLamports };
}

async function simulatedUnitsOf(
  rpc: Rpc<SimulateTransactionApi>,
  message: Parameters<typeof compileTransaction>[0],
  { programs, inFront }: Layout,
  commitment: Commitment,
): Promise<number> {
  const transaction = compileTransaction(message);
  // of what is larger than a packet, a server would say that it cannot read it
  if (!isTransactionWithinSizeLimit(transaction)) {
    const text = `the transaction has ${getTransactionSize(transaction)} bytes, of ${getTransactionSizeLimit(transaction)} at the most: use a lookup table`;
    throw new TransactionError(text, undefined, undefined, undefined, [], undefined);
  }
  const wire = getBase64EncodedWireTransaction(transaction);
  const options = { commitment, encoding: 'base64', replaceRecentBlockhash: true, sigVerify: false } as const;
  const { value } = await rpc.simulateTransaction(wire, options).send();
  if (value.err) throw transactionError(value.err, value.logs ?? [], programs, inFront);
  return Number(value.unitsConsumed ?? BigInt(MOST_UNITS));
}

interface Flight {
  signature: Signature;
  wire: ReturnType<typeof getBase64EncodedWireTransaction>;
  /** The last block height at which it can land. */
  until: bigint;
  layout: Layout;
}

/** Sends again and again until the transaction is seen with the commitment, or can be seen no more; returns its slot. */
async function landed(rpc: SendRpc, flight: Flight, commitment: keyof typeof RANK): Promise<bigint> {
  let unanswered = 0;
  for (let look = 0; ; look += 1) {
    if (look % RESEND_EVERY === 0) await sendOnce(rpc, flight);
    const seen = await statusOf(rpc, flight.signature).catch((cause: unknown) => ({ cause }));
    if ('cause' in seen) {
      unanswered += 1;
      if (unanswered === MOST_UNANSWERED) {
        const text = `${flight.signature} was sent, but the server does not say what became of it`;
        throw new TransactionError(text, undefined, undefined, undefined, [], seen.cause);
      }
    } else {
      unanswered = 0;
      const { height, status } = seen;
      if (status?.err) throw await failed(rpc, flight, status.err);
      if (status && RANK[status.confirmationStatus ?? 'processed'] >= RANK[commitment]) return status.slot;
      if (!status && height > flight.until) {
        const text = `${flight.signature} was not seen before its blockhash expired at block ${flight.until}: send anew`;
        throw new TransactionError(text, undefined, undefined, undefined, [], undefined);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

async function statusOf(rpc: SendRpc, signature: Signature) {
  // Read before the status: what has expired by then and is not seen afterwards will never be.
  const height = await rpc.getBlockHeight({ commitment: 'confirmed' }).send();
  const { value } = await rpc.getSignatureStatuses([signature]).send();
  return { height, status: value[0] };
}

/** Hands the transaction to the server. One that refuses it may have it already, so the status decides. */
async function sendOnce(rpc: Rpc<SendTransactionApi>, { wire }: Flight): Promise<void> {
  try {
    await rpc.sendTransaction(wire, { encoding: 'base64', maxRetries: 0n, skipPreflight: true }).send();
  } catch {
    // The next look tells whether it landed; the next round sends again.
  }
}

/** The failure of a transaction that landed, with its log where the server still has it. */
async function failed(
  rpc: Rpc<GetTransactionApi>,
  { signature, layout }: Flight,
  err: unknown,
): Promise<TransactionError> {
  const { programs, inFront } = layout;
  try {
    const config = { commitment: 'confirmed', encoding: 'base64', maxSupportedTransactionVersion: 0 } as const;
    const transaction = await rpc.getTransaction(signature, config).send();
    return transactionError(err, transaction?.meta?.logMessages ?? [], programs, inFront);
  } catch {
    return transactionError(err, [], programs, inFront);
  }
}
