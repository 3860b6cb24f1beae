// Ticks and labels of a chart.
import { describe, expect, test } from 'vitest';
import { linear, short, ticks } from '../../src/ui/scale';

describe('ticks', () => {
  test('are round, inside and about as many as asked for', () => {
    expect(ticks(63_000, 117_000, 6)).toEqual([70_000, 80_000, 90_000, 100_000, 110_000]);
    expect(ticks(-25, 13, 5)).toEqual([-20, -10, 0, 10]);
    for (const [least, most] of [[0, 1], [-3.7, 1_000_000], [1e-6, 3e-6]] as const) {
      const found = ticks(least, most, 5);
      expect(found.length).toBeGreaterThan(1);
      expect(found.length).toBeLessThan(8);
      expect(Math.min(...found)).toBeGreaterThanOrEqual(least - 1e-9);
      expect(Math.max(...found)).toBeLessThanOrEqual(most + 1e-9);
    }
  });

  test('a flat line has one', () => {
    expect(ticks(5, 5, 4)).toEqual([5]);
  });
});

test('labels are short', () => {
  expect([0, -250, 9_500, 12_000, -1_500_000, 2e9].map(short)).toEqual(['0', '−250', '9,500', '12k', '−1.5m', '2bn']);
});

test('a scale maps ends to ends', () => {
  const x = linear(10, 20, 100, 0);
  expect([x(10), x(15), x(20)]).toEqual([100, 50, 0]);
});
