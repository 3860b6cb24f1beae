// What each field accepts, in words for the person who types. The engine checks everything again; these checks speak for all fields at once.
import { compare, decimal, parseDecimal } from './decimal';
import { expires, isOption, pathText, type Path, type Portfolio } from './document';

interface Rule {
  /** Ends, in the document's unit; `open` excludes the least. */
  readonly least: string;
  readonly most: string;
  readonly open?: boolean;
  readonly allowed: string;
}

const PRICE: Rule = { least: '0', most: '92233720368.54775807', open: true, allowed: 'a price in USD above 0 and below 92 billion, such as 90000' };
const AMOUNT: Rule = { least: '-4611686018427.387904', most: '4611686018427.387903', allowed: 'a number of USD within ±4.6 trillion, such as 50000 or −1200.50' };
const QUANTITY: Rule = { ...AMOUNT, allowed: 'units of the underlying, negative for short, such as 2 or −0.5' };
const HOLDING: Rule = { ...AMOUNT, least: '0', allowed: 'units held, 0 or more, such as 1.5' };
const VOLATILITY: Rule = { least: '0', most: '10', allowed: 'percent per year from 0 to 1000, such as 45' };
const RATE: Rule = { least: '-1', most: '1', allowed: 'percent per year from −100 to 100, such as 5' };
const SHARE: Rule = { least: '0', most: '1', allowed: 'percent from 0 to 100, such as 10' };
const TIME = 'a time in UTC from 1970 on, such as 2026-01-30 08:00';

/** What is wrong with a number, or `null`. */
function numberProblem(text: string | undefined, rule: Rule): string | null {
  const problem = `Enter ${rule.allowed}.`;
  const value = text === undefined ? null : parseDecimal(text);
  if (!value) return problem;
  const low = compare(value, decimal(rule.least));
  if (low < 0 || (rule.open && low === 0) || compare(value, decimal(rule.most)) > 0) return problem;
  return null;
}

function timeProblem(text: string): string | null {
  return /^\d{1,12}$/.test(text) ? null : `Enter ${TIME}.`;
}

/** Messages by path, for every field of the page that cannot be evaluated. */
export function problems(portfolio: Portfolio): Map<string, string> {
  const found = new Map<string, string>();
  const note = (path: Path, problem: string | null) => {
    if (problem) found.set(pathText(path), problem);
  };
  note(['now'], timeProblem(portfolio.now));
  note(['cash'], numberProblem(portfolio.cash, AMOUNT));
  marketProblems(portfolio, note);
  portfolio.positions.forEach((leg, index) => {
    const at = (name: string): Path => ['positions', index, name];
    note(at('quantity'), numberProblem(leg.quantity, QUANTITY));
    if (isOption(leg.instrument)) {
      note(at('strike'), numberProblem(leg.strike, PRICE));
      if (leg.volatility !== undefined) note(at('volatility'), numberProblem(leg.volatility, VOLATILITY));
    } else {
      note(at('entry'), numberProblem(leg.entry, PRICE));
    }
    if (expires(leg.instrument) && leg.expiry === undefined) {
      note(at('expiry'), `${leg.market} lists no expiry: add one to the market.`);
    }
  });
  portfolio.collateral.forEach((held, index) => {
    const at = (name: string): Path => ['collateral', index, name];
    note(at('amount'), numberProblem(held.amount, HOLDING));
    note(at('price'), numberProblem(held.price, PRICE));
    note(at('haircut_maintenance'), numberProblem(held.haircut_maintenance, SHARE));
    note(at('haircut_initial'), numberProblem(held.haircut_initial, SHARE));
  });
  return found;
}

function marketProblems(portfolio: Portfolio, note: (path: Path, problem: string | null) => void): void {
  portfolio.markets.forEach((market, index) => {
    const at = (...steps: (string | number)[]): Path => ['markets', index, ...steps];
    note(at('spot'), numberProblem(market.spot, PRICE));
    if (market.perpetual_price !== undefined) {
      note(at('perpetual_price'), numberProblem(market.perpetual_price, PRICE));
    }
    market.expiries.forEach((listed, place) => {
      const on = (name: string) => at('expiries', place, name);
      note(on('expiry'), timeProblem(listed.expiry));
      note(on('forward'), numberProblem(listed.forward, PRICE));
      note(on('rate'), numberProblem(listed.rate, RATE));
      if (listed.volatility !== undefined) note(on('volatility'), numberProblem(listed.volatility, VOLATILITY));
    });
  });
}

const PARTS: Record<string, string> = {
  positions: 'leg', markets: 'market', collateral: 'collateral', expiries: 'expiry', now: 'valuation time',
  perpetual_price: 'perpetual price', haircut_maintenance: 'maintenance haircut', haircut_initial: 'initial haircut',
};

/** `positions[1].strike` as `leg 2, strike`: counted as people count. */
export function placeInWords(path: string): string {
  const steps = path.split('.').map((step) => {
    const [, name = step, index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(step) ?? [];
    const word = PARTS[name] ?? name.replaceAll('_', ' ');
    return index === undefined ? word : `${word} ${Number(index) + 1}`;
  });
  return steps.join(', ');
}
