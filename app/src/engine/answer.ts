// What the engine says of a document: `risk_document::answer`. Numbers are decimal strings with every digit that it has.

export interface Healths {
  initial_health: string;
  maintenance_health: string;
  initial_margin: string;
  maintenance_margin: string;
}

export type Shock = 'up' | 'none' | 'down' | 'skew_linear' | 'skew_abs';

export interface Scenario {
  spot: string;
  volatility: Shock;
  damping: string;
  pnl: string;
}

export type Worst =
  | ({ kind: 'scenario'; index: number } & Scenario)
  | { kind: 'basis' | 'min_delta' | 'none'; pnl: string };

export interface Sensitivities {
  gamma: string;
  vega: string;
  theta: string;
  rho: string;
}

export interface Leg extends Sensitivities {
  /** Its index in the document. */
  position: number;
  mark: string;
  delta: string;
  contribution: string;
  closing_frees_initial: string;
  closing_frees_maintenance: string;
}

export type Charge =
  | 'perp_maintenance' | 'perp_initial' | 'option_maintenance' | 'option_initial' | 'haircut_maintenance' | 'haircut_initial'
  | 'confidence' | 'stable_price' | 'concentration_delta' | 'concentration_vega' | 'cushion';

export type Distance = string | null | { refused: string };

export interface Report extends Healths {
  equity: string;
  mark: string;
  cash: string;
  collateral: string;
  scan: string;
  worst_scenario: Record<string, Worst>;
  scenario_pnl: Record<string, Scenario[]>;
  contingencies: Record<Charge | 'maintenance' | 'initial' | 'peg_add', string>;
  greeks: {
    account: Sensitivities & { delta_cash: string };
    markets: Record<string, Sensitivities & { delta: string; delta_cash: string }>;
  };
  standard: Healths;
  portfolio: Healths;
  distance_to_liquidation: Record<'spot_down' | 'spot_up' | 'volatility_down' | 'volatility_up', Distance>;
  markets: Record<string, { mark: string; scan: string; legs: Leg[] }>;
  rounded: { path: string; given: string; used: string }[];
}

export interface Curve {
  spot: string[];
  now: string[];
  later: string[] | null;
  expiry: string | null;
}

export interface Picture {
  market: string;
  worst: string;
  curve: Curve;
}

export interface Evaluation {
  report: Report;
  /** What the scan takes of each requirement, its factors included. */
  requirement: { maintenance: string; initial: string };
  pictures: Picture[];
}

export interface Failure {
  kind: 'document' | 'refused';
  path: string;
  text: string;
}

export type Answer = Evaluation | { failure: Failure };
