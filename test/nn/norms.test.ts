/** Normalisation layers: ghost batches against each lot alone, the phase by layer, group norm and the choice of norm. */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { Graph, mul, sum, type Value } from '../../src/graph/index.ts';
import { batchNorm, Network, type NormLayer, type NormPhase, normalise, TRAIN } from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';

const noise = (shape: Shape, seed: number) => {
  const random = new Random(seed);
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.normal() * 2 + 0.5),
  );
};

const [C, H, W] = [3, 4, 5];
const scale = noise([C], 1);
const bias = noise([C], 2);

/** y, gradients of sum(y * target) and batch statistics of a batch norm over images [N, 3, 4, 5]. */
async function run(norm: NormPhase, x: Tensor<'float32'>, target: Tensor<'float32'>) {
  const net = new Network(new Graph(), { mode: 'train', norm });
  const input = net.graph.input('x', x.shape);
  const y = batchNorm(net, 'bn', input);
  const parameters = net.variables.slice(0, 2).map(({ value }) => value);
  const [dx, dscale, dbias] = gradient(sum(mul(y, net.graph.constant(target))), [input, ...parameters]);
  const outputs = new Map<string, Value>(Object.entries({ y, dx, dscale, dbias }));
  outputs.set('mean', net.batchStatistics.get('bn.running_mean')!);
  outputs.set('variance', net.batchStatistics.get('bn.running_var')!);
  const executable = await Executable.compile(outputs, { threads: 1 });
  executable.set('x', x);
  executable.set('bn.weight', scale);
  executable.set('bn.bias', bias);
  const results = await executable.run();
  await executable.close();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]),
  );
}

function expectClose(found: readonly number[], expected: readonly number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const error = Math.hypot(...found.map((value, i) => value - expected[i]));
  expect(error).toBeLessThan(tolerance * Math.hypot(...expected));
}

describe('ghost batches', () => {
  const part = ({ data }: Tensor<'float32'>, size: number, lot: number) => {
    const each = size * C * H * W;
    return float32([size, C, H, W], data.subarray(lot * each, (lot + 1) * each));
  };

  test.each([1, 2, 3, 6])(
    'of %i images are batches of their own: values, gradients, mean statistics',
    async (size) => {
      const [x, target] = [noise([6, C, H, W], 3), noise([6, C, H, W], 4)];
      const ghost = await run({ kind: 'ghost', size }, x, target);
      const lots = await Promise.all(
        Array.from({ length: 6 / size }, (_, lot) =>
          run('batch', part(x, size, lot), part(target, size, lot)),
        ),
      );
      const total = (name: string) =>
        lots[0][name].map((_, i) => lots.reduce((all, lot) => all + lot[name][i], 0));
      expectClose(
        ghost.y,
        lots.flatMap(({ y }) => y),
      );
      expectClose(
        ghost.dx,
        lots.flatMap(({ dx }) => dx),
        1e-4,
      );
      expectClose(ghost.dscale, total('dscale'));
      expectClose(ghost.dbias, total('dbias'));
      expectClose(
        ghost.mean,
        total('mean').map((value) => value / lots.length),
      );
      expectClose(
        ghost.variance,
        total('variance').map((value) => value / lots.length),
      );
    },
  );

  test('that do not divide the batch are refused', () => {
    const net = new Network(new Graph(), { mode: 'train', norm: { kind: 'ghost', size: 4 } });
    expect(() => batchNorm(net, 'stem.bn', net.graph.input('x', [6, C, H, W]))).toThrow(
      'Layer "stem.bn" is to normalise 4 images at a time, and a batch has 6.',
    );
  });
});

test('synchronised is the batch where one graph holds all of it', async () => {
  const [x, target] = [noise([4, C, H, W], 5), noise([4, C, H, W], 6)];
  expect(await run('synchronised', x, target)).toEqual(await run('batch', x, target));
});

test('the phase can differ by layer', () => {
  const norm = (layer: string): NormPhase => (layer.startsWith('stem') ? 'frozen' : 'batch');
  const net = new Network(new Graph(), { mode: 'train', norm });
  batchNorm(net, 'head.bn', batchNorm(net, 'stem.bn', net.graph.input('x', [2, C, H, W])));
  expect([...net.batchStatistics.keys()]).toEqual(['head.bn.running_mean', 'head.bn.running_var']);
});

describe('the norm of a model', () => {
  const declared = (layer: NormLayer) => {
    const net = new Network(new Graph(), TRAIN);
    const x = net.graph.input('x', [2, 4, H, W]);
    const y = normalise(net, 'norm', x, layer);
    return { x, y, names: net.variables.map(({ name }) => name) };
  };

  test('declares what it needs', () => {
    const buffers = ['norm.running_mean', 'norm.running_var'];
    expect(declared({ kind: 'batch' }).names).toEqual(['norm.weight', 'norm.bias', ...buffers]);
    expect(declared({ kind: 'batch', scale: false }).names).toEqual(['norm.bias', ...buffers]);
    expect(declared({ kind: 'group', groups: 2 }).names).toEqual(['norm.weight', 'norm.bias']);
    const none = declared({ kind: 'none' });
    expect(none.names).toEqual([]);
    expect(none.y).toBe(none.x);
  });

  test('group norm: every image and group of channels has mean 0 and variance 1, the same at inference', async () => {
    const x = noise([2, 4, H, W], 7);
    for (const mode of ['train', 'inference'] as const) {
      const net = new Network(new Graph(), { mode, norm: 'batch' });
      const y = normalise(net, 'norm', net.graph.input('x', x.shape), { kind: 'group', groups: 2 });
      const executable = await Executable.compile(new Map([['y', y]]), { threads: 1 });
      executable.set('x', x);
      executable.set('norm.weight', float32([4], [1, 1, 1, 1]));
      executable.set('norm.bias', float32([4], [0, 0, 0, 0]));
      const { data } = (await executable.run()).y;
      await executable.close();
      const size = 2 * H * W;
      for (let group = 0; group < 4; group++) {
        const values = Array.from(data.subarray(group * size, (group + 1) * size), Number);
        const mean = values.reduce((sum, value) => sum + value, 0) / size;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
        expect(Math.abs(mean)).toBeLessThan(1e-5);
        expect(Math.abs(variance - 1)).toBeLessThan(1e-4);
      }
    }
  });
});
