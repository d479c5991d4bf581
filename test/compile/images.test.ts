/**
 * Ops on images in both forms, against definitions written as loops: transposed convolutions and the gradients of
 * convolutions, dilated pooling, normalisations, resizing and RoIAlign, over drawn shapes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower } from '../../src/compile/index.ts';
import * as g from '../../src/graph/index.ts';
import { Graph, type ResizeAttributes, type Value } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { float32, type Shape, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { draw, expectBoth, expectNear, runTraining, THREADS } from './both-forms.ts';
import {
  type Extents,
  positionOf,
  read,
  referenceConvInputGradient,
  referenceConvWeightGradient,
  referencePool,
  referenceRoiAlign,
  tabulate,
} from './reference.ts';

const upTo = (low: number, high: number) => fc.integer({ min: low, max: high });
const pairOf = (low: number, high: number) => fc.tuple(upTo(low, high), upTo(low, high));

const transposed = fc
  .record({
    groups: upTo(1, 3),
    inputs: upTo(1, 2),
    outputs: upTo(1, 2),
    images: upTo(1, 3),
    size: pairOf(2, 5),
    kernel: pairOf(1, 4),
    strides: pairOf(1, 3),
    dilations: pairOf(1, 2),
    sides: fc.tuple(upTo(0, 2), upTo(0, 2), upTo(0, 2), upTo(0, 2)),
    shares: pairOf(0, 2),
  })
  .map(({ groups, inputs, outputs, images, size, kernel, strides, dilations, sides, shares }) => {
    const span = (axis: number) => (kernel[axis] - 1) * dilations[axis] + 1;
    // Padding takes away no more than half of the kernel at each side, so something is left.
    const [top, left, bottom, right] = sides.map((side, i) => side % (Math.floor(span(i % 2) / 2) + 1));
    const options = {
      groups,
      strides,
      dilations,
      padding: [top, left, bottom, right] as const,
      outputPadding: [shares[0] % strides[0], shares[1] % strides[1]] as const,
    };
    const image = [images, groups * inputs, ...size];
    return { image, weight: [groups * inputs, outputs, ...kernel], options };
  })
  .filter(({ image, weight, options: { strides, dilations, padding } }) =>
    [0, 1].every(
      (axis) =>
        (image[2 + axis] - 1) * strides[axis] + (weight[2 + axis] - 1) * dilations[axis] + 1 >
        padding[axis] + padding[2 + axis],
    ),
  );

const four = ([a, b, c, d]: Shape): Extents => [a, b, c, d];

describe('transposed convolutions and the gradients of convolutions', () => {
  test('transposed convolutions of drawn shapes', async () => {
    const property = fc.asyncProperty(transposed, async ({ image, weight, options }) => {
      const graph = new Graph();
      const y = g.convTranspose2d(graph.input('x', image), graph.input('w', weight), options);
      const feeds = { x: draw(image, 'x'), w: draw(weight, 'w') };
      const { attributes } = y.node as g.NodeOf<'conv2dInputGradient'>;
      await expectBoth(y, feeds, referenceConvInputGradient(feeds.x, feeds.w, four(y.shape), attributes));
    });
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });

  test('gradients of weights', async () => {
    const property = fc.asyncProperty(transposed, async ({ image, weight, options }) => {
      const graph = new Graph();
      const like = g.convTranspose2d(graph.input('dy', image), graph.input('like', weight), options);
      const { inputShape, ...a } = (like.node as g.NodeOf<'conv2dInputGradient'>).attributes;
      const x = graph.input('x', inputShape);
      const inputs = [x, like.node.inputs[0]];
      const [dw] = graph.emit('conv2dWeightGradient', inputs, { ...a, weightShape: weight });
      const feeds = { x: draw(inputShape, 'x'), dy: draw(image, 'dy') };
      await expectBoth(dw, feeds, referenceConvWeightGradient(feeds.x, feeds.dy, four(weight), a));
    });
    await fc.assert(property, { numRuns: 40, seed: 1 });
  });
});

describe('dilated max pooling', () => {
  const cases = fc.record({
    size: pairOf(7, 9),
    kernel: pairOf(1, 3),
    strides: pairOf(1, 3),
    dilations: pairOf(1, 3),
  });
  test('on drawn windows', async () => {
    const property = fc.asyncProperty(cases, async ({ size, kernel, strides, dilations }) => {
      const x = draw([2, 2, ...size], 'x');
      const options = { kernel, strides, dilations, padding: [0, 0, 0, 0] as const, ceilMode: false };
      const y = g.maxPool2d(new Graph().input('x', x.shape), options);
      await expectBoth(y, { x }, referencePool(x, four(y.shape), options, 'max', dilations));
    });
    await fc.assert(property, { numRuns: 25, seed: 1 });
  });
});

describe('normalisations', () => {
  const cases = fc.record({
    images: upTo(1, 3),
    groups: upTo(1, 3),
    each: upTo(1, 3),
    size: pairOf(1, 5),
    shift: fc.constantFrom(0, 10),
  });

  test('group norm on drawn shapes, also where the mean is large', async () => {
    const property = fc.asyncProperty(cases, async ({ images, groups, each, size, shift }) => {
      const shape = [images, groups * each, ...size];
      const drawn = draw(shape, 'x');
      const x = float32(
        shape,
        drawn.data.map((value) => value + shift),
      );
      const feeds = { x, scale: draw([shape[1]], 'scale'), bias: draw([shape[1]], 'bias') };
      const graph = new Graph();
      const [scale, bias] = ['scale', 'bias'].map((name) => graph.input(name, [shape[1]]));
      const y = g.groupNorm(graph.input('x', shape), scale, bias, groups, 0.01);
      const count = each * size[0] * size[1];
      const expected = tabulate(shape, ([n, c, h, w]) => {
        const first = Math.floor(c / each) * each;
        const members = Array.from(
          tabulate([each, ...size], ([i, row, column]) => read(x, [n, first + i, row, column])),
        );
        const mean = members.reduce((sum, value) => sum + value, 0) / count;
        const variance = members.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
        const normal = (read(x, [n, c, h, w]) - mean) / Math.sqrt(variance + 0.01);
        return normal * feeds.scale.data[c] + feeds.bias.data[c];
      });
      await expectBoth(y, feeds, expected, shift === 0 ? 1e-5 : 2e-3);
    });
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('batch norm with the statistics of the batch, before a ReLU, in either form', async () => {
    const shape = [3, 4, 2, 5];
    const graph = new Graph();
    const [scale, bias] = ['scale', 'bias'].map((name) => graph.input(name, [4]));
    const y = g.relu(g.batchNorm(graph.input('x', shape), scale, bias, 0.01).y);
    const feeds = { x: draw(shape, 'x'), scale: draw([4], 'scale'), bias: draw([4], 'bias') };
    const expected = tabulate(shape, (index) => {
      const members = Array.from(tabulate([3, 2, 5], ([n, h, w]) => read(feeds.x, [n, index[1], h, w])));
      const mean = members.reduce((sum, value) => sum + value, 0) / 30;
      const variance = members.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 30;
      const normal = (read(feeds.x, index) - mean) / Math.sqrt(variance + 0.01);
      return Math.max(normal * feeds.scale.data[index[1]] + feeds.bias.data[index[1]], 0);
    });
    await expectBoth(y, feeds, expected);
  });

  test('group norm of large maps, behind an addition and a ReLU, is what the definition gives', async () => {
    const shape = [2, 4, 16, 12];
    const graph = new Graph();
    const [scale, bias] = ['scale', 'bias'].map((name) => graph.input(name, [4]));
    const x = graph.input('x', shape);
    const y = g.relu(g.add(g.groupNorm(x, scale, bias, 2, 0.01), x));
    const feeds = { x: draw(shape, 'x'), scale: draw([4], 'scale'), bias: draw([4], 'bias') };
    const expected = tabulate(shape, (index) => {
      const [n, c] = index;
      const first = positionOf(shape, [n, c - (c % 2), 0, 0]);
      const members = Array.from(feeds.x.data.subarray(first, first + 2 * 16 * 12));
      const mean = members.reduce((sum, value) => sum + value, 0) / members.length;
      const variance = members.reduce((sum, value) => sum + (value - mean) ** 2, 0) / members.length;
      const own = read(feeds.x, index);
      const normal = (own - mean) / Math.sqrt(variance + 0.01);
      return Math.max(normal * feeds.scale.data[c] + feeds.bias.data[c] + own, 0);
    });
    await expectBoth(y, feeds, expected);
  });

  test.each([1, 2, 3, 5, 8])('local response norm over %i channels', async (size) => {
    const shape = [2, 6, 3, 2];
    const x = draw(shape, 'x');
    const options = { size, alpha: 2, beta: 0.75, k: 1.5 };
    const expected = tabulate(shape, ([n, c, h, w]) => {
      let squares = 0;
      const [low, high] = [c - Math.floor((size - 1) / 2), c + Math.ceil((size - 1) / 2)];
      for (let i = Math.max(low, 0); i <= Math.min(high, 5); i++) squares += read(x, [n, i, h, w]) ** 2;
      return read(x, [n, c, h, w]) / (1.5 + (2 / size) * squares) ** 0.75;
    });
    const input = () => new Graph().input('x', shape);
    await expectBoth(g.localResponseNorm(input(), options), { x }, expected);
    const windows = tabulate(shape, ([n, c, h, w]) => {
      let total = 0;
      for (let i = Math.max(c - size, 0); i <= Math.min(c + 1, 5); i++) total += read(x, [n, i, h, w]);
      return total;
    });
    await expectBoth(g.channelWindowSum(input(), size, 1), { x }, windows);
  });
});

/** The point of the input that an output pixel stands for. */
function pointOf(i: number, from: number, to: number, coordinates: ResizeAttributes['coordinates']): number {
  if (coordinates === 'align_corners') return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  return coordinates === 'asymmetric' ? (i * from) / to : ((i + 0.5) * from) / to - 0.5;
}

