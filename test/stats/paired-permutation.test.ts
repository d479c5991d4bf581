/**
 * The paired permutation test against all choices of signs counted one by one (scripts/fixtures/multi_label.py), and
 * against the binomial test where an image is right or wrong.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pairedExactTest, pairedPermutationTest } from '../../src/stats/index.ts';
import fixture from '../fixtures/multi_label.json' with { type: 'json' };

describe('paired permutation test', () => {
  test.each(fixture.permutation.map((row, i) => ({ ...row, i })))(
    'case $i, all signs',
    ({ a, b, expected }) => {
      const { pValue, aOnly, bOnly } = pairedPermutationTest(a, b);
      expect(pValue).toBeCloseTo(expected, 12);
      expect(aOnly).toBe(a.filter((value, i) => value > b[i]).length);
      expect(bOnly).toBe(a.filter((value, i) => value < b[i]).length);
    },
  );

  test('the example of the header', () => {
    expect(pairedPermutationTest([2, 1, 1], [0, 0, 0])).toEqual({
      aOnly: 3,
      bOnly: 0,
      difference: 4 / 3,
      pValue: 0.25,
    });
  });

  test('is the binomial test where images are right or wrong', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(answers, (list) => {
        const a = list.map(([first]) => first);
        const b = list.map(([, second]) => second);
        const exact = pairedExactTest(a, b);
        const permuted = pairedPermutationTest(a.map(Number), b.map(Number));
        expect(permuted.aOnly).toBe(exact.aOnly);
        expect(permuted.bOnly).toBe(exact.bOnly);
        expect(permuted.difference).toBe(exact.difference);
        expect(permuted.pValue).toBeCloseTo(exact.pValue, 12);
      }),
    );
  });

  test('is the same for both sides, and 1 where sums are equal', () => {
    const [a, b] = [
      [3, 0, 5, 2],
      [1, 4, 0, 2],
    ];
    expect(pairedPermutationTest(a, b).pValue).toBe(pairedPermutationTest(b, a).pValue);
    expect(pairedPermutationTest([2, 0], [0, 2]).pValue).toBe(1);
    expect(pairedPermutationTest([], [])).toMatchObject({ difference: 0, pValue: 1 });
  });

  test('many images: the normal distribution gives what the binomial one does', () => {
    const right = (share: number) => Array.from({ length: 30_000 }, (_, i) => Number(i < share * 30_000));
    const [a, b] = [right(0.505), right(0.505).map((value) => 1 - value)];
    const exact = pairedExactTest(a.map(Boolean), b.map(Boolean));
    const permuted = pairedPermutationTest(a, b);
    expect(permuted.pValue / exact.pValue).toBeCloseTo(1, 3);
    expect(exact.pValue).toBeCloseTo(0.084, 3);
  });
});
