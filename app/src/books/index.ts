// Books to begin with: the command line's examples, and what a new leg, expiry, market or collateral starts as. Prices are made up.
import coveredCall from '../../../cli/examples/covered-call.json?raw';
import ironCondor from '../../../cli/examples/iron-condor.json?raw';
import nakedShort from '../../../cli/examples/naked-short.json?raw';
import hedgedBook from '../../../cli/examples/hedged-book.json?raw';
import hedgedPerpetual from './hedged-perpetual.json?raw';
import { fromText, type Collateral, type Expiry, type Market, type Portfolio } from '../model/document';

export interface Book {
  name: string;
  about: string;
  portfolio: Portfolio;
}

const DAY = 86_400;

export const PRESETS = ['BTC', 'ETH', 'SOL'] as const;
export type Preset = (typeof PRESETS)[number];

/** Spot and flat volatility of a new market. */
const START: Record<Preset, { spot: number; volatility: string }> = {
  BTC: { spot: 90_000, volatility: '0.45' },
  ETH: { spot: 3_100, volatility: '0.65' },
  SOL: { spot: 140, volatility: '0.8' },
};

const RATE = 0.05;

/** `spot e^(r T)` to the cent: where a new forward starts. */
export function carried(spot: number, rate: number, seconds: number): string {
  return String(Number((spot * Math.exp((rate * seconds) / (365 * DAY))).toFixed(2)));
}

/** A listed expiry `days` from `now`, with a flat volatility. */
export function newExpiry(now: string, days: number, spot: number, volatility: string): Expiry {
  return {
    expiry: String(Number(now) + days * DAY),
    forward: carried(spot, RATE, days * DAY),
    rate: String(RATE),
    volatility,
  };
}

export function newMarket(preset: Preset, now: string): Market {
  const { spot, volatility } = START[preset];
  return {
    name: preset,
    spot: String(spot),
    perpetual_price: String(spot),
    parameters: preset,
    expiries: [30, 90].map((days) => newExpiry(now, days, spot, volatility)),
  };
}

export function newCollateral(market: Market): Collateral {
  return {
    asset: market.name, amount: '1', price: market.spot, haircut_maintenance: '0.1', haircut_initial: '0', market: market.name,
  };
}

/** Valuation time of the examples. */
const NOW = '1767225600';

const empty: Portfolio = {
  now: NOW, cash: '10000', markets: [newMarket('BTC', NOW)], positions: [], collateral: [],
};

export const BOOKS: readonly Book[] = [
  { name: 'Iron condor', about: 'put spread and call spread sold, losses limited on both sides', portfolio: fromText(ironCondor) },
  { name: 'Covered call', about: '1 BTC held, one call sold against it', portfolio: fromText(coveredCall) },
  { name: 'Hedged perpetual', about: '2 BTC long, puts bought, calls sold', portfolio: fromText(hedgedPerpetual) },
  { name: 'Naked short', about: 'two calls sold, nothing against them', portfolio: fromText(nakedShort) },
  { name: 'Three markets', about: 'eleven legs in BTC, ETH and SOL', portfolio: fromText(hedgedBook) },
  { name: 'Empty', about: 'cash and a BTC market', portfolio: empty },
];