/** The pixels between which a point lies, and their weights; the nearest alone for `nearest`. */
function neighbours(i: number, from: number, to: number, a: ResizeAttributes): [number, number][] {
  const point = pointOf(i, from, to, a.coordinates);
  const inside = (pixel: number) => Math.min(Math.max(pixel, 0), from - 1);
  const low = Math.floor(point);
  if (a.mode === 'linear') {
    return [
      [inside(low), 1 - (point - low)],
      [inside(low + 1), point - low],
    ];
  }
  const up = { floor: 2, ceil: 0, round_prefer_floor: 0.5, round_prefer_ceil: 0.5 }[a.rounding];
  const further = a.rounding === 'round_prefer_ceil' ? point - low >= up : point - low > up;
  return [[inside(further ? low + 1 : low), 1]];
}

describe('resizing', () => {
  const cases = fc.record({
    from: pairOf(1, 6),
    to: pairOf(1, 9),
    mode: fc.constantFrom('nearest' as const, 'linear' as const),
    coordinates: fc.constantFrom('half_pixel' as const, 'asymmetric' as const, 'align_corners' as const),
    rounding: fc.constantFrom(
      'floor' as const,
      'ceil' as const,
      'round_prefer_floor' as const,
      'round_prefer_ceil' as const,
    ),
  });

  test('up and down, on drawn sizes and conventions', async () => {
    const property = fc.asyncProperty(cases, async ({ from, to, ...options }) => {
      const x = draw([2, 3, ...from], 'x');
      const y = g.resize2d(new Graph().input('x', x.shape), { size: to, ...options });
      const expected = tabulate([2, 3, ...to], ([n, c, i, j]) => {
        let total = 0;
        for (const [row, a] of neighbours(i, from[0], to[0], options)) {
          for (const [column, b] of neighbours(j, from[1], to[1], options)) {
            total += a * b * read(x, [n, c, row, column]);
          }
        }
        return total;
      });
      await expectBoth(y, { x }, expected);
    });
    await fc.assert(property, { numRuns: 80, seed: 1 });
  });

  test('gradients are the transposed map', async () => {
    const property = fc.asyncProperty(cases, async ({ from, to, ...options }) => {
      const dy = draw([2, 3, ...to], 'dy');
      const input = new Graph().input('dy', dy.shape);
      const attributes = { ...options, inputShape: [2, 3, ...from] };
      const [dx] = input.graph.emit('resize2dGradient', [input], attributes);
      const expected = new Float64Array(6 * from[0] * from[1]);
      tabulate(dy.shape, ([n, c, i, j]) => {
        for (const [row, a] of neighbours(i, from[0], to[0], options)) {
          for (const [column, b] of neighbours(j, from[1], to[1], options)) {
            expected[((n * 3 + c) * from[0] + row) * from[1] + column] += a * b * read(dy, [n, c, i, j]);
          }
        }
        return 0;
      });
      await expectBoth(dx, { dy }, expected);
    });
    await fc.assert(property, { numRuns: 60, seed: 2 });
  });
});

