// Exact decimals: what is typed, computed and shown.
import { describe, expect, test } from 'vitest';
import { add, changeOf, compare, decimal, multiply, parseDecimal, percentOf, plain, shifted, shown, subtract } from '../../src/model/decimal';
import { followed } from '../../src/ui/fields';
import { decimalsFor, percentToShare, shareToPercent } from '../../src/ui/Amount';

describe('reading', () => {
  test.each([
    ['0', '0'], ['-0.0', '0'], ['65000.00000000', '65000'], ['-0.0250', '-0.025'], ['+.5', '0.5'], ['5.', '5'], ['1e3', '1000'],
    ['12.5E-7', '0.00000125'], ['1200e-1', '120'], ['123456789012345678901234567890123456', '123456789012345678901234567890123456'],
  ])('%s is %s', (text, wanted) => {
    expect(plain(decimal(text))).toBe(wanted);
  });

  test.each(['', '-', '.', 'e5', '1e', '1.2.3', '1,000', 'nan', '0x10', '1 ', '--1', '1'.repeat(37), '1e36', '1e-37'])(
    '%j is no number, as for the engine', (text) => {
      expect(parseDecimal(text)).toBeNull();
    });
});

describe('arithmetic is exact', () => {
  test('where floats are not', () => {
    expect(plain(add(decimal('0.1'), decimal('0.2')))).toBe('0.3');
    expect(plain(subtract(decimal('9007199254740993.000001'), decimal('0.000001')))).toBe('9007199254740993');
    expect(plain(multiply(decimal('90000'), decimal('1.185955')))).toBe('106735.95');
    expect(compare(decimal('-2.50'), decimal('-2.5'))).toBe(0);
    expect(compare(decimal('-3'), decimal('2.5'))).toBe(-1);
  });

  test('a point moves both ways', () => {
    expect(plain(shifted(decimal('0.455'), 2))).toBe('45.5');
    expect(plain(shifted(decimal('5'), 3))).toBe('5000');
    expect(plain(shifted(decimal('5'), -3))).toBe('0.005');
  });
});

describe('what is shown', () => {
  test.each([
    ['1234567.891', 2, '1,234,567.89'], ['-0.004', 2, '0.00'], ['0.005', 2, '0.01'], ['-0.005', 2, '−0.01'], ['999.995', 2, '1,000.00'],
    ['-1234.5', 0, '−1,235'], ['100', 0, '100'], ['1000', 0, '1,000'], ['12', 4, '12.0000'],
  ])('%s to %i decimals is %s', (value, decimals, wanted) => {
    expect(shown(decimal(value), decimals)).toBe(wanted);
  });

  test('a plus only where it is asked for and there is a gain', () => {
    expect(shown(decimal('5'), 0, true)).toBe('+5');
    expect(shown(decimal('0'), 0, true)).toBe('0');
    expect(shown(decimal('0.2'), 0, true)).toBe('0');
  });

  test('shares and moves', () => {
    expect(percentOf(decimal('1062.012005'), decimal('3424.556858'))).toBe('31.0');
    expect(percentOf(decimal('1'), decimal('0'))).toBeNull();
    expect(changeOf(decimal('0.865'))).toBe('−13.5 %');
    expect(changeOf(decimal('1.18'))).toBe('+18 %');
    expect(changeOf(decimal('1'))).toBe('0 %');
  });

  test('cents for small books only', () => {
    expect(decimalsFor(['999.99', '-3'])).toBe(2);
    expect(decimalsFor(['-1000', '3'])).toBe(0);
    expect(decimalsFor([])).toBe(2);
  });
});

describe('fields', () => {
  test('percent and share are the same digits', () => {
    expect(shareToPercent('0.05')).toBe('5');
    expect(percentToShare(' 45.5 ')).toBe('0.455');
    expect(percentToShare('4 5')).toBeNull();
    expect(shareToPercent('many')).toBe('many');
  });

  test('a price follows another in proportion, to the cent', () => {
    expect(followed('90370.62', '90000', '99000')).toBe('99407.68');
    expect(followed('0.12345678', '90000', '45000')).toBe('0.06172839');
    expect(followed('90370.62', '0', '99000')).toBe('90370.62');
    expect(followed('90370.62', '90000', 'x')).toBe('90370.62');
  });
});
