/**
 * The training form (channels first, matrix products) and the inference form (plain ONNX operators) of the same
 * graph: both against definitions written as loops, over drawn shapes, and against each other over whole
 * networks; and how values lie in memory and are named.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { lower } from '../../src/compile/index.ts';
import * as g from '../../src/graph/index.ts';
import { type ConvAttributes, Graph, type PoolAttributes, type Value } from '../../src/graph/index.ts';
import { batchNorm, conv, globalMean, INFERENCE, linear, Network } from '../../src/nn/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { float32, type Shape, sizeOf, type Tensor, transpose } from '../../src/tensor/tensor.ts';
import {
  draw,
  expectBoth,
  expectNear,
  type Feeds,
  runInference,
  runTraining,
  THREADS,
} from './both-forms.ts';
import { referenceConv, referencePool } from './reference.ts';

const upTo = (low: number, high: number) => fc.integer({ min: low, max: high });
const pairOf = (low: number, high: number) => fc.tuple(upTo(low, high), upTo(low, high));

describe('convolutions of drawn shapes', () => {
  const cases = fc
    .record({
      kind: fc.constantFrom('full', 'grouped', 'depthwise', 'pointwise'),
      images: upTo(1, 3),
      groups: upTo(2, 3),
      inputs: upTo(1, 3),
      outputs: upTo(1, 3),
      size: pairOf(5, 9),
      kernel: pairOf(1, 4),
      strides: pairOf(1, 3),
      dilations: pairOf(1, 2),
      padding: fc.tuple(upTo(0, 3), upTo(0, 3), upTo(0, 3), upTo(0, 3)),
    })
    .map(({ kind, images, size, strides, ...drawn }) => {
      const groups = kind === 'full' || kind === 'pointwise' ? 1 : drawn.groups;
      const inputs = kind === 'depthwise' ? 1 : drawn.inputs;
      const outputs = kind === 'depthwise' ? groups : groups * drawn.outputs;
      const pointwise = kind === 'pointwise';
      const attributes: ConvAttributes = {
        strides,
        groups,
        padding: pointwise ? [0, 0, 0, 0] : drawn.padding,
        dilations: pointwise ? [1, 1] : drawn.dilations,
      };
      const kernel = pointwise ? [1, 1] : drawn.kernel;
      return { image: [images, groups * inputs, ...size], weight: [outputs, inputs, ...kernel], attributes };
    })
    .filter(({ image, weight, attributes: { padding, dilations } }) =>
      [0, 1].every(
        (axis) =>
          (weight[2 + axis] - 1) * dilations[axis] < image[2 + axis] + padding[axis] + padding[2 + axis],
      ),
    );

  test('both forms give what the definition gives', async () => {
    const property = fc.asyncProperty(cases, async ({ image, weight, attributes }) => {
      const graph = new Graph();
      const y = g.conv2d(graph.input('x', image), graph.input('w', weight), attributes);
      const feeds = { x: draw(image, 'x'), w: draw(weight, 'w') };
      const [n, o, h, w] = y.shape;
      await expectBoth(y, feeds, referenceConv(feeds.x, feeds.w, [n, o, h, w], attributes));
    });
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });
});

describe('convolutions of many channels, which are lowered to other products', () => {
  test.each<[Shape, Shape, g.ConvOptions]>([
    [[2, 64, 5, 4], [66, 64, 3, 3], { padding: 1 }],
    [[2, 64, 6, 7], [66, 64, 3, 3], { padding: [0, 1, 2, 0], strides: 2 }],
    [[2, 64, 7, 6], [66, 64, 3, 2], { padding: 1, dilations: [2, 1] }],
    [[2, 128, 4, 4], [130, 64, 3, 3], { padding: 1, groups: 2 }],
  ])('[%s] * [%s] %j', async (image, weight, options) => {
    const graph = new Graph();
    const y = g.conv2d(graph.input('x', image), graph.input('w', weight), options);
    const feeds = { x: draw(image, 'x'), w: draw(weight, 'w') };
    const [n, o, h, w] = y.shape;
    const { attributes } = y.node as g.NodeOf<'conv2d'>;
    await expectBoth(y, feeds, referenceConv(feeds.x, feeds.w, [n, o, h, w], attributes), 1e-4);
  });
});

describe('poolings of drawn shapes', () => {
  const cases = fc
    .record({
      images: upTo(1, 3),
      channels: upTo(1, 3),
      size: pairOf(4, 9),
      kernel: pairOf(1, 4),
      strides: pairOf(1, 4),
      shares: fc.tuple(upTo(0, 3), upTo(0, 3), upTo(0, 3), upTo(0, 3)),
      ceilMode: fc.boolean(),
      kind: fc.constantFrom('max', 'mean', 'mean with padding'),
    })
    .map(({ images, channels, size, kernel, strides, shares, ceilMode, kind }) => {
      // Every window meets the image: padding is smaller than the window.
      const [top, left, bottom, right] = shares.map((share, side) => share % kernel[side % 2]);
      const attributes: PoolAttributes = { kernel, strides, ceilMode, padding: [top, left, bottom, right] };
      return { image: [images, channels, ...size], attributes, kind };
    });

  test('both forms give what the definition gives', async () => {
    const property = fc.asyncProperty(cases, async ({ image, attributes, kind }) => {
      const graph = new Graph();
      const input = graph.input('x', image);
      const countIncludePad = kind === 'mean with padding';
      const y =
        kind === 'max'
          ? g.maxPool2d(input, attributes)
          : g.averagePool2d(input, { ...attributes, countIncludePad });
      const x = draw(image, 'x');
      const [n, c, h, w] = y.shape;
      await expectBoth(y, { x }, referencePool(x, [n, c, h, w], attributes, kind));
    });
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });
});

describe('ops that move numbers, on drawn axes', () => {
  const permutation = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
  const extents = fc.tuple(upTo(1, 4), upTo(1, 4), upTo(1, 4), upTo(1, 4));

  test('transpositions in a row', async () => {
    const property = fc.asyncProperty(extents, permutation, permutation, async (shape, first, second) => {
      const x = new Graph().input('x', shape);
      const input = draw(shape, 'x');
      const y = g.transpose(g.neg(g.transpose(x, first)), second);
      const moved = transpose(transpose(input, first), second);
      await expectBoth(
        y,
        { x: input },
        moved.data.map((value) => -value),
      );
    });
    await fc.assert(property, { numRuns: 25, seed: 1 });
  });

  test('a transposed image flattened and joined with itself', async () => {
    const property = fc.asyncProperty(extents, permutation, async (shape, order) => {
      const x = new Graph().input('x', shape);
      const input = draw(shape, 'x');
      const rows = g.reshape(g.transpose(x, order), [sizeOf(shape), 1]);
      const moved = transpose(input, order).data;
      const expected = Array.from(moved, (value) => [value, value]).flat();
      await expectBoth(g.concat([rows, rows], 1), { x: input }, expected);
    });
    await fc.assert(property, { numRuns: 25, seed: 1 });
  });
});

/** A network with every kind of layer that the published ones have. */
function mixedNetwork(images: number): { net: Network; outputs: Map<string, Value>; feeds: Feeds } {
  const net = new Network(new Graph(), INFERENCE);
  const x = net.graph.input('images', [images, 3, 14, 12]);
  const stem = g.relu(
    batchNorm(net, 'bn', conv(net, 'stem', x, { out: 8, kernel: 3, strides: 2, padding: [0, 0, 1, 1] })),
  );
  const filtered = g.clip(
    batchNorm(net, 'bn2', conv(net, 'depthwise', stem, { out: 8, kernel: 3, padding: 1, groups: 8 })),
    0,
    0.5,
  );
  const squeezed = g.leakyRelu(conv(net, 'squeeze', filtered, { out: 4, kernel: 1, bias: true }), 0.1);
  const fire = g.concat(
    [squeezed, conv(net, 'expand', squeezed, { out: 4, kernel: 3, padding: 1, bias: true })],
    1,
  );
  const sum = g.add(fire, stem);
  const pooled = g.maxPool2d(sum, { kernel: 3, strides: 2, padding: 1, ceilMode: true });
  const shuffled = g.reshape(g.transpose(g.reshape(pooled, [images, 2, 4, 4, 4]), [0, 2, 1, 3, 4]), [
    images,
    8,
    4,
    4,
  ]);
  const averaged = g.averagePool2d(shuffled, { kernel: 2, strides: 1 });
  const features = globalMean(averaged);
  const outputs = new Map([
    ['map', averaged],
    ['features', features],
    ['probabilities', g.softmax(linear(net, 'fc', features, 5))],
    ['class', g.argMax(features)],
  ]);
  const positive = ({ shape, data }: Tensor<'float32'>) =>
    float32(
      shape,
      data.map((value) => value + 1.5),
    );
  const values = net.variables.map(({ name, shape }) => {
    const value = draw(shape, name);
    return [name, name.endsWith('_var') ? positive(value) : value] as const;
  });
  return {
    net,
    outputs,
    feeds: { images: draw([images, 3, 14, 12], 'images'), ...Object.fromEntries(values) },
  };
}

