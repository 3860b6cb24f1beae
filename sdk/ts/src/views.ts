// What `view_margin` returns and the engine computes: the same bytes, so one decoder for both.
import {
  appendTransactionMessageInstructions,
  compileTransaction,
  createTransactionMessage,
  getArrayDecoder,
  getBase64EncodedWireTransaction,
  getBase64Encoder,
  getI64Decoder,
  getStructDecoder,
  getU16Decoder,
  getU32Decoder,
  getU8Decoder,
  pipe,
  setTransactionMessageComputeUnitLimit,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Blockhash,
  type Commitment,
  type Instruction,
  type ReadonlyUint8Array,
  type Rpc,
  type SimulateTransactionApi,
} from '@solana/kit';
import { DataError, transactionError } from './failures.js';
import { PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from './generated/programs/index.js';

/** Bytes of the view; the runtime cuts trailing zeros off. */
export const MARGIN_VIEW_SIZE = 520;
/** The version that this reader knows. */
const VIEW_VERSION = 3;
/** Most compute units of a transaction. */
export const MOST_UNITS = 1_400_000;

/** Bytes that say nothing. */
export const padding = (size: number) => getArrayDecoder(getU8Decoder(), { size });

/** Reads {@link Contingencies}. */
export const contingencies = getStructDecoder([
  ['perpMaintenance', getI64Decoder()],
  ['perpInitial', getI64Decoder()],
  ['optionMaintenance', getI64Decoder()],
  ['optionInitial', getI64Decoder()],
  ['haircutMaintenance', getI64Decoder()],
  ['haircutInitial', getI64Decoder()],
  ['confidence', getI64Decoder()],
  ['stablePrice', getI64Decoder()],
  ['concentrationDelta', getI64Decoder()],
  ['concentrationVega', getI64Decoder()],
  ['cushion', getI64Decoder()],
]);

const market = getStructDecoder([
  ['market', getU16Decoder()],
  ['worstScenario', getU8Decoder()],
  ['padding', padding(5)],
  ['mark', getI64Decoder()],
  ['scan', getI64Decoder()],
  ['contingencyMaintenance', getI64Decoder()],
  ['contingencyInitial', getI64Decoder()],
]);

const view = getStructDecoder([
  ['version', getU8Decoder()],
  ['marketCount', getU8Decoder()],
  ['wouldOpen', getU8Decoder()],
  ['status', getU8Decoder()],
  ['tier', getU8Decoder()],
  ['padding', padding(3)],
  ['now', getI64Decoder()],
  ['doubt', getU32Decoder()],
  ['refusal', getU32Decoder()],
  ['initialHealth', getI64Decoder()],
  ['maintenanceHealth', getI64Decoder()],
  ['equity', getI64Decoder()],
  ['mark', getI64Decoder()],
  ['cash', getI64Decoder()],
  ['collateral', getI64Decoder()],
  ['scan', getI64Decoder()],
  ['contingencyMaintenance', getI64Decoder()],
  ['contingencyInitial', getI64Decoder()],
  ['grossNotional', getI64Decoder()],
  ['pegAdd', getI64Decoder()],
  ['contingencies', contingencies],
  ['markets', getArrayDecoder(market, { size: 8 })],
]);

/** The contingencies, each apart, 1e-6 USD: those of `Initial` in the initial requirement only, the others in both but where said. */
export interface Contingencies {
  perpMaintenance: bigint;
  perpInitial: bigint;
  /** Naked shorts. */
  optionMaintenance: bigint;
  optionInitial: bigint;
  /** Haircuts of collateral. */
  haircutMaintenance: bigint;
  haircutInitial: bigint;
  /** Uncertain inputs, initial only. */
  confidence: bigint;
  /** Distance to the stable price, initial only. */
  stablePrice: bigint;
  /** Concentration of the net delta, initial only. */
  concentrationDelta: bigint;
  /** Concentration of the net vega, initial only. */
  concentrationVega: bigint;
  /** Numerical cushion. */
  cushion: bigint;
}

/** One market's part, 1e-6 USD. */
export interface MarketMargin {
  /** Index of the market. */
  market: number;
  /** Index of the scenario with the largest loss; 254 the basis floor, 255 the floor of the least delta. */
  worstScenario: number;
  /** Value of the positions. */
  mark: bigint;
  /** Loss in the worst scenario, at most zero. */
  scan: bigint;
  contingencyMaintenance: bigint;
  contingencyInitial: bigint;
}

/** An account's margin; amounts in 1e-6 USD. */
export interface MarginReport {
  /** Whether the account may be opened on as it is. */
  wouldOpen: boolean;
  /** Whether it is in liquidation. */
  isLiquidating: boolean;
  /** 0 Standard, 1 Portfolio. */
  tier: number;
  /** Unix time of the evaluation. */
  now: bigint;
  /** Error code of the first reason why an opening does not accept these prices; 0 where it does. */
  doubt: number;
  /** Error code with which the margin test would refuse; 0 where `wouldOpen`. */
  refusal: number;
  /** Signed headroom over the initial requirement. */
  initialHealth: bigint;
  /** Signed headroom over the maintenance requirement. */
  maintenanceHealth: bigint;
  /** Marks plus cash plus value of collateral. */
  equity: bigint;
  mark: bigint;
  /** Quote balance with its interest. */
  cash: bigint;
  /** Value of all collateral before haircuts. */
  collateral: bigint;
  /** Sum of the markets' worst losses. */
  scan: bigint;
  contingencyMaintenance: bigint;
  contingencyInitial: bigint;
  grossNotional: bigint;
  /** What the quote asset's price adds to the initial scan factors, 1e-6. */
  pegAdd: bigint;
  /** The contingencies, each apart. */
  contingencies: Contingencies;
  /** Per market, in order; eight at the most are described. */
  markets: MarketMargin[];
}

/** Return data with the zeros that the runtime cut off. @throws DataError where it is longer than the view. */
export function filledView(data: ReadonlyUint8Array, size: number = MARGIN_VIEW_SIZE): Uint8Array {
  if (data.length > size) throw new DataError(`a view of ${data.length} bytes, of ${size} at the most`);
  const whole = new Uint8Array(size);
  whole.set(data);
  return whole;
}

/** Refuses a view of another version: all views change together. */
export function requireVersion(version: number): void {
  if (version !== VIEW_VERSION) throw new DataError(`a view of version ${version}, this client reads ${VIEW_VERSION}`);
}

/** Reads a view. @throws DataError for another version, or more bytes than a view has. */
export function decodeMarginView(data: ReadonlyUint8Array): MarginReport {
  const {
    version,
    marketCount,
    wouldOpen,
    status,
    padding: _padding,
    markets,
    ...rest
  } = view.decode(filledView(data));
  requireVersion(version);
  if (marketCount > markets.length) throw new DataError(`a view of ${marketCount} markets`);
  return {
    ...rest,
    wouldOpen: wouldOpen === 1,
    isLiquidating: status === 1,
    markets: markets.slice(0, marketCount).map(({ padding: _none, ...shown }) => shown),
  };
}

/** A blockhash for what is only simulated: the server puts in its own. */
const NO_BLOCKHASH = { blockhash: '11111111111111111111111111111111' as Blockhash, lastValidBlockHeight: 0n };

/**
 * Has a server run an instruction without signatures, and returns what it returns.
 *
 * @param payer Any account that could pay a fee.
 * @throws TransactionError where the instruction fails, DataError where it returns nothing.
 */
export async function simulateView(
  rpc: Rpc<SimulateTransactionApi>,
  payer: Address,
  instruction: Instruction,
  { commitment = 'confirmed' }: { commitment?: Commitment } = {},
): Promise<{ slot: bigint; data: ReadonlyUint8Array }> {
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (m) => setTransactionMessageFeePayer(payer, m),
    (m) => setTransactionMessageLifetimeUsingBlockhash(NO_BLOCKHASH, m),
    (m) => setTransactionMessageComputeUnitLimit(MOST_UNITS, m),
    (m) => appendTransactionMessageInstructions([instruction], m),
  );
  const wire = getBase64EncodedWireTransaction(compileTransaction(message));
  const options = { commitment, encoding: 'base64', replaceRecentBlockhash: true, sigVerify: false } as const;
  const { context, value } = await rpc.simulateTransaction(wire, options).send();
  if (value.err)
    throw transactionError(value.err, value.logs ?? [], [instruction.programAddress], message.instructions.length - 1);
  const returned = value.returnData;
  if (!returned || returned.programId !== PORTFOLIO_MARGIN_PROGRAM_ADDRESS)
    throw new DataError('the instruction returned nothing');
  return { slot: context.slot, data: getBase64Encoder().encode(returned.data[0]) };
}
