/** L-BFGS on functions with a known minimum, and on objectives that are asynchronous, rounded or undefined in parts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { minimize, type Objective } from '../../src/transfer/lbfgs.ts';

/** Rosenbrock's valley in any dimension; minimum 0 at (1, 1, ...). */
const rosenbrock: Objective = (x, gradient) => {
  gradient.fill(0);
  let value = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const valley = x[i + 1] - x[i] * x[i];
    value += 100 * valley * valley + (1 - x[i]) ** 2;
    gradient[i] += -400 * x[i] * valley - 2 * (1 - x[i]);
    gradient[i + 1] += 200 * valley;
  }
  return value;
};

/** Sum of curvature_i (x_i - target_i)^2 / 2. */
const bowl =
  (curvature: readonly number[], target: readonly number[]): Objective =>
  (x, gradient) => {
    let value = 0;
    for (let i = 0; i < x.length; i++) {
      gradient[i] = curvature[i] * (x[i] - target[i]);
      value += (gradient[i] * (x[i] - target[i])) / 2;
    }
    return value;
  };

describe('minimize', () => {
  test.each([2, 10, 40])('Rosenbrock in %i dimensions', async (dimension) => {
    const start = Float64Array.from({ length: dimension }, (_, i) => (i % 2 ? 1 : -1.2));
    const result = await minimize(rosenbrock, start, { gradientTolerance: 1e-9 });
    expect(result.converged).toBe(true);
    expect(result.gradientNorm).toBeLessThanOrEqual(1e-9);
    for (const x of result.point) expect(x).toBeCloseTo(1, 7);
    expect(start[0]).toBe(-1.2);
  });

  test('any convex bowl, curvatures over six decades', async () => {
    const axis = fc.record({
      power: fc.double({ min: -3, max: 3, noNaN: true }),
      target: fc.double({ min: -5, max: 5, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(axis, { minLength: 1, maxLength: 8 }), async (axes) => {
        const target = axes.map((a) => a.target);
        const objective = bowl(
          axes.map((a) => 10 ** a.power),
          target,
        );
        const result = await minimize(objective, new Float64Array(axes.length), { gradientTolerance: 1e-8 });
        expect(result.converged).toBe(true);
        for (const [i, x] of result.point.entries()) expect(Math.abs(x - target[i])).toBeLessThan(2e-5);
      }),
      { numRuns: 60 },
    );
  });

  test('takes few evaluations on a bowl whose first step is far too short', async () => {
    const result = await minimize(bowl([1e-4, 1e-4], [1000, -2000]), new Float64Array(2), {
      gradientTolerance: 1e-9,
    });
    expect(result.converged).toBe(true);
    expect(result.evaluations).toBeLessThan(12);
  });

  test('awaits an asynchronous objective', async () => {
    const later: Objective = async (x, gradient) => {
      await new Promise((resolve) => setImmediate(resolve));
      return rosenbrock(x, gradient);
    };
    const start = Float64Array.of(-1.2, 1);
    const now = await minimize(rosenbrock, start, { gradientTolerance: 1e-6 });
    expect(await minimize(later, start, { gradientTolerance: 1e-6 })).toEqual(now);
  });

  test('a start at the minimum costs one evaluation', async () => {
    const result = await minimize(rosenbrock, Float64Array.of(1, 1), { gradientTolerance: 1e-12 });
    expect(result).toMatchObject({ value: 0, iterations: 0, evaluations: 1, converged: true });
  });

  test('a tolerance may depend on value and point', async () => {
    const gradientTolerance = (value: number, point: Float64Array) => (point[0] > 0 ? value : 0);
    const result = await minimize(bowl([4], [3]), Float64Array.of(-50), { gradientTolerance });
    expect(result.converged).toBe(true);
    expect(result.gradientNorm).toBeLessThanOrEqual(result.value);
  });

  test('ends after maxIterations with what it has', async () => {
    const start = Float64Array.of(-1.2, 1);
    const result = await minimize(rosenbrock, start, { gradientTolerance: 0, maxIterations: 5 });
    expect(result).toMatchObject({ iterations: 5, converged: false });
    expect(result.value).toBeLessThan(24);
  });

  test('backs out of steps where the objective is not a number: x - ln x', async () => {
    const barrier: Objective = (x, gradient) => {
      gradient[0] = 1 - 1 / x[0];
      return x[0] - Math.log(x[0]);
    };
    const result = await minimize(barrier, Float64Array.of(1e-3), { gradientTolerance: 1e-9 });
    expect(result.converged).toBe(true);
    expect(result.point[0]).toBeCloseTo(1, 8);
  });

  test('a start without a value is refused', async () => {
    const undefinedEverywhere: Objective = () => Number.NaN;
    await expect(
      minimize(undefinedEverywhere, new Float64Array(1), { gradientTolerance: 1 }),
    ).rejects.toThrow('internal: minimisation starts at a value of NaN');
  });
});

describe('an objective rounded to float32', () => {
  const offset = 1000;
  const rounded: Objective = async (x, gradient) => {
    const value = await rosenbrock(x, gradient);
    for (let i = 0; i < x.length; i++) gradient[i] = Math.fround(gradient[i]);
    return Math.fround(value + offset);
  };

  test('ends by itself near the minimum, though the gradient never gets small enough', async () => {
    const options = { gradientTolerance: 0, valueNoise: 1e-6, maxIterations: 5000 };
    const result = await minimize(rounded, Float64Array.of(-1.2, 1, 0.5), options);
    const exact = (await rosenbrock(result.point, new Float64Array(3))) as number;
    expect(result.iterations).toBeLessThan(5000);
    expect(exact).toBeLessThan(1e-3);
    expect(result.value).toBe(Math.fround(exact + offset));
  });

  test('a constant with a gradient that is noise ends at the start', async () => {
    let call = 0;
    const noise: Objective = (_, gradient) => {
      gradient[0] = Math.sin(++call);
      return 1;
    };
    const result = await minimize(noise, new Float64Array(1), { gradientTolerance: 0, valueNoise: 1e-6 });
    expect(result.converged).toBe(false);
    expect(result.value).toBe(1);
    expect(result.evaluations).toBe(call);
  });
});