describe('a whole network', () => {
  test.each([1, 4])('both forms agree on %i images', async (images) => {
    const { outputs, feeds } = mixedNetwork(images);
    g.verify([...outputs.values()][0].graph);
    const training = await runTraining(outputs, feeds);
    const inference = await runInference(outputs, feeds);
    for (const [name, value] of outputs) {
      expectNear(inference[name], Array.from(training[name].data as Float32Array, Number), value.shape);
    }
  });

  test('a symbolic batch takes any number of images', async () => {
    const [stand, three] = [mixedNetwork(7919), mixedNetwork(3)];
    const { model } = lower(stand.outputs, { form: 'inference', symbolicBatch: 7919 });
    expect(model.graph.inputs[0].shape).toEqual(['N', 3, 14, 12]);
    expect(model.graph.outputs.map(({ shape }) => shape)).toEqual([
      ['N', 8, 3, 3],
      ['N', 8],
      ['N', 5],
      ['N'],
    ]);
    const network = await OnnxFunction.load(encodeModel(model), THREADS);
    const results = await network.run(three.feeds);
    await network.close();
    const expected = await runTraining(three.outputs, three.feeds);
    for (const [name, value] of three.outputs) {
      expectNear(results[name], Array.from(expected[name].data as Float32Array, Number), value.shape);
    }
  });
});

