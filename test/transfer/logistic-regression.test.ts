/**
 * Logistic regression against scikit-learn (test/fixtures/logistic-regression.json, made by
 * scripts/fixtures/logistic_regression.py): losses, weights and accuracies over the range of lambda, with more
 * rows than columns (digits) and fewer (wide); the gradient by finite differences; the path.
 */
import { describe, expect, test } from 'vitest';
import { meanPerClass, top1 } from '../../src/evaluate/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { engineObjective } from '../../src/transfer/engine-objective.ts';
import { createReferenceObjective, type LogisticObjective } from '../../src/transfer/logistic-objective.ts';
import { type LabelledFeatures, prepareProblem } from '../../src/transfer/logistic-problem.ts';
import {
  fitLogisticRegression,
  fitPath,
  LAMBDA_GRID,
  type LogisticSolution,
  predictClasses,
  predictProbabilities,
  regularizationPath,
} from '../../src/transfer/logistic-regression.ts';
import fixture from '../fixtures/logistic-regression.json' with { type: 'json' };

const pixels = Buffer.from(fixture.digits.pixels, 'base64');
const digits = { train: everyOther(0), validation: everyOther(1) };
const wide = wideFeatures();

/** The digits of even (0) or odd (1) rows. */
function everyOther(first: 0 | 1): LabelledFeatures {
  const rows = fixture.digits.labels.map((_, i) => i).filter((i) => i % 2 === first);
  return {
    features: Float32Array.from(rows.flatMap((i) => [...pixels.subarray(i * 64, (i + 1) * 64)])),
    labels: Int32Array.from(rows, (i) => fixture.digits.labels[i]),
  };
}

/** The formula of `wide` in the script. */
function wideFeatures(): LabelledFeatures {
  const features = new Float32Array(30 * 200);
  for (let i = 0; i < 30; i++)
    for (let j = 0; j < 200; j++)
      features[i * 200 + j] =
        1 + Math.sin(0.37 * i * i + 0.11 * i * j + j) + 0.5 * Math.cos(j + 2.0 * (i % 3));
  return { features, labels: Int32Array.from({ length: 30 }, (_, i) => i % 3) };
}

function randomPart(images: number, columns: number, classes: number, seed: number): LabelledFeatures {
  const random = new Random(seed, 'logistic regression test');
  const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
  const features = Float32Array.from(
    { length: images * columns },
    (_, i) => random.normal() + (labels[Math.floor(i / columns)] === i % columns ? 1.5 : 0.5),
  );
  return { features, labels };
}

const normOf = (weights: Float64Array) => Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));

describe('reference objective', () => {
  // Rows: images, columns, classes. None of the blocks of the kernels divides all of them.
  test.each([
    [1, 1, 2],
    [7, 5, 3],
    [33, 9, 4],
    [70, 6, 10],
  ])(
    'gradient of %i images x %i columns in %i classes by finite differences',
    async (images, columns, classes) => {
      const objective = createReferenceObjective(
        prepareProblem(randomPart(images, columns, classes, 1), classes),
      );
      const random = new Random(2);
      const size = classes * (objective.problem.columns + 1);
      const point = Float64Array.from({ length: size }, () => random.normal());
      const direction = Float64Array.from({ length: size }, () => random.normal());
      const at = (step: number, gradient = new Float64Array(size)) =>
        objective.lossAndGradient(
          point.map((x, i) => x + step * direction[i]),
          0.7,
          gradient,
        ) as number;
      const gradient = new Float64Array(size);
      at(0, gradient);
      const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
      const measured = (at(1e-5) - at(-1e-5)) / 2e-5;
      expect(Math.abs(slope - measured)).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
    },
  );

  test('at weights 0 the loss is n ln K', () => {
    const objective = createReferenceObjective(prepareProblem(digits.train, 10));
    const loss = objective.lossAndGradient(new Float64Array(650), 3, new Float64Array(650));
    expect(loss).toBeCloseTo(400 * Math.log(10), 9);
  });

  test('keeps its precision when every label has a probability of nearly 1', () => {
    const objective = createReferenceObjective(
      prepareProblem({ features: Float32Array.of(-1, 1), labels: Int32Array.of(0, 1) }, 2),
    );
    const gradient = new Float64Array(4);
    const loss = objective.lossAndGradient(Float64Array.of(-25, 25, 0, 0), 0, gradient);
    expect(Math.abs((loss as number) / (2 * Math.exp(-50)) - 1)).toBeLessThan(1e-9);
    expect(Math.abs(gradient[0] / (2 * Math.exp(-50)) - 1)).toBeLessThan(1e-9);
  });
});

