/**
 * Transferability scores against their definitions in NumPy (test/fixtures/transferability.json, made by
 * scripts/fixtures/transferability.py), against values worked out by hand, and by laws that hold for any input.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Features,
  gbc,
  hScore,
  ledoitWolf,
  leep,
  logme,
  logmeOfMultiLabel,
  nce,
  transRate,
} from '../../src/stats/transferability/index.ts';
import fixture from '../fixtures/transferability.json' with { type: 'json' };

const featuresOf = (rows: readonly (readonly number[])[]) =>
  new Features(Float32Array.from(rows.flat()), rows.length, rows[0].length);

function expectRelative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.max(1e-3, Math.abs(expected)));
}

describe.each(fixture.drawn)('$rows images of $columns features', (drawn) => {
  const { rows, columns, labels, sources, multiLabels, expected } = drawn;
  const features = new Features(Float32Array.from(drawn.features), rows, columns);
  const probabilities = new Features(Float32Array.from(drawn.probabilities), rows, sources);
  const sourceClasses = Array.from({ length: rows }, (_, i) => {
    const row = probabilities.row(i);
    return row.indexOf(Math.max(...row));
  });

  test('LogME is the maximum of the evidence', () => {
    expectRelative(logme(features, labels), expected.logme, 1e-7);
    expectRelative(logmeOfMultiLabel(features, multiLabels), expected.logmeOfMultiLabel, 1e-7);
  });

  test('H-score and its shrinkage', () => {
    expectRelative(ledoitWolf(features), expected.shrinkage, 1e-9);
    expectRelative(hScore(features, labels), expected.hScore, 1e-9);
    if (expected.hScoreOfBao !== undefined)
      expectRelative(hScore(features, labels, 0), expected.hScoreOfBao, 1e-7);
  });

  test('LEEP and NCE', () => {
    expectRelative(leep(probabilities, labels), expected.leep, 1e-9);
    expectRelative(nce(sourceClasses, labels), expected.nce, 1e-9);
  });

  test('GBC and TransRate', () => {
    expectRelative(gbc(features, labels), expected.gbc, 1e-7);
    expectRelative(transRate(features, labels), expected.transRate, 1e-6);
  });
});

/** As in scripts/fixtures/transferability.py. */
function formula(rows: number, columns: number, classes: number) {
  const data = new Float32Array(rows * columns);
  let state = 12345;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      state = (Math.imul(1103515245, state) + 12345) & 0x7fffffff;
      const noise = (state >> 8) / 2 ** 23 - 0.5;
      data[i * columns + j] = noise / (1 + j / 8) + (((i % classes) * (j + 1)) % 7) / (4 + j);
    }
  }
  const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
  return { features: new Features(data, rows, columns), labels };
}

test.each(fixture.large)('$rows images of $columns features by a formula', (large) => {
  const { features, labels } = formula(large.rows, large.columns, large.classes);
  let sum = 0;
  for (const value of features.data) sum += value;
  expect(sum).toBeCloseTo(large.sum, 6);
  expectRelative(logme(features, labels), large.expected.logme, 1e-6);
  expectRelative(hScore(features, labels), large.expected.hScore, 1e-7);
  expectRelative(transRate(features, labels), large.expected.transRate, 1e-6);
  expectRelative(gbc(features, labels), large.expected.gbc, 1e-6);
});

test('GBC where there are too many features for all eigenvectors', () => {
  const { rows, columns, classes, gbc: expected } = fixture.largest;
  const { features, labels } = formula(rows, columns, classes);
  // The last of the 64 directions differ little in variance, so that they settle slowly.
  expectRelative(gbc(features, labels), expected, 1e-3);
});

test.each(fixture.far)('$rows images of $columns features times $scale plus $offset', (far) => {
  const { data } = formula(far.rows, far.columns, far.classes).features;
  const moved = data.map((value) => far.offset + far.scale * value);
  const labels = Int32Array.from({ length: far.rows }, (_, i) => i % far.classes);
  const features = new Features(moved, far.rows, far.columns);
  expectRelative(transRate(features, labels), far.transRate, 1e-6);
  expectRelative(hScore(features, labels), far.hScore, 1e-6);
});

