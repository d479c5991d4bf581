/**
 * Principal axes against the covariance that the features were drawn with and against the definition of
 * eigenvectors; reflections against the laws of an orthogonal change of coordinates; the objective on the engine
 * against the reference in float64, at the same weights.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';
import { engineObjective } from '../../src/transfer/engine-objective.ts';
import { createReferenceObjective } from '../../src/transfer/logistic-objective.ts';
import { prepareProblem } from '../../src/transfer/logistic-problem.ts';
import { fitPath } from '../../src/transfer/logistic-regression.ts';
import { principalAxes, symmetricEigen } from '../../src/transfer/principal-axes.ts';
import { reflectBack, reflectionsOnto } from '../../src/transfer/reflections.ts';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

function randomRows(rows: number, columns: number, seed: number): Float64Array[] {
  const random = new Random(seed, 'axes test');
  return Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => random.normal()));
}

test('eigenvectors: A v = value v, and they are orthonormal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (size, seed) => {
      const root = randomRows(size, size, seed);
      const matrix = root.map((a, i) => Float64Array.from(root, (_, j) => a[j] + root[j][i]));
      const { values, vectors } = symmetricEigen(matrix);
      for (const [i, vector] of vectors.entries()) {
        for (const [j, row] of matrix.entries())
          expect(dot(row, vector)).toBeCloseTo(values[i] * vector[j], 9);
        for (const [j, other] of vectors.entries())
          expect(dot(vector, other)).toBeCloseTo(i === j ? 1 : 0, 9);
      }
    }),
    { numRuns: 30 },
  );
});

describe('principal axes', () => {
  /** Variances of the columns of features that are already along their axes. */
  const variances = Float64Array.from({ length: 40 }, (_, j) => 1000 / (1 + j) ** 2);
  const gram = async (block: Float32Array) => block.map((value, i) => value * variances[i % 40]);

  test.each([7, 12, 40, 60])('the first %i of 40 known ones', async (count) => {
    const axes = await principalAxes(gram, 40, count);
    expect(axes).toHaveLength(Math.min(40, count));
    // Iteration separates the first ones; those at the end of a part are mixed with what was left out.
    const sure = count >= 40 ? 40 : Math.ceil(count / 2);
    for (let i = 0; i < sure; i++) expect(Math.abs(axes[i][i])).toBeGreaterThan(0.99);
  });
});

describe('reflections', () => {
  test('are orthogonal, bring the axes to the first coordinates, and go back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 5 }),
        fc.nat(),
        (count, more, seed) => {
          const columns = count + more;
          const { vectors } = symmetricEigen(
            randomRows(columns, columns, seed).map((row, i, rows) =>
              Float64Array.from(row, (x, j) => x + rows[j][i]),
            ),
          );
          const axes = vectors.slice(0, count);
          const { a, v } = reflectionsOnto(axes.map((axis) => axis.slice()));
          const forth = (row: Float64Array) =>
            row.map((x, j) => x - a.reduce((sum, reflection, i) => sum + dot(row, reflection) * v[i][j], 0));
          for (const [i, axis] of axes.entries())
            forth(axis).forEach((x, j) => {
              expect(Math.abs(x)).toBeCloseTo(i === j ? 1 : 0, 9);
            });
          const [row] = randomRows(1, columns, seed + 1);
          const moved = forth(row);
          expect(dot(moved, moved)).toBeCloseTo(dot(row, row), 8);
          reflectBack(moved, columns, { a, v }).forEach((x, j) => {
            expect(x).toBeCloseTo(row[j], 9);
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('objective on the engine', () => {
  // Columns, more and fewer than the axes and than twice the images.
  test.each([
    [90, 5, 3],
    [60, 100, 4],
    [40, 150, 3],
  ])(
    '%i images x %i columns: loss, gradient, spread and predictions of the reference',
    async (images, columns, classes) => {
      const random = new Random(columns, 'engine objective');
      const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
      const features = Float32Array.from({ length: images * columns }, (_, i) =>
        Math.max(0, random.normal() + (labels[Math.floor(i / columns)] === i % columns ? 1 : 0)),
      );
      const reference = createReferenceObjective(prepareProblem({ features, labels }, classes));
      const engine = await engineObjective({ threads: 1 })(prepareProblem({ features, labels }, classes));
      const { value: solution } = await fitPath(engine, { lambdas: [1] }).next();
      const size = classes * (engine.problem.columns + 1);
      const spread = [new Float64Array(classes), new Float64Array(classes)];
      const gradient = [new Float64Array(size), new Float64Array(size)];
      const found = await engine.lossAndGradient(solution!.parameters, 1, gradient[0], spread[0]);
      // The same weights in the features that were given, and from there in the reference's coordinates.
      const { weights, bias } = solution!;
      const exact = lossOf(features, labels, weights, bias, 1);
      expect(Math.abs(found / exact - 1)).toBeLessThan(1e-5);
      const { value: alone } = await fitPath(reference, { lambdas: [1] }).next();
      expect(Math.abs(alone!.loss / exact - 1)).toBeLessThan(1e-5);
      await reference.lossAndGradient(alone!.parameters, 1, gradient[1], spread[1]);
      for (let k = 0; k < classes; k++) expect(Math.abs(spread[0][k] / spread[1][k] - 1)).toBeLessThan(2e-2);
      const [ours, theirs] = [await engine.classifier(features), await reference.classifier(features)];
      expect(await ours.predict(solution!.parameters)).toEqual(await theirs.predict(alone!.parameters));
      await ours.close();
      await engine.close();
    },
  );
});

/** The definition, image by image. */
function lossOf(
  features: Float32Array,
  labels: Int32Array,
  weights: Float64Array,
  bias: Float64Array,
  lambda: number,
): number {
  const columns = features.length / labels.length;
  let loss = (lambda / 2) * dot(weights, weights);
  labels.forEach((label, i) => {
    const row = features.subarray(i * columns, (i + 1) * columns);
    const scores = [...bias].map((b, k) => b + dot(row, weights.subarray(k * columns, (k + 1) * columns)));
    loss += Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[label];
  });
  return loss;
}