describe('a dense block in training', () => {
  const shape = [2, 3, 4, 5];
  const grown = (x: Value, index: number) => {
    const vector = (name: string) => x.graph.input(`${name}${index}`, [x.shape[1]]);
    const { y } = g.batchNorm(x, vector('scale'), vector('bias'), 1e-3);
    return g.concat([x, g.mul(g.slice(y, [0, 0, 0, 0], [2, 2, 4, 5]), 0.5)], 1);
  };

  test('has the gradient that differences say, where a norm follows a norm of the same image', async () => {
    const graph = new Graph();
    const x = graph.input('x', shape);
    const block = grown(grown(x, 0), 1);
    const loss = g.sum(g.mul(block, graph.input('weights', block.shape)), [0, 1, 2, 3]);
    const [dx] = gradient(loss, [x]);
    const outputs = new Map([
      ['loss', loss],
      ['dx', dx],
    ]);
    const feeds: Record<string, Tensor> = { x: draw(shape, 'x'), weights: draw(block.shape, 'weights') };
    for (const [index, channels] of [3, 5].entries()) {
      feeds[`scale${index}`] = draw([channels], `scale ${index}`);
      feeds[`bias${index}`] = draw([channels], `bias ${index}`);
    }
    const training = await runTraining(outputs, feeds);
    const inference = await runInference(outputs, feeds);
    expectNear(training.dx, inference.dx.data as Float32Array, shape, 2e-5);
    const step = 1e-2;
    const image = feeds.x as Tensor<'float32'>;
    for (const at of [0, 17, 41, 77, 119]) {
      const lossAt = async (change: number) => {
        const moved = float32(shape, image.data.slice());
        moved.data[at] += change;
        return Number((await runTraining(outputs, { ...feeds, x: moved })).loss.data[0]);
      };
      const slope = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      expect(Number(training.dx.data[at])).toBeCloseTo(slope, 2);
    }
  });
});

