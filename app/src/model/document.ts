// The document of `pm margin` (cli/SCHEMA.md) as the page holds it: every number as it was typed, members that the page does not
// edit kept as they are.

export interface Expiry {
  expiry: string;
  forward: string;
  rate: string;
  volatility?: string;
  smile?: Readonly<Record<string, string>>;
}

export interface Market {
  name: string;
  spot: string;
  perpetual_price?: string;
  /** The name of a preset, or an object that the page keeps as it is. */
  parameters: unknown;
  expiries: Expiry[];
}

export type Instrument = 'call' | 'put' | 'perpetual' | 'future';
export const INSTRUMENTS: readonly Instrument[] = ['call', 'put', 'perpetual', 'future'];

export interface Position {
  market: string;
  instrument: Instrument;
  quantity: string;
  expiry?: string;
  strike?: string;
  volatility?: string;
  entry?: string;
  funding?: string;
}

export interface Collateral {
  asset: string;
  amount: string;
  price: string;
  haircut_maintenance: string;
  haircut_initial: string;
  confidence?: string;
  market?: string;
}

export interface Portfolio {
  now: string;
  cash: string;
  markets: Market[];
  positions: Position[];
  collateral: Collateral[];
  /** Correlation groups, kept as they are. */
  groups?: unknown;
}

export const isOption = (instrument: Instrument) => instrument === 'call' || instrument === 'put';
export const expires = (instrument: Instrument) => instrument !== 'perpetual';

/** The text that `pm margin` reads: what is shown, copied, downloaded and evaluated. */
export function toText(portfolio: Portfolio): string {
  return `${JSON.stringify(portfolio, null, 2)}\n`;
}

/** Reads a document that the engine has accepted. Numbers become strings of the same digits: none passes through a float. */
export function fromText(text: string): Portfolio {
  const quoted = text
    .replace(/^\uFEFF/, '')
    .replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
  return JSON.parse(quoted) as Portfolio;
}

/** A place in a document: `positions`, 0, `strike`. */
export type Path = readonly (string | number)[];

/** The path as the engine writes it. */
export function pathText(path: Path): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '');
}

/** A copy with the value at `path` replaced; `undefined` removes a member. */
export function withValue<T>(target: T, path: Path, value: unknown): T {
  const [step, ...rest] = path;
  if (step === undefined) return value as T;
  if (Array.isArray(target)) {
    const copy = [...target];
    copy[step as number] = withValue(copy[step as number], rest, value);
    return copy as T;
  }
  const copy = { ...(target as Record<string, unknown>) };
  if (rest.length === 0 && value === undefined) delete copy[step];
  else copy[step] = withValue(copy[step], rest, value);
  return copy as T;
}

/** A leg with the members that its instrument has, taken from `leg` where it has them. */
export function reshaped(leg: Position, market: Market | undefined): Position {
  const shaped: Position = { market: leg.market, instrument: leg.instrument, quantity: leg.quantity };
  if (expires(leg.instrument)) {
    const listed = market?.expiries.map((expiry) => expiry.expiry) ?? [];
    const kept = leg.expiry !== undefined && listed.includes(leg.expiry) ? leg.expiry : listed[0];
    if (kept !== undefined) shaped.expiry = kept;
  }
  if (isOption(leg.instrument)) {
    shaped.strike = leg.strike ?? market?.spot ?? '';
    if (leg.volatility !== undefined) shaped.volatility = leg.volatility;
  } else {
    const forward = market?.expiries.find((expiry) => expiry.expiry === shaped.expiry)?.forward;
    shaped.entry = leg.entry ?? (leg.instrument === 'future' ? forward : market?.perpetual_price) ?? '';
    if (leg.funding !== undefined) shaped.funding = leg.funding;
  }
  return shaped;
}
