/** Initial values of parameters. */
import { Random } from '../tensor/random.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../tensor/tensor.ts';

/** Fills a tensor of `shape`; weights are [out, in, ...kernel]. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

const fill =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);

export const zerosInit = fill(0);
export const onesInit = fill(1);

/** Normal with standard deviation sqrt(2 / fan): He et al. 2015 (arXiv 1502.01852), for layers before a ReLU. */
export function heNormal(mode: 'fanIn' | 'fanOut' = 'fanOut'): Initializer {
  return (shape, random) => {
    const kernel = sizeOf(shape.slice(2));
    const deviation = Math.sqrt(2 / (kernel * shape[mode === 'fanIn' ? 1 : 0]));
    return Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * deviation);
  };
}

/** Uniform in +-sqrt(1 / fanIn): the usual start of a linear layer. */
export const uniformFanIn: Initializer = (shape, random) => {
  const bound = Math.sqrt(1 / sizeOf(shape.slice(1)));
  return Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
};

/** Normal with a given standard deviation. */
export function normalInit(deviation: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * deviation);
}

/** Initial values of every variable; each has its own stream, so adding one leaves the others as they were. */
export function initialize(
  variables: readonly { name: string; shape: Shape; initializer: Initializer }[],
  seed: number,
): Map<string, Tensor<'float32'>> {
  return new Map(
    variables.map(({ name, shape, initializer }) => [
      name,
      tensor('float32', shape, initializer(shape, new Random(seed, 'init', name))),
    ]),
  );
}