describe('RoIAlign', () => {
  const corner = fc.double({ min: -3, max: 12, noNaN: true });
  const length = fc.double({ min: 0.1, max: 9, noNaN: true });
  const cases = fc.record({
    boxes: fc.array(fc.tuple(corner, corner, length, length), { minLength: 1, maxLength: 4 }),
    size: pairOf(1, 4),
    samplingRatio: upTo(0, 3),
    aligned: fc.boolean(),
    spatialScale: fc.constantFrom(0.25, 0.5, 1),
  });

  test('of drawn regions of three images', async () => {
    const property = fc.asyncProperty(cases, async ({ boxes: drawn, ...options }) => {
      const x = draw([3, 2, 6, 7], 'x');
      const boxes = float32(
        [drawn.length, 4],
        drawn.flatMap(([left, top, width, height]) => [left, top, left + width, top + height]),
      );
      const images: Tensor = tensor(
        'int32',
        [drawn.length],
        Int32Array.from(drawn, (_, i) => (i * 2) % 3),
      );
      const graph = new Graph();
      const [xs, bs]: Value[] = [graph.input('x', x.shape), graph.input('boxes', boxes.shape)];
      const y = g.roiAlign(xs, bs, graph.input('images', images.shape, { dtype: 'int32' }), options);
      await expectBoth(y, { x, boxes, images }, referenceRoiAlign(x, boxes, images, four(y.shape), options));
    });
    await fc.assert(property, { numRuns: 50, seed: 1 });
  });
});