describe('prepared problem', () => {
  test('is centred, and keeps the columns while rows are many', () => {
    const problem = prepareProblem(digits.train, 10);
    expect(problem).toMatchObject({ images: 400, columns: 64, classes: 10 });
    for (let j = 0; j < 64; j++) {
      let sum = 0;
      for (let i = 0; i < 400; i++) sum += problem.features[i * 64 + j];
      expect(Math.abs(sum)).toBeLessThan(1e-2);
    }
  });

  test('with few rows, has as many columns as centred rows are independent, and keeps all inner products', () => {
    const twice = { features: new Float32Array(60 * 200), labels: new Int32Array(60) };
    twice.features.set(wide.features);
    twice.features.set(wide.features, 30 * 200);
    const problem = prepareProblem(twice, 3);
    expect(problem.columns).toBe(29);
    const { features, columns } = problem;
    const mean = (j: number) => {
      let sum = 0;
      for (let i = 0; i < 30; i++) sum += wide.features[i * 200 + j];
      return sum / 30;
    };
    const means = Array.from({ length: 200 }, (_, j) => mean(j));
    for (const [a, b] of [
      [0, 0],
      [3, 17],
      [29, 5],
    ]) {
      let full = 0;
      let reduced = 0;
      for (let j = 0; j < 200; j++)
        full += (wide.features[a * 200 + j] - means[j]) * (wide.features[b * 200 + j] - means[j]);
      for (let j = 0; j < columns; j++) reduced += features[a * columns + j] * features[b * columns + j];
      expect(reduced).toBeCloseTo(full, 3);
    }
  });

  test('refuses labels outside the classes and a ragged matrix', () => {
    const labels = Int32Array.of(0, 2);
    expect(() => prepareProblem({ features: new Float32Array(4), labels }, 2)).toThrow('internal: a label');
    expect(() => prepareProblem({ features: new Float32Array(5), labels }, 3)).toThrow(
      'internal: 5 features',
    );
  });
});

describe('features that are the same for all images', () => {
  test.each([
    [20, 6],
    [10, 64],
  ])('%d images of %d features: the classes as often as they occur', async (images, columns) => {
    const labels = Int32Array.from({ length: images }, (_, i) => Number(i % 5 === 0));
    const part = { features: new Float32Array(images * columns).fill(0.5), labels };
    for (const createObjective of [
      createReferenceObjective,
      engineObjective({ threads: 1, device: 'cpu' }),
    ]) {
      const solution = await fitLogisticRegression(part, 2, 1, { createObjective });
      const probabilities = predictProbabilities(part.features, solution);
      for (let i = 0; i < images; i++) expect(probabilities[2 * i + 1]).toBeCloseTo(0.2, 4);
    }
  });
});