describe('memory and names', () => {
  /** A convolution, its loss, and a plain update of its weight. */
  function updated(channels = 3): { graph: Graph; outputs: Map<string, Value> } {
    const graph = new Graph();
    const weight = graph.input('weight', [12, channels, 3, 3], { role: 'parameter' });
    const y = g.conv2d(graph.input('images', [2, channels, 6, 6]), weight);
    const loss = g.sum(g.mul(y, y));
    const [dw] = gradient(loss, [weight]);
    return {
      graph,
      outputs: new Map([
        ['y', y],
        ['loss', loss],
        ['next', g.sub(weight, g.mul(dw, 0.1))],
      ]),
    };
  }

  test('in training images lie [C, N, H, W], weights and their updates [O, KH, KW, I]', () => {
    const { model, inputs, outputs } = lower(updated().outputs, { form: 'training' });
    const layouts = Object.fromEntries([...inputs, ...outputs].map(({ name, layout }) => [name, layout]));
    expect(layouts).toEqual({
      weight: [0, 2, 3, 1],
      images: [1, 0, 2, 3],
      y: [1, 0, 2, 3],
      loss: 'logical',
      next: [0, 2, 3, 1],
    });
    const shapes = Object.fromEntries(
      [...model.graph.inputs, ...model.graph.outputs].map(({ name, shape }) => [name, shape]),
    );
    expect(shapes).toEqual({
      weight: [12, 3, 3, 3],
      images: [3, 2, 6, 6],
      y: [12, 2, 4, 4],
      loss: [],
      next: [12, 3, 3, 3],
    });
  });

  test('at inference everything lies as in the graph', () => {
    const lowered = lower(mixedNetwork(2).outputs, { form: 'inference' });
    for (const { layout } of [...lowered.inputs, ...lowered.outputs]) expect(layout).toBe('logical');
  });

  test('outputs are named where they are made, with no copy behind them', () => {
    for (const form of ['training', 'inference'] as const) {
      const { graph } = lower(mixedNetwork(2).outputs, { form }).model;
      expect(graph.nodes.filter(({ op }) => op === 'Identity')).toEqual([]);
      const made = graph.nodes.flatMap((node) => node.outputs);
      for (const { name } of graph.outputs) expect(made.filter((other) => other === name)).toHaveLength(1);
    }
  });

  test('between convolutions of many channels neither images nor weights change their layout', () => {
    const { graph } = lower(updated(512).outputs, { form: 'training' }).model;
    // The patches of small images are gathered from a transposed matrix, which is part of the product.
    const turned = graph.nodes.filter(
      ({ op, attributes: { perm } }) => op === 'Transpose' && !('ints' in perm && perm.ints.length === 2),
    );
    expect(turned).toEqual([]);
  });

  test('no weight is transposed on the way from one step to the next', () => {
    const { graph } = lower(updated().outputs, { form: 'training' }).model;
    const made = graph.nodes.filter(({ outputs }) =>
      graph.outputs.some(({ name }) => outputs.includes(name)),
    );
    expect(made.filter(({ op }) => op === 'Transpose')).toEqual([]);
  });

  test('an input, a constant and a value wanted twice are copied', async () => {
    const graph = new Graph();
    const x = graph.input('x', [2, 2]);
    const y = g.neg(x);
    const outputs = new Map([
      ['same', x],
      ['one', graph.constant(float32([2], [1, 2]))],
      ['y', y],
      ['again', y],
      ['z', g.exp(y)],
    ]);
    const { model } = lower(outputs, { form: 'training' });
    expect(model.graph.nodes.filter(({ op }) => op === 'Identity')).toHaveLength(3);
    const results = await runTraining(outputs, { x: float32([2, 2], [0, 1, -2, 3]) });
    expect([...results.same.data]).toEqual([0, 1, -2, 3]);
    expect([...results.one.data]).toEqual([1, 2]);
    expect(results.again.data).toEqual(results.y.data);
    expect(results.z.data[2]).toBeCloseTo(Math.exp(2), 5);
  });

  test('what the outputs do not need is left out, and so are indices that nobody reads', () => {
    const graph = new Graph();
    const [x, other] = [graph.input('x', [1, 1, 4, 4], { role: 'parameter' }), graph.input('other', [1])];
    const y = g.maxPool2d(x, { kernel: 2 });
    g.exp(other);
    const forward = lower(new Map([['y', y]]), { form: 'training' });
    expect(forward.inputs.map(({ name }) => name)).toEqual(['x']);
    const poolOf = ({ model }: typeof forward) => model.graph.nodes.find(({ op }) => op === 'MaxPool')!;
    expect(poolOf(forward).outputs).toHaveLength(1);
    const backward = lower(new Map([['dx', gradient(g.sum(y), [x])[0]]]), { form: 'training' });
    expect(poolOf(backward).outputs).toHaveLength(2);
  });

  test('one name for two things is our own fault', () => {
    const x = new Graph().input('x', [2]);
    const twice = new Map([['x', g.neg(x)]]);
    expect(() => lower(twice, { form: 'training' })).toThrow('internal: name "x" is given twice');
  });

  test('short names do not meet those of the compiler', async () => {
    const graph = new Graph();
    const [v0, c1] = [graph.input('v0', [2]), graph.input('c1', [2])];
    const y = g.add(g.mul(v0, 3), g.exp(c1));
    const results = await runTraining(
      new Map([
        ['v2', y],
        ['c0', g.neg(y)],
      ]),
      { v0: float32([2], [1, 2]), c1: float32([2], [0, 0]) },
    );
    expect([...results.v2.data]).toEqual([4, 7]);
    expect([...results.c0.data]).toEqual([-4, -7]);
  });
});
