/** Initial values, schedules, losses and what networks remember of their layers. */
import { describe, expect, test } from 'vitest';
import { Graph } from '../../src/graph/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, tensor } from '../../src/tensor/tensor.ts';

describe('initial values', () => {
  const SHAPE = [64, 32, 3, 3];
  const COUNT = 64 * 32 * 9;

  test.each([
    ['fan out', nn.heNormal(), Math.sqrt(2 / (64 * 9))],
    ['fan in', nn.heNormal('fanIn'), Math.sqrt(2 / (32 * 9))],
    ['given', nn.normalInit(0.01), 0.01],
  ])('normal, %s', (_name, initializer, deviation) => {
    const values = initializer(SHAPE, new Random(1));
    const squares = values.reduce((sum, x) => sum + x * x, 0) / COUNT;
    expect(Math.abs(squares / deviation ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / COUNT));
    expect(Math.abs(values.reduce((sum, x) => sum + x, 0) / COUNT)).toBeLessThan(
      (4 * deviation) / Math.sqrt(COUNT),
    );
  });

  test('uniform within one over the root of the fan-in, and constants', () => {
    const values = nn.uniformFanIn([200, 100], new Random(1));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.1);
    const squares = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(Math.abs(squares / (0.01 / 3) - 1)).toBeLessThan(4 * Math.sqrt(0.8 / values.length));
    expect([...nn.zerosInit([2], new Random(1)), ...nn.onesInit([2], new Random(1))]).toEqual([0, 0, 1, 1]);
  });

  test('a variable has its own stream: another beside it changes nothing', () => {
    const variable = (name: string) => ({ name, shape: [4], initializer: nn.normalInit(1) });
    const alone = nn.initialize([variable('b')], 3).get('b');
    expect(nn.initialize([variable('a'), variable('b')], 3).get('b')).toEqual(alone);
    expect(nn.initialize([variable('b')], 4).get('b')).not.toEqual(alone);
    expect(nn.initialize([variable('a')], 3).get('a')).not.toEqual(alone);
  });
});

test('warm-up and powers: the published retraining, epoch by epoch', () => {
  const stepsPerEpoch = 4;
  const rates = Array.from({ length: 64 }, (_, step) => nn.warmUpExponential(step, { stepsPerEpoch }));
  // Ten epochs up a straight line to 1; then each epoch has 0.975 of the rate of the one before.
  let rate = 1;
  for (const [step, found] of rates.entries()) {
    if (step > 40 && step % stepsPerEpoch === 0) rate *= 0.975;
    expect(found).toBeCloseTo(step < 40 ? (step + 1) / 40 : rate, 12);
  }
  expect(nn.warmUpExponential(2, { stepsPerEpoch: 1.5, warmUpEpochs: 2, factor: 0.5 })).toBeCloseTo(1, 12);
  expect(nn.warmUpExponential(5, { stepsPerEpoch: 1.5, warmUpEpochs: 2, factor: 0.5 })).toBeCloseTo(0.5, 12);
});

test('cosine: from 1 to 0, a half in the middle, after a straight warm-up', () => {
  expect(nn.cosine(0, 10)).toBe(1);
  expect(nn.cosine(5, 10)).toBeCloseTo(0.5, 12);
  expect(nn.cosine(10, 10)).toBeCloseTo(0, 12);
  expect([0, 1, 2, 3, 4].map((step) => nn.cosine(step, 14, 4))).toEqual([0.25, 0.5, 0.75, 1, 1]);
  expect(nn.cosine(9, 14, 4)).toBeCloseTo(0.5, 12);
});

describe('cross-entropy', () => {
  /** The loss by its definition, in double precision. */
  function byDefinition(logits: number[][], labels: number[], smoothing: number): number {
    const losses = logits.map((row, n) => {
      const total = row.reduce((sum, z) => sum + Math.exp(z), 0);
      return row.reduce((sum, z, k) => {
        const target = (k === labels[n] ? 1 - smoothing : 0) + smoothing / row.length;
        return sum - target * Math.log(Math.exp(z) / total);
      }, 0);
    });
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  }

  async function compute(logits: number[][], labels: number[], smoothing: number): Promise<number> {
    const graph = new Graph();
    const z = graph.input('z', [logits.length, logits[0].length]);
    const y = graph.input('y', [labels.length], { dtype: 'int32' });
    const loss = nn.softmaxCrossEntropy(z, y, smoothing);
    const executable = await Executable.compile(new Map([['loss', loss]]), { threads: 1 });
    executable.set('z', float32(z.shape, logits.flat()));
    executable.set('y', tensor('int32', y.shape, Int32Array.from(labels)));
    const value = Number((await executable.run()).loss.data[0]);
    await executable.close();
    return value;
  }

  const logits = [
    [1, -2, 0.5],
    [0, 0, 0],
    [3, 4, -1],
    [-2, 0.1, 2],
  ];

  test.each([0, 0.1, 0.5])('with smoothing %f', async (smoothing) => {
    expect(await compute(logits, [0, 2, 0, 1], smoothing)).toBeCloseTo(
      byDefinition(logits, [0, 2, 0, 1], smoothing),
      5,
    );
  });

  test('stays finite for large logits', async () => {
    expect(await compute([[1000, 0, -1000]], [1], 0)).toBeCloseTo(1000, 3);
    expect(await compute([[1000, 0, -1000]], [0], 0)).toBeCloseTo(0, 12);
  });
});

describe('networks', () => {
  const images = (net: nn.Network) => net.graph.input('images', [2, 3, 4, 4]);

  test('remember parameters and buffers in the order of declaration', () => {
    const net = new nn.Network(new Graph(), nn.TRAIN);
    const y = nn.batchNorm(
      net,
      'bn',
      nn.conv(net, 'conv', images(net), { out: 4, kernel: [1, 3], bias: true }),
    );
    nn.linear(net, 'fc', nn.globalMean(y), 5);
    expect(net.variables.map(({ name, kind, shape }) => [name, kind, shape])).toEqual([
      ['conv.weight', 'parameter', [4, 3, 1, 3]],
      ['conv.bias', 'parameter', [4]],
      ['bn.weight', 'parameter', [4]],
      ['bn.bias', 'parameter', [4]],
      ['bn.running_mean', 'buffer', [4]],
      ['bn.running_var', 'buffer', [4]],
      ['fc.weight', 'parameter', [5, 4]],
      ['fc.bias', 'parameter', [5]],
    ]);
    expect([...net.batchStatistics.keys()]).toEqual(['bn.running_mean', 'bn.running_var']);
  });

  test('a norm without scale has none to train; frozen it leaves no statistics', () => {
    const net = new nn.Network(new Graph(), { mode: 'train', norm: 'frozen' });
    nn.batchNorm(net, 'bn', images(net), { scale: false });
    expect(net.variables.map(({ name }) => name)).toEqual(['bn.bias', 'bn.running_mean', 'bn.running_var']);
    expect(net.batchStatistics.size).toBe(0);
  });

  test('a name declared twice is our own fault', () => {
    const net = new nn.Network(new Graph(), nn.TRAIN);
    net.parameter('w', [1], nn.zerosInit);
    expect(() => net.buffer('w', [1], nn.zerosInit)).toThrow('internal: variable "w" declared twice');
  });
});