/** A decoder with every op here that a network applies to a batch of images. */
function decoder(images: number): Map<string, Value> {
  const graph = new Graph();
  const x = graph.input('x', [images, 6, 7, 8]);
  const vector = (name: string, count: number) => graph.input(name, [count]);
  const normal = g.groupNorm(x, vector('scale', 6), vector('bias', 6), 3);
  const damped = g.localResponseNorm(g.swish(normal), { size: 3, alpha: 1 });
  const pooled = g.maxPool2d(damped, { kernel: 2, strides: 1, dilations: 2 });
  const doubled = g.convTranspose2d(pooled, graph.input('w', [6, 4, 3, 3]), {
    strides: 2,
    padding: 1,
    outputPadding: 1,
  });
  const mirrored = g.padByCopies(doubled, [0, 0, 1, 0], [0, 0, 0, 2], 'reflect');
  const resized = g.resize2d(mirrored, { size: [9, 7], mode: 'linear' });
  const nearest = g.resize2d(g.resize2d(resized, { size: 5 }), { size: 10 });
  const rows = g.reshape(g.mean(nearest, [3]), [images, 40]);
  const best = g.topK(g.layerNorm(rows, vector('gain', 40), vector('shift', 40)), 5);
  return new Map([
    ['map', nearest],
    ['values', best.values],
    ['indices', best.indices],
    ['sums', g.cumulativeSum(best.values)],
  ]);
}

test('at inference a symbolic batch takes any number of images', async () => {
  const shapes = { scale: [6], bias: [6], w: [6, 4, 3, 3], gain: [40], shift: [40], x: [3, 6, 7, 8] };
  const feeds = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, draw(shape, name)]));
  const { model } = lower(decoder(7919), { form: 'inference', symbolicBatch: 7919 });
  for (const { shape } of model.graph.outputs) expect(shape[0]).toBe('N');
  const network = await OnnxFunction.load(encodeModel(model), THREADS);
  const results = await network.run(feeds);
  await network.close();
  const outputs = decoder(3);
  const expected = await runTraining(outputs, feeds);
  for (const [name, value] of outputs) {
    expectNear(results[name], Array.from(expected[name].data, Number), value.shape);
  }
});
