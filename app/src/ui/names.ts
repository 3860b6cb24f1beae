// How legs are called in tables.
import { dateText } from '../model/time';
import { parseDecimal, shown } from '../model/decimal';
import type { Position } from '../model/document';

/** A number as typed, in groups of three where it is one. */
export function grouped(text: string | undefined): string {
  const value = parseDecimal(text ?? '');
  return value ? shown(value, value.scale) : (text ?? '');
}

/** `−2 BTC 100,000 call, 31 Jan 26`. */
export function legName(leg: Position): string {
  const quantity = grouped(leg.quantity);
  switch (leg.instrument) {
    case 'perpetual':
      return `${quantity} ${leg.market} perpetual`;
    case 'future':
      return `${quantity} ${leg.market} future, ${dateText(leg.expiry ?? '')}`;
    default:
      return `${quantity} ${leg.market} ${grouped(leg.strike)} ${leg.instrument}, ${dateText(leg.expiry ?? '')}`;
  }
}
