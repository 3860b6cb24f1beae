// Positions and tick marks of a chart. Nothing here is shown as a number but the ticks.

/** Round numbers that cover `least` to `most`, about `count` of them. */
export function ticks(least: number, most: number, count: number): number[] {
  const span = most - least;
  if (!(span > 0) || count < 1) return [least];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** `−12k`, `1.5m`, `250`. */
export function short(value: number): string {
  const size = Math.abs(value);
  const [unit, letter] = size >= 1e9 ? [1e9, 'bn'] : size >= 1e6 ? [1e6, 'm'] : size >= 1e4 ? [1e3, 'k'] : [1, ''];
  const text = Number((size / unit).toPrecision(4));
  const digits = letter === '' ? text.toLocaleString('en-US', { maximumFractionDigits: 2 }) : String(text);
  return `${value < 0 ? '\u2212' : ''}${digits}${letter}`;
}

export interface Scale {
  (value: number): number;
}

/** From `[least, most]` to `[start, end]`. */
export function linear(least: number, most: number, start: number, end: number): Scale {
  const span = most - least || 1;
  return (value) => start + ((value - least) / span) * (end - start);
}
