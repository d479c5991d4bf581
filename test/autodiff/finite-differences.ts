/**
 * Gradients against central finite differences. The op's output y is projected on random weights q, so the
 * loss is <q, y>. For each parameter the derivative of the loss along a random direction d is taken from y alone,
 *   (8 (y(e) - y(-e)) - (y(2e) - y(-2e))) / 12 e,  y(t) = y(parameter + t d),
 * which errs by O(e^4), with the sums in double precision, and compared with <gradient, d>.
 */
import { gradient } from '../../src/autodiff/index.ts';
import { Graph, mul, sum, type Value, verify } from '../../src/graph/index.ts';
import { type Device, Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';

/** Numbers for one operand: uniform in a range, or all different, `gap` apart and half of it off zero. */
export type Numbers = { readonly low: number; readonly high: number } | { readonly gap: number };

interface Operand {
  readonly shape: Shape;
  readonly numbers: Numbers;
}

export interface GradientCase {
  readonly operands: readonly Operand[];
  readonly build: (...operands: Value[]) => Value;
  /** Step e; parameters move by at most twice as much. */
  readonly epsilon: number;
}

interface Check {
  /** <gradient, d> and the same by differences, per parameter and direction. */
  readonly analytic: number;
  readonly numeric: number;
  /** What <gradient, d> amounts to for a typical direction: the yardstick of the error. */
  readonly scale: number;
}

function draw({ shape, numbers }: Operand, random: Random): Float32Array {
  const size = sizeOf(shape);
  if ('low' in numbers)
    return Float32Array.from({ length: size }, () => random.uniform(numbers.low, numbers.high));
  const places = random.shuffle(Array.from({ length: size }, (_, i) => i - Math.floor(size / 2) + 0.5));
  return Float32Array.from(places, (place) => place * numbers.gap);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};

/** Builds the graph of one case, with y and the gradient of <q, y> with respect to every operand. */
function buildCase({ operands, build }: GradientCase): { outputs: Map<string, Value>; y: Value } {
  const graph = new Graph();
  const parameters = operands.map(({ shape }, i) => graph.input(`p${i}`, shape, { role: 'parameter' }));
  const y = build(...parameters);
  const gradients = gradient(sum(mul(y, graph.input('q', y.shape))), parameters);
  verify(graph);
  return { outputs: new Map([['y', y], ...gradients.map((g, i) => [`g${i}`, g] as const)]), y };
}

/** Ops that a case's forward part uses; to hold rows to what they say they test. */
export function opsOf(row: GradientCase): Set<string> {
  const { y } = buildCase(row);
  return new Set(y.graph.nodes.slice(0, y.node.id + 1).map((node) => node.op));
}

/** `TEST_DEVICE=webgpu npx vitest run test/autodiff` runs the rows on another device. */
const DEVICE = (process.env.TEST_DEVICE ?? 'cpu') as Device;

const DIRECTIONS = 2;

export async function checkGradients(row: GradientCase, device = DEVICE): Promise<Check[]> {
  const random = new Random(1, 'finite differences');
  const { outputs, y } = buildCase(row);
  const executable = await Executable.compile(outputs, { threads: 1, device });
  const weights = draw({ shape: y.shape, numbers: { low: -1, high: 1 } }, random);
  const values = row.operands.map((operand) => draw(operand, random));
  const set = (name: string, shape: Shape, data: ArrayLike<number>) =>
    executable.set(name, float32(shape, data));
  set('q', y.shape, weights);
  row.operands.forEach(({ shape }, i) => {
    set(`p${i}`, shape, values[i]);
  });
  const results = await executable.run();
  const checks: Check[] = [];
  for (let i = 0; i < values.length; i++) {
    const { shape } = row.operands[i];
    const gradientData = (results[`g${i}`] as Tensor<'float32'>).data;
    for (let k = 0; k < DIRECTIONS; k++) {
      const direction = draw({ shape, numbers: { low: -1, high: 1 } }, random);
      const lossAt = async (t: number) => {
        set(
          `p${i}`,
          shape,
          values[i].map((value, j) => value + t * direction[j]),
        );
        return dot(weights, (await executable.run()).y.data as Float32Array);
      };
      const e = row.epsilon;
      const near = (await lossAt(e)) - (await lossAt(-e));
      const far = (await lossAt(2 * e)) - (await lossAt(-2 * e));
      checks.push({
        analytic: dot(gradientData, direction),
        numeric: (8 * near - far) / (12 * e),
        scale: Math.sqrt(dot(gradientData, gradientData) / 3),
      });
    }
    set(`p${i}`, shape, values[i]);
  }
  await executable.close();
  return checks;
}