describe('fits of scikit-learn', () => {
  /** As far as scikit-learn itself is from the minimum, and 1e-6. */
  function expectSameMinimum(solution: LogisticSolution, row: { loss: number; excess: number }): void {
    expect(solution.converged).toBe(true);
    expect(solution.loss).toBeLessThanOrEqual(row.loss * (1 + 1e-6));
    expect(solution.loss).toBeGreaterThanOrEqual(row.loss * (1 - row.excess - 1e-6));
  }

  test.each(fixture.digits.fits)('digits, lambda $lambda', async ({ lambda, ...row }) => {
    const solution = await fitLogisticRegression(digits.train, 10, lambda);
    expectSameMinimum(solution, row);
    expect(Math.abs(normOf(solution.weights) / row.norm - 1)).toBeLessThan(2e-3);
    const { features, labels } = digits.validation;
    const predicted = predictClasses(features, solution);
    expect(Math.abs(top1(labels, predicted) - row.validation)).toBeLessThan(0.005);
    expect(Math.abs(meanPerClass(labels, predicted, 10) - row.meanPerClass)).toBeLessThan(0.005);
  });

  test.each(fixture.wide)('30 images of 200 features, lambda $lambda', async ({ lambda, ...row }) => {
    const solution = await fitLogisticRegression(wide, 3, lambda, { tolerance: 1e-10 });
    expectSameMinimum(solution, row);
    // Where scikit-learn has found the minimum, the weights agree. Only differences of biases are determined,
    // and rows are about 20 long, so that an error of the weights counts many times in the bias.
    if (row.excess > 1e-7) return;
    const mean = solution.bias.reduce((sum, b) => sum + b, 0) / 3;
    const scale = row.norm / Math.sqrt(600);
    for (let k = 0; k < 3; k++) {
      expect(Math.abs(solution.bias[k] - mean - row.bias[k])).toBeLessThan(5e-3 * row.norm);
      for (let j = 0; j < 10; j++)
        expect(Math.abs(solution.weights[k * 200 + 20 * j] - row.weights[k][j])).toBeLessThan(1e-3 * scale);
    }
  });
});

describe('path', () => {
  const score = (labels: Int32Array, predicted: Int32Array) => top1(labels, predicted);

  test('the grid has 45 values, quarter decades from 1e-6 to 1e5', () => {
    expect(LAMBDA_GRID).toHaveLength(45);
    expect(LAMBDA_GRID[0]).toBeCloseTo(1e-6, 15);
    expect(LAMBDA_GRID[44]).toBeCloseTo(1e5, 6);
    expect(LAMBDA_GRID[21] / LAMBDA_GRID[20]).toBeCloseTo(10 ** 0.25, 12);
  });

  test('over the whole grid every fit converges, to the same minimum as alone', async () => {
    const seen: number[] = [];
    const losses = new Map<number, number>();
    const objective = createReferenceObjective(prepareProblem(wide, 3));
    for await (const solution of fitPath(objective, { onProgress: ({ done }) => seen.push(done) })) {
      expect(solution.converged).toBe(true);
      losses.set(solution.lambda, solution.loss);
    }
    expect([...losses.keys()]).toEqual([...LAMBDA_GRID].reverse());
    expect(seen).toEqual(LAMBDA_GRID.map((_, i) => i + 1));
    for (const lambda of [LAMBDA_GRID[0], LAMBDA_GRID[12], LAMBDA_GRID[24], LAMBDA_GRID[40]]) {
      const { loss } = await fitLogisticRegression(wide, 3, lambda);
      expect(Math.abs(losses.get(lambda)! / loss - 1)).toBeLessThan(2e-6);
    }
  });

  test('chooses by the score on the validation part', async () => {
    const lambdas = fixture.digits.fits.map(({ lambda }) => lambda);
    const path = await regularizationPath({ ...digits, classes: 10, score, lambdas });
    const expected = [...fixture.digits.fits].reverse();
    expect(path.trials.map(({ lambda }) => lambda)).toEqual(expected.map(({ lambda }) => lambda));
    for (const [i, trial] of path.trials.entries())
      expect(Math.abs(trial.validation - expected[i].validation)).toBeLessThan(0.005);
    expect(path.best.validation).toBe(Math.max(...path.trials.map(({ validation }) => validation)));
    expect(path.solution.lambda).toBe(path.best.lambda);
  });

  test('a tie goes to the larger lambda, and the objective is closed', async () => {
    let closed = 0;
    const path = await regularizationPath({
      train: wide,
      validation: wide,
      classes: 3,
      score: (_, predicted) => (predicted.length === 30 ? 0.5 : 0),
      lambdas: [0.01, 100, 1],
      createObjective: (problem) => ({ ...createReferenceObjective(problem), close: () => void closed++ }),
    });
    expect(path.best.lambda).toBe(100);
    expect(path.trials.map(({ lambda }) => lambda)).toEqual([100, 1, 0.01]);
    expect(closed).toBe(1);
  });

  test('an objective that computes in float32 reaches the same accuracies', async () => {
    const rounded = (exact: LogisticObjective): LogisticObjective => ({
      problem: exact.problem,
      valueNoise: 1e-6,
      async lossAndGradient(parameters, lambda, gradient, spread) {
        const loss = await exact.lossAndGradient(parameters.map(Math.fround), lambda, gradient, spread);
        gradient.set(gradient.map(Math.fround));
        return Math.fround(loss);
      },
      classifier: (features) => exact.classifier(features),
      close: () => exact.close(),
    });
    const lambdas = LAMBDA_GRID.filter((_, i) => i % 11 === 0);
    const common = { ...digits, classes: 10, score, lambdas };
    const exact = await regularizationPath(common);
    const single = await regularizationPath({
      ...common,
      createObjective: (problem) => rounded(createReferenceObjective(problem)),
    });
    for (const [i, trial] of single.trials.entries()) {
      expect(Math.abs(trial.validation - exact.trials[i].validation)).toBeLessThan(0.0051);
      expect(Math.abs(trial.loss / exact.trials[i].loss - 1)).toBeLessThan(1e-3);
    }
  });

  test('a class without training images is never predicted', async () => {
    const train = randomPart(40, 4, 3, 5);
    const solution = await fitLogisticRegression(train, 5, 0.1);
    expect(solution.converged).toBe(true);
    expect(Math.max(...predictClasses(train.features, solution))).toBeLessThan(3);
  });
});

