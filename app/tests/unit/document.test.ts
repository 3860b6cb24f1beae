// The document as the page holds it: digits kept, members kept, legs of the right shape, messages for every field.
import { describe, expect, test } from 'vitest';
import { BOOKS, carried, newMarket } from '../../src/books';
import { placeInWords, problems } from '../../src/model/checks';
import { fromText, pathText, reshaped, toText, withValue, type Portfolio } from '../../src/model/document';
import { dateText, parseTime, tenorText, timeText } from '../../src/model/time';
import { legName } from '../../src/ui/names';

const book = (name: string): Portfolio => {
  const found = BOOKS.find((known) => known.name === name);
  if (!found) throw new Error(name);
  return found.portfolio;
};

describe('opening', () => {
  test('numbers keep digits that no float holds, and stay out of strings', () => {
    const opened = fromText('\uFEFF{"now": 1, "cash": 0.1000000000000000000000001, "markets": [], "positions": [], "collateral": [{"asset": "a 1.5 \\" 2"}], "x": -1.5e-3}');
    expect(opened.cash).toBe('0.1000000000000000000000001');
    expect(opened.collateral[0]?.asset).toBe('a 1.5 " 2');
    expect((opened as unknown as Record<string, string>)['x']).toBe('-1.5e-3');
  });

  test('what the page does not edit comes back', () => {
    const portfolio = book('Three markets');
    const text = toText(withValue(portfolio, ['cash'], '1'));
    for (const kept of ['"kappa": "0.5"', '"regime": "1.25"', '"min_delta"', '"stable_price": "3090"', '"funding": "-12.5"']) {
      expect(text).toContain(kept);
    }
    expect(fromText(text)).toEqual({ ...portfolio, cash: '1' });
  });
});

describe('changing', () => {
  test('only what stands at the path', () => {
    const portfolio = book('Iron condor');
    const changed = withValue(portfolio, ['positions', 1, 'strike'], '81000');
    expect(changed.positions[1]?.strike).toBe('81000');
    expect(changed.positions[0]).toBe(portfolio.positions[0]);
    expect(portfolio.positions[1]?.strike).toBe('80000');
    expect(withValue(portfolio, ['positions', 1, 'strike'], undefined).positions[1]).not.toHaveProperty('strike');
    expect(pathText(['markets', 0, 'expiries', 1, 'rate'])).toBe('markets[0].expiries[1].rate');
  });

  test('a leg has the members of its instrument and no other', () => {
    const market = newMarket('ETH', '0');
    const option = { market: 'ETH', instrument: 'call', quantity: '-3', expiry: '7776000', strike: '3500' } as const;
    const perpetual = reshaped({ ...option, instrument: 'perpetual' }, market);
    expect(perpetual).toEqual({ market: 'ETH', instrument: 'perpetual', quantity: '-3', entry: '3100' });
    const future = reshaped({ ...option, instrument: 'future' }, market);
    expect(future).toEqual({ market: 'ETH', instrument: 'future', quantity: '-3', expiry: '7776000', entry: carried(3100, 0.05, 7_776_000) });
    const put = reshaped({ ...perpetual, instrument: 'put' }, market);
    expect(put).toEqual({ market: 'ETH', instrument: 'put', quantity: '-3', expiry: '2592000', strike: '3100' });
  });
});

describe('messages', () => {
  test('the books to begin with are sound', () => {
    for (const { name, portfolio } of BOOKS) expect([name, ...problems(portfolio)]).toEqual([name]);
  });

  test('every field says what it accepts, all at once', () => {
    let portfolio = book('Covered call');
    const wrong: [(string | number)[], string, RegExp][] = [
      [['now'], '2026?', /UTC/], [['cash'], '', /USD/], [['markets', 0, 'spot'], '0', /above 0/],
      [['markets', 0, 'expiries', 0, 'rate'], '1.01', /−100 to 100/], [['positions', 0, 'strike'], '-5', /above 0/],
      [['positions', 0, 'quantity'], 'two', /negative for short/], [['collateral', 0, 'amount'], '-1', /0 or more/],
      [['collateral', 0, 'haircut_initial'], '1.5', /0 to 100/],
    ];
    for (const [path, value] of wrong) portfolio = withValue(portfolio, path, value);
    const found = problems(portfolio);
    for (const [path, , message] of wrong) expect(found.get(pathText(path))).toMatch(message);
    expect(found.size).toBe(wrong.length);
  });

  test('the ends of a range belong to it, beyond them do not', () => {
    const with_ = (value: string) => problems(withValue(book('Covered call'), ['markets', 0, 'spot'], value)).size;
    expect(with_('0.00000001')).toBe(0);
    expect(with_('92233720368.54775807')).toBe(0);
    expect(with_('92233720368.54775808')).toBe(1);
  });

  test('places are counted as people count', () => {
    expect(placeInWords('positions[1].strike')).toBe('leg 2, strike');
    expect(placeInWords('markets[0].expiries[2].rate')).toBe('market 1, expiry 3, rate');
  });
});

describe('times', () => {
  test('there and back', () => {
    expect(timeText('1769817600')).toBe('2026-01-31 00:00');
    expect(parseTime('2026-01-31 00:00')).toBe('1769817600');
    expect(parseTime('2026-01-31')).toBe(parseTime('2026-01-31 08:00'));
    expect(timeText('1769817601')).toBe('2026-01-31 00:00:01');
    expect(parseTime('2026-01-31 00:00:01')).toBe('1769817601');
  });

  test.each(['2026-02-30 08:00', '2026-13-01', '26-01-01', '2026-01-31 25:00', 'soon', '', '1969-12-31 23:59'])('%j is no time', (text) => {
    expect(parseTime(text)).toBeNull();
  });

  test('tenors and dates', () => {
    expect(tenorText('0', '2592000')).toBe('30 d');
    expect(tenorText('0', '21600')).toBe('6 h');
    expect(tenorText('100', '100')).toBe('expired');
    expect(dateText('1769817600')).toBe('31 Jan 26');
  });
});

test('legs have names that a trader would use', () => {
  expect(book('Hedged perpetual').positions.map(legName)).toEqual([
    '2 BTC perpetual', '2 BTC 85,000 put, 31 Jan 26', '−2 BTC 100,000 call, 31 Jan 26',
  ]);
});
