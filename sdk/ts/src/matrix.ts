// The risk matrix of a market: its PnL under each scenario, as `view_risk_matrix` says it, with what each scenario is.
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
import type { ScenarioRecord } from './generated/types/index.js';
import { contingencies, filledView, padding, requireVersion, type Contingencies } from './views.js';

/** Bytes of the view. */
export const MATRIX_VIEW_SIZE = 504;
/** Most scenarios of a market. */
const MOST_SCENARIOS = 40;
/** `worstScenario` where a floor sets the scan. */
const [BASIS, MIN_DELTA] = [254, 255];

const view = getStructDecoder([
  ['version', getU8Decoder()],
  ['count', getU8Decoder()],
  ['base', getU8Decoder()],
  ['worstScenario', getU8Decoder()],
  ['status', getU8Decoder()],
  ['tier', getU8Decoder()],
  ['market', getU16Decoder()],
  ['doubt', getU32Decoder()],
  ['padding', padding(4)],
  ['now', getI64Decoder()],
  ['spot', getU64Decoder()],
  ['mark', getI64Decoder()],
  ['scan', getI64Decoder()],
  ['basisFloor', getI64Decoder()],
  ['minDeltaFloor', getI64Decoder()],
  ['netDelta', getI64Decoder()],
  ['grossNotional', getI64Decoder()],
  ['contingencyMaintenance', getI64Decoder()],
  ['contingencyInitial', getI64Decoder()],
  ['contingencies', contingencies],
  ['pnl', getArrayDecoder(getI64Decoder(), { size: MOST_SCENARIOS })],
]);

/** What sets the scan: nothing loses, a scenario by its index, or a floor. */
export type Worst = { kind: 'nothing' | 'basis' | 'minDelta' } | { kind: 'scenario'; index: number };

/** One market of an account under the portfolio model, whatever its tier; 1e-6 USD. */
export interface RiskMatrixView {
  market: number;
  /** Whether the account is in liquidation. */
  isLiquidating: boolean;
  /** Tier of the account: 0 Standard, 1 Portfolio. */
  tier: number;
  /** Error code of the first reason why an opening does not accept these prices; 0 where it does. */
  doubt: number;
  /** Unix time of the evaluation. */
  now: bigint;
  /** 1e-8 USD. */
  spot: bigint;
  /** Value of the positions without a move, rounded down. */
  mark: bigint;
  /** The largest loss over scenarios and floors, at most zero. */
  scan: bigint;
  /** What sets it. */
  worst: Worst;
  /** The basis floor, at most zero. */
  basisFloor: bigint;
  /** The floor of the least delta, at most zero. */
  minDeltaFloor: bigint;
  /** Net delta times spot, with the collateral that offsets it. */
  netDelta: bigint;
  grossNotional: bigint;
  /** Charge in both requirements. */
  contingencyMaintenance: bigint;
  /** Further charge in the initial one. */
  contingencyInitial: bigint;
  /** The charges, each apart. */
  contingencies: Contingencies;
  /** Index of the scenario without a move. */
  base: number;
  /** PnL under each scenario, damped. */
  pnl: bigint[];
}

/** What a scenario does to volatility. */
export type VolShock = 'up' | 'none' | 'down' | 'skewLinear' | 'skewAbs';

/** A scenario of a market, with the PnL under it. */
export interface Scenario {
  /** 1e-6 USD, damped. */
  pnl: bigint;
  /** What spot is multiplied with, Q30: 2^30 leaves it. */
  spot: bigint;
  volShock: VolShock;
  /** What the PnL was multiplied with, Q30. */
  damping: bigint;
}

/** {@link RiskMatrixView} with its scenarios described. */
export interface RiskMatrix extends Omit<RiskMatrixView, 'pnl'> {
  scenarios: Scenario[];
}

function worstOf(scan: bigint, index: number, count: number): Worst {
  if (scan === 0n) return { kind: 'nothing' };
  if (index === BASIS) return { kind: 'basis' };
  if (index === MIN_DELTA) return { kind: 'minDelta' };
  if (index >= count) throw new DataError(`scenario ${index} of ${count} is the worst`);
  return { kind: 'scenario', index };
}

/** Reads the view. @throws DataError for another version, or bytes and counts beyond the view. */
export function decodeRiskMatrixView(data: ReadonlyUint8Array): RiskMatrixView {
  const {
    version,
    count,
    worstScenario,
    status,
    padding: _padding,
    pnl,
    ...rest
  } = view.decode(filledView(data, MATRIX_VIEW_SIZE));
  requireVersion(version);
  if (count > MOST_SCENARIOS || rest.base >= Math.max(count, 1)) {
    throw new DataError(`a matrix of ${count} scenarios, of which ${rest.base} is the base`);
  }
  const worst = worstOf(rest.scan, worstScenario, count);
  return { ...rest, isLiquidating: status === 1, worst, pnl: pnl.slice(0, count) };
}

function volShockOf(set: ScenarioRecord, index: number): VolShock {
  if (index < set.noneStart) return 'up';
  if (index < set.downStart) return 'none';
  if (index < set.linearStart) return 'down';
  return index < set.absStart ? 'skewLinear' : 'skewAbs';
}

/**
 * Says of each scenario what it is.
 *
 * @param set `scenarios` of the market's account, as of the same slot.
 * @throws DataError where the market has another number of scenarios.
 */
export function describeMatrix({ pnl, ...rest }: RiskMatrixView, set: ScenarioRecord): RiskMatrix {
  if (set.count !== pnl.length)
    throw new DataError(`a matrix of ${pnl.length} scenarios of a market with ${set.count}`);
  const scenarios = pnl.map((each, index) => ({
    pnl: each,
    spot: set.spot[index]!,
    volShock: volShockOf(set, index),
    damping: set.damping[index]!,
  }));
  return { ...rest, scenarios };
}