describe('predictions', () => {
  const solution: LogisticSolution = {
    lambda: 1,
    classes: 3,
    weights: Float64Array.of(1, 0, 0, 1, 800, -800),
    bias: Float64Array.of(0, 0, -1),
    loss: 0,
    iterations: 0,
    converged: true,
  };

  test('probabilities are the softmax of W x + b, and finite for huge scores', () => {
    const probabilities = predictProbabilities(Float32Array.of(2, 2, 1, 0), solution);
    const total = 2 * Math.exp(2) + Math.exp(-1);
    expect(probabilities[0]).toBeCloseTo(Math.exp(2) / total, 12);
    expect(probabilities[2]).toBeCloseTo(Math.exp(-1) / total, 12);
    expect([...probabilities.subarray(3)]).toEqual([0, 0, 1]);
  });

  test('rows sum to 1 over more images than a block, and equal scores go to the first class', () => {
    const random = new Random(9);
    const features = Float32Array.from({ length: 2 * 151 }, () => random.normal());
    const probabilities = predictProbabilities(features, solution);
    for (let i = 0; i < 151; i++) {
      const row = probabilities.subarray(3 * i, 3 * i + 3);
      expect(row[0] + row[1] + row[2]).toBeCloseTo(1, 12);
    }
    expect([...predictClasses(Float32Array.of(2, 2), solution)]).toEqual([0]);
  });

  test('refuses features of another width', () => {
    expect(() => predictProbabilities(new Float32Array(3), solution)).toThrow('internal: 3 features');
  });
});

test('patience ends a path at its weak end, not among the strong penalties that all predict alike', async () => {
  const random = new Random(3);
  const part = (images: number) => {
    const labels = Int32Array.from({ length: images }, (_, i) => i % 3);
    const features = new Float32Array(images * 8);
    features.forEach((_, i) => {
      features[i] = 0.05 * (random.normal() + (i % 8 === labels[Math.floor(i / 8)] ? 2 : 0));
    });
    return { features, labels };
  };
  const options = { train: part(90), validation: part(60), classes: 3, score: top1 };
  const whole = await regularizationPath(options);
  const ended = await regularizationPath({ ...options, patience: 3 });
  expect(ended.trials.length).toBeLessThan(whole.trials.length);
  expect(ended.best.lambda).toBe(whole.best.lambda);
  expect(ended.trials.map(({ validation }) => validation)).toEqual(
    whole.trials.slice(0, ended.trials.length).map(({ validation }) => validation),
  );
});
