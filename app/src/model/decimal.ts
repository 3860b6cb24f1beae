// Exact decimals: what the engine prints and what people type, without a float in between.

/** `mantissa / 10^scale`. */
export interface Decimal {
  readonly mantissa: bigint;
  readonly scale: number;
}

/** Most significant digits, and decimals, that the engine reads. */
const MOST_DIGITS = 36;

/** Reads what the engine reads: `-12.5`, `.5`, `3`, `1e-6`; `null` for anything else. */
export function parseDecimal(text: string): Decimal | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (!match) return null;
  const [, sign, whole = '', part = '', exponent = '0'] = match;
  const digits = whole + part;
  if (digits === '') return null;
  const kept = digits.replace(/^0+/, '').replace(/0+$/, '');
  if (kept === '') return { mantissa: 0n, scale: 0 };
  const dropped = digits.length - digits.replace(/0+$/, '').length;
  const scale = part.length - dropped - Number(exponent);
  const zeros = Math.max(0, -scale);
  if (scale > MOST_DIGITS || kept.length + zeros > MOST_DIGITS) return null;
  const magnitude = BigInt(kept + '0'.repeat(zeros));
  return { mantissa: sign === '-' ? -magnitude : magnitude, scale: Math.max(0, scale) };
}

/** A decimal of the engine, which prints nothing else. */
export function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (!value) throw new Error(`not a decimal of the engine: ${text}`);
  return value;
}

/** As many decimals as both have. */
function aligned(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  const raise = (value: Decimal) => value.mantissa * 10n ** BigInt(scale - value.scale);
  return [raise(a), raise(b), scale];
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compare(a: Decimal, b: Decimal): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = aligned(a, b);
  return { mantissa: x - y, scale };
}

export function add(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = aligned(a, b);
  return { mantissa: x + y, scale };
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { mantissa: a.mantissa * b.mantissa, scale: a.scale + b.scale };
}

export function negate(a: Decimal): Decimal {
  return { mantissa: -a.mantissa, scale: a.scale };
}

export function sign(value: Decimal): -1 | 0 | 1 {
  return value.mantissa < 0n ? -1 : value.mantissa > 0n ? 1 : 0;
}

/** `value` with its point moved `places` to the right: exact. */
export function shifted(value: Decimal, places: number): Decimal {
  const scale = value.scale - places;
  return scale >= 0
    ? { mantissa: value.mantissa, scale }
    : { mantissa: value.mantissa * 10n ** BigInt(-scale), scale: 0 };
}

/** Plain digits with every decimal that there is, as the engine writes them. */
export function plain(value: Decimal): string {
  const digits = abs(value.mantissa).toString().padStart(value.scale + 1, '0');
  const whole = digits.slice(0, digits.length - value.scale);
  const part = digits.slice(digits.length - value.scale).replace(/0+$/, '');
  const text = part === '' ? whole : `${whole}.${part}`;
  return value.mantissa < 0n ? `-${text}` : text;
}

export const ZERO: Decimal = { mantissa: 0n, scale: 0 };

/** For positions on screen, never for a number that is shown. */
export function approximate(value: Decimal): number {
  return Number(value.mantissa) / 10 ** value.scale;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Rounded half away from zero to so many decimals, in groups of three; `-` is a minus sign of a number's width. */
export function shown(value: Decimal, decimals: number, plus = false): string {
  const rounded = roundedTo(value, decimals);
  const digits = abs(rounded).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+$)/g, ',');
  const text = decimals === 0 ? whole : `${whole}.${digits.slice(digits.length - decimals)}`;
  if (rounded < 0n) return `\u2212${text}`;
  return plus && rounded > 0n ? `+${text}` : text;
}

function roundedTo(value: Decimal, decimals: number): bigint {
  const drop = value.scale - decimals;
  if (drop <= 0) return value.mantissa * 10n ** BigInt(-drop);
  const unit = 10n ** BigInt(drop);
  const magnitude = (abs(value.mantissa) + unit / 2n) / unit;
  return value.mantissa < 0n ? -magnitude : magnitude;
}

/** `a / b` in percent with one decimal, `null` for b = 0. */
export function percentOf(a: Decimal, b: Decimal): string | null {
  if (b.mantissa === 0n) return null;
  const [x, y] = aligned(a, b);
  const scaled = { mantissa: (x * 1_000_000n) / y, scale: 4 };
  return shown(scaled, 1);
}

/** A multiplier as a change in percent: 0.865 as `-13.5 %`. */
export function changeOf(multiplier: Decimal): string {
  const change = shifted(subtract(multiplier, { mantissa: 1n, scale: 0 }), 2);
  const text = plain(change);
  return change.mantissa > 0n ? `+${text} %` : `${text.replace('-', '\u2212')} %`;
}