describe('by hand', () => {
  test('one feature: between 4, covariance 4.25; two Gaussians 4 apart', () => {
    const features = featuresOf([[0], [1], [4], [5]]);
    expect(hScore(features, [0, 0, 1, 1])).toBeCloseTo(4 / 4.25, 7);
    expect(gbc(features, [0, 0, 1, 1])).toBeCloseTo(-2 * Math.exp(-8), 12);
  });

  test('features that are the classes themselves: the H-score is the number of classes less one', () => {
    const rows = [0, 0, 1, 1, 2, 2].map((c) => [Number(c === 1), Number(c === 2)]);
    expect(hScore(featuresOf(rows), [0, 0, 1, 1, 2, 2], 0)).toBeCloseTo(2, 7);
  });

  test('LEEP: P(0 | z) = 2/3 and 1/4', () => {
    const rows = [
      [0.8, 0.2],
      [0.4, 0.6],
    ];
    const likelihoods = [0.8 * (2 / 3) + 0.2 / 4, 0.4 / 3 + 0.6 * (3 / 4)];
    const expected = (Math.log(likelihoods[0]) + Math.log(likelihoods[1])) / 2;
    expect(leep(featuresOf(rows), [0, 1])).toBeCloseTo(expected, 6);
  });

  test('NCE: one source class tells all, the other leaves a coin', () => {
    expect(nce([0, 0, 1, 1], [0, 1, 1, 1])).toBeCloseTo(-Math.log(2) / 2, 12);
  });

  test('LEEP of probabilities that are all or nothing is NCE', () => {
    const sources = [0, 1, 2, 2, 1, 0, 0];
    const labels = [0, 1, 1, 0, 1, 2, 0];
    const oneHot = featuresOf(sources.map((z) => [0, 1, 2].map((c) => Number(c === z))));
    expect(leep(oneHot, labels)).toBeCloseTo(nce(sources, labels), 12);
  });

  test('TransRate: coding rates of points on a line', () => {
    expect(transRate(featuresOf([[-1], [1]]), [0, 1])).toBeCloseTo(0, 10);
    const expected = 0.5 * Math.log(1 + 0.5e4) - 0.25 * Math.log(1 + 1e4);
    expect(transRate(featuresOf([[-1], [0], [1], [0]]), [0, 1, 0, 1])).toBeCloseTo(expected, 8);
  });
});

describe('laws', () => {
  const value = fc.double({ min: -4, max: 4, noNaN: true });
  const cases = fc
    .tuple(fc.integer({ min: 4, max: 14 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 4 }))
    .chain(([rows, columns, classes]) =>
      fc.record({
        rows: fc.array(fc.array(value, { minLength: columns, maxLength: columns }), {
          minLength: rows,
          maxLength: rows,
        }),
        labels: fc.array(fc.nat({ max: classes - 1 }), { minLength: rows, maxLength: rows }),
      }),
    );

  test('all are finite, and within their bounds', () => {
    fc.assert(
      fc.property(cases, ({ rows, labels }) => {
        const features = featuresOf(rows);
        const classes = new Set(labels).size;
        expect(Number.isFinite(logme(features, labels))).toBe(true);
        expect(Number.isFinite(transRate(features, labels))).toBe(true);
        const separation = hScore(features, labels);
        expect(separation).toBeGreaterThanOrEqual(-1e-9);
        expect(separation).toBeLessThanOrEqual(classes - 1 + 1e-9);
        const overlap = gbc(features, labels);
        expect(overlap).toBeLessThanOrEqual(0);
        expect(overlap).toBeGreaterThanOrEqual(-classes * (classes - 1) - 1e-9);
      }),
    );
  });

  test('one feature is never shrunk, whatever is left of rounding', () => {
    const value = [-0.08368007466197014, 3.9999693632125854, 0.0000018319443029213291];
    for (const column of [value, [...value].reverse(), [...value, 0, 0, 0, 0, 0, 0]])
      expect(ledoitWolf(featuresOf(column.map((x) => [x])))).toBe(0);
  });

  test('the order of images and the names of classes do not matter', () => {
    fc.assert(
      fc.property(cases, ({ rows, labels }) => {
        const features = featuresOf(rows);
        const turned = featuresOf([...rows].reverse());
        const renamed = [...labels].reverse().map((label) => 7 - label);
        for (const score of [hScore, transRate])
          expect(score(turned, renamed)).toBeCloseTo(score(features, labels), 6);
      }),
      { numRuns: 40 },
    );
  });

  test('labels that follow the features score above labels that do not', () => {
    const { features, labels } = formula(60, 20, 3);
    const others = labels.map((_, i) => (i * i + (i >> 2)) % 3);
    for (const score of [logme, hScore, transRate, gbc])
      expect(score(features, labels)).toBeGreaterThan(score(features, others));
  });

  test('constant features say nothing, and features that are the labels leave no infinite evidence', () => {
    const constant = featuresOf([
      [2, 2],
      [2, 2],
      [2, 2],
    ]);
    expect(hScore(constant, [0, 1, 1])).toBe(0);
    expect(transRate(constant, [0, 1, 1])).toBeCloseTo(0, 12);
    expect(Number.isFinite(logme(constant, [0, 1, 1]))).toBe(true);
    expect(Number.isFinite(logme(featuresOf([[0], [0]]), [0, 1]))).toBe(true);
    expect(Number.isFinite(logme(featuresOf([[1], [1], [0], [0]]), [0, 0, 1, 1]))).toBe(true);
  });
});
