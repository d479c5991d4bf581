/**
 * What is read off curves: crossing points over data-set size, steps to a share of the maximum odds; over rows of
 * test/fixtures/statistics.json (made by scripts/fixtures/statistics.py with SciPy), and laws that hold for any input.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crossing, logit, stepsToOdds } from '../../src/stats/index.ts';
import fixture from '../fixtures/statistics.json' with { type: 'json' };

const once = (values: readonly number[]) => values.map((value) => [value]);

describe('crossing', () => {
  test.each(fixture.crossing)('at $at', ({ sizes, a, b, at }) => {
    const found = crossing(sizes, once(a), once(b));
    expect(found).toMatchObject({ kind: 'crosses', interval: null });
    expect(Math.abs((found.at ?? 0) / at - 1)).toBeLessThan(1e-10);
  });

  test('the example of the header, always, and never', () => {
    expect(crossing([100, 400], [[1], [3]], [[2], [2]]).at).toBeCloseTo(200, 10);
    const none = { at: null, interval: null, draws: null };
    expect(crossing([1, 2], [[2], [2]], [[1], [1]])).toEqual({ kind: 'always', ...none });
    expect(crossing([1, 2], [[2], [1]], [[1], [1]])).toEqual({ kind: 'never', ...none });
  });

  test('subsets that agree have an interval of no width, those that do not a wide or an open one', () => {
    const sizes = [10, 100, 1000];
    const flat = sizes.map(() => [0, 0, 0]);
    const agreed = crossing(
      sizes,
      [
        [-1, -1, -1],
        [1, 1, 1],
        [2, 2, 2],
      ],
      flat,
    );
    expect(agreed.at).toBeCloseTo(Math.sqrt(1000), 8);
    expect(agreed.interval?.low).toBeCloseTo(agreed.at ?? 0, 8);
    expect(agreed.interval?.high).toBeCloseTo(agreed.at ?? 0, 8);
    const noisy = crossing(
      sizes,
      [
        [-1, -2, -1.5],
        [-1, 0.5, 2],
        [2, 3, 2.5],
      ],
      flat,
    );
    expect(noisy.interval?.low).toBeLessThan(noisy.at ?? 0);
    expect(noisy.interval?.high).toBeGreaterThan(noisy.at ?? 0);
    const open = crossing(
      sizes,
      [
        [-1, -2, 0.1],
        [1, -1, 2],
        [-1, 3, -0.5],
      ],
      flat,
    );
    expect(open.interval?.high).toBeNull();
  });

  test.each(fixture.crossingDraws)('the shares of draws of each kind of $differences', (row) => {
    const flat = row.differences.map((values) => values.map(() => 0));
    const { draws } = crossing(row.sizes, row.differences, flat, { resamples: 20_000 });
    for (const kind of ['always', 'crosses', 'never'] as const) {
      const p = row.draws[kind];
      // Four standard errors of a share of 20,000 draws; what never or always happens does so in every draw.
      expect(Math.abs((draws?.[kind] ?? Number.NaN) - p)).toBeLessThanOrEqual(
        4 * Math.sqrt((p * (1 - p)) / 2e4),
      );
    }
  });

  test('an interval that is open to both sides: certain to lead, certain not to, or not known', () => {
    const [always, never, noisy, unknown] = fixture.crossingDraws.map(({ sizes, differences }) =>
      crossing(
        sizes,
        differences,
        differences.map((values) => values.map(() => 0)),
      ),
    );
    const open = { low: null, high: null };
    expect(always).toMatchObject({
      kind: 'always',
      interval: open,
      draws: { always: 1, crosses: 0, never: 0 },
    });
    expect(never).toMatchObject({ kind: 'never', interval: open });
    expect(never.draws?.never).toBe(1);
    expect(unknown.interval).toEqual(open);
    for (const share of Object.values(unknown.draws ?? {})) expect(share).toBeGreaterThan(0.025);
    expect(noisy.draws?.always).toBeLessThan(1);
  });

  test('curves that lie as they did cross where they did, whatever the unit of size', () => {
    const curve = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(curve, curve, fc.integer({ min: 2, max: 50 }), (a, b, unit) => {
        const sizes = [20, 50, 200, 900];
        const [few, many] = [sizes, sizes.map((size) => size * unit)].map((scale) =>
          crossing(scale, once(a), once(b)),
        );
        expect(many.kind).toBe(few.kind);
        if (few.at !== null) expect((many.at ?? 0) / (few.at * unit)).toBeCloseTo(1, 10);
      }),
    );
  });

  test('refuses sizes that do not ascend and subsets that do not match', () => {
    expect(() => crossing([2, 1], [[1], [1]], [[1], [1]])).toThrow('internal: crossing curves');
    expect(() => crossing([1, 2], [[1], [1, 2]], [[1], [1]])).toThrow('internal: both curves');
  });
});

describe('steps to 90% of the maximum odds', () => {
  test.each(fixture.stepsToOdds)('of $accuracy', ({ steps, accuracy, expected }) => {
    const reached = stepsToOdds(steps, accuracy.map(logit));
    expect(reached.steps).toBeCloseTo(expected, 8);
    expect(reached.atMost).toBe(false);
    expect(reached.stillRising).toBe(accuracy.at(-1) === Math.max(...accuracy));
  });

  test('the example of the header', () => {
    expect(stepsToOdds([10, 100, 1000], [0, 1, 1.1]).steps.toFixed(1)).toBe('98.8');
  });

  test('reached by the smallest budget already; refuses infinite odds', () => {
    expect(stepsToOdds([10, 100], [2, 2.05])).toMatchObject({ steps: 10, atMost: true, stillRising: true });
    expect(() => stepsToOdds([10, 100], [2, Infinity])).toThrow('internal: 2 budgets');
  });

  test('a hundred times slower curve takes a hundred times the steps', () => {
    const logits = [-1, 0, 0.7, 1.2, 1.25];
    const fast = stepsToOdds([1, 4, 16, 64, 256], logits).steps;
    expect(stepsToOdds([100, 400, 1600, 6400, 25_600], logits).steps / fast).toBeCloseTo(100, 8);
  });
});
