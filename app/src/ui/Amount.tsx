// A number of the engine: rounded for the eye, every digit in its `value`.
import { add, decimal, negate, parseDecimal, plain, shifted, shown, sign, subtract, type Decimal } from '../model/decimal';

interface Props {
  value: string | Decimal;
  /** Decimals shown. */
  decimals?: number;
  /** Write a plus in front of what is positive. */
  plus?: boolean;
  id?: string;
}

export function Amount({ value, decimals = 2, plus = false, id }: Props) {
  const number = typeof value === 'string' ? decimal(value) : value;
  const isLoss = sign(number) < 0;
  return (
    <data id={id} className={isLoss ? 'num loss' : 'num'} value={plain(number)}>
      {shown(number, decimals, plus)}
    </data>
  );
}

/** Decimals that leave an amount about six digits. */
export function decimalsFor(values: readonly string[]): number {
  const largest = values.reduce((most, value) => {
    const size = decimal(value.replace('-', ''));
    return sign(subtract(size, most)) > 0 ? size : most;
  }, decimal('0'));
  return sign(subtract(largest, decimal('1000'))) < 0 ? 2 : 0;
}

export function sum(values: readonly string[]): Decimal {
  return values.reduce((total, value) => add(total, decimal(value)), decimal('0'));
}

export const minus = (value: string): Decimal => negate(decimal(value));

/** A share as percent, for fields: `0.455` as `45.5`; other text as it is. */
export function shareToPercent(share: string): string {
  const value = parseDecimal(share);
  return value ? plain(shifted(value, 2)) : share;
}

export function percentToShare(percent: string): string | null {
  const value = parseDecimal(percent.trim());
  return value ? plain(shifted(value, -2)) : null;
}
