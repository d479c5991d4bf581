/** What people read when shapes do not fit: the layer, the operands and the reason. Shapes that fit, by hand. */
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/index.ts';
import { Graph, type Value } from '../../src/graph/index.ts';
import { conv, linear, Network, TRAIN } from '../../src/nn/index.ts';
import type { DType, Shape } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';

const input = (graph: Graph, shape: Shape, dtype: DType = 'float32') =>
  graph.input(`x${graph.nodes.length}`, shape, { dtype });

function misfit(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof UserError && error.code === 'SHAPE_MISFIT') return error.given;
    throw error;
  }
  return 'fits';
}

describe('misfits', () => {
  test('in a layer, with its name', () => {
    const net = new Network(new Graph(), TRAIN);
    const images = input(net.graph, [2, 6, 8, 8]);
    expect(misfit(() => conv(net, 'layer1.0.conv1', images, { out: 4, kernel: 9 }))).toBe(
      'conv2d(float32 2x6x8x8, float32 4x6x9x9) in layer "layer1.0.conv1" does not fit: the kernel 9x9 is larger than the padded image.',
    );
    expect(misfit(() => net.graph.scoped('head', () => linear(net, 'fc', images, 5)))).toBe(
      'matmul(float32 2x6x8x8, float32 5x6) in layer "head.fc" does not fit: operands must have the same number of axes, two at least.',
    );
  });

  const rows: [string, Shape[], (...values: Value[]) => Value, string][] = [
    ['add', [[2, 3], [4]], g.add, 'shapes 2x3 and 4 do not broadcast'],
    [
      'matmul',
      [
        [2, 3],
        [2, 3],
      ],
      (a, b) => g.matmul(a, b),
      'inner extents 3 and 2 differ',
    ],
    [
      'matmul',
      [
        [2, 3, 4],
        [3, 4, 5],
      ],
      (a, b) => g.matmul(a, b),
      'batch extents differ',
    ],
    ['sum', [[2, 3]], (x) => g.sum(x, [2]), 'axes [2] are not different axes of the operand'],
    ['sum', [[2, 3]], (x) => g.sum(x, [1, 1]), 'axes [1,1] are not different axes of the operand'],
    ['mean', [[2, 3]], (x) => g.mean(x, [-1]), 'axes [-1] are not different axes of the operand'],
    ['softmax', [[2, 3]], (x) => g.softmax(x, -1), 'axes [-1] are not different axes of the operand'],
    ['argMax', [[2, 3]], (x) => g.argMax(x, 2), 'axes [2] are not different axes of the operand'],
    ['reshape', [[2, 3]], (x) => g.reshape(x, [4, 2]), '6 numbers do not fill 4x2'],
    ['transpose', [[2, 3]], (x) => g.transpose(x, [0, 0]), '[0,0] does not permute the axes'],
    ['expand', [[2, 3]], (x) => g.expand(x, [2, 1]), 'does not broadcast to 2x1'],
    [
      'concat',
      [
        [2, 3],
        [3, 3],
      ],
      (a, b) => g.concat([a, b], 1),
      'parts differ off the axis',
    ],
    [
      'concat',
      [
        [2, 3],
        [2, 3],
      ],
      (a, b) => g.concat([a, b], 2),
      'axes [2] are not different axes of the operand',
    ],
    ['slice', [[4]], (x) => g.slice(x, [2], [2]), '2:2:1 is not a range of axis 0'],
    ['slice', [[4, 2]], (x) => g.slice(x, [0], [2]), 'starts, ends and steps need one entry per axis'],
    ['pad', [[4]], (x) => g.pad(x, [-1], [0]), 'padding must be 0 or more for every axis'],
    [
      'conv2d',
      [
        [1, 3, 4, 4],
        [2, 4, 1, 1],
      ],
      (x, w) => g.conv2d(x, w),
      'the image has 3 channels, the weight takes 4 x 1 groups',
    ],
    [
      'conv2d',
      [
        [1, 4, 4, 4],
        [3, 2, 1, 1],
      ],
      (x, w) => g.conv2d(x, w, { groups: 2 }),
      '3 output channels do not divide into 2 groups',
    ],
    [
      'conv2d',
      [
        [3, 4, 4],
        [2, 3, 1, 1],
      ],
      (x, w) => g.conv2d(x, w),
      'image and weight must have four axes',
    ],
    [
      'maxPool2d',
      [[1, 1, 2, 2]],
      (x) => g.maxPool2d(x, { kernel: 3 }),
      'the window 3,3 is larger than the padded image',
    ],
    [
      'batchNorm',
      [[1, 3, 2, 2], [3], [2]],
      (x, s, b) => g.batchNorm(x, s, b, 1e-5).y,
      'a vector of shape 2 for 3 channels',
    ],
    ['channelAffine', [[1, 3], [3], [3]], g.channelAffine, 'the image must have four axes'],
    [
      'conv2dInputGradient',
      [
        [1, 3, 4, 4],
        [4, 2, 3, 3],
      ],
      (x, w) => g.convTranspose2d(x, w),
      'the image has 3 channels, the weight takes 4',
    ],
    [
      'conv2dInputGradient',
      [
        [1, 3, 4, 4],
        [3, 2, 3, 3],
      ],
      (x, w) => g.convTranspose2d(x, w, { outputPadding: 1 }),
      'a convolution of 1x2x7x7 makes 1x3x5x5',
    ],
    [
      'conv2dInputGradient',
      [
        [1, 3, 1, 4],
        [3, 2, 2, 2],
      ],
      (x, w) => g.convTranspose2d(x, w, { padding: 1 }),
      'the result would be 1x2x0x3',
    ],
    [
      'conv2dInputGradient',
      [[3, 4], [3]],
      (x, w) => g.convTranspose2d(x, w),
      'image and weight must have four axes',
    ],
    [
      'groupNorm',
      [[2, 6, 3, 3], [6], [6]],
      (x, scale, bias) => g.groupNorm(x, scale, bias, 4),
      '6 channels do not divide into 4 groups',
    ],
    [
      'groupNorm',
      [[2, 6, 3, 3], [6], [3]],
      (x, scale, bias) => g.groupNorm(x, scale, bias, 3),
      'a vector of shape 3 for 6 channels',
    ],
    [
      'localResponseNorm',
      [[2, 6]],
      (x) => g.localResponseNorm(x, { size: 5 }),
      'the image must have four axes',
    ],
    [
      'localResponseNorm',
      [[2, 6, 3, 3]],
      (x) => g.localResponseNorm(x, { size: 0 }),
      'a window of 0 channels',
    ],
    [
      'channelWindowSum',
      [[2, 6, 3, 3]],
      (x) => g.channelWindowSum(x, -1, 0),
      'a window from -1 channels before to 0 behind',
    ],
    ['resize2d', [[2, 6, 3, 3]], (x) => g.resize2d(x, { size: [2.5, 3] }), '2.5,3 is not a height and width'],
    ['gather', [[2, 3], [2]], (x, i) => g.gather(x, i), 'indices must be integers'],
    ['topK', [[2, 3]], (x) => g.topK(x, 4).values, 'takes 4 of 3'],
    [
      'cumulativeSum',
      [[2, 3]],
      (x) => g.cumulativeSum(x, 2),
      'axes [2] are not different axes of the operand',
    ],
    [
      'nonMaxSuppression',
      [
        [2, 9, 4],
        [2, 3, 8],
      ],
      (boxes, scores) => g.nonMaxSuppression(boxes, scores, { limit: 3, overlap: 0.5 }),
      'scores must be [2, C, 9]',
    ],
    [
      'nonMaxSuppression',
      [
        [9, 4],
        [3, 9],
      ],
      (boxes, scores) => g.nonMaxSuppression(boxes, scores, { limit: 3, overlap: 0.5 }),
      'boxes must be [B, N, 4]',
    ],
    [
      'roiAlign',
      [[1, 2, 5, 5], [3, 5], [3]],
      (x, b, i) => g.roiAlign(x, b, i, { size: 2 }),
      'boxes must be [R, 4]',
    ],
    [
      'roiAlign',
      [[1, 2, 5, 5], [3, 4], [3]],
      (x, b, i) => g.roiAlign(x, b, i, { size: 2 }),
      'image indices must be 3 integers',
    ],
    ['and', [[2], [2]], g.logicalAnd, 'operands must be bools'],
    ['oneHot', [[3]], (x) => g.oneHot(x, 4), 'class indices must be integers'],
    ['where', [[3], [3], [3]], g.where, 'where takes a bool and two values of one type'],
  ];

  test.each(rows)('%s of %j', (op, shapes, build, reason) => {
    const graph = new Graph();
    const text = shapes.map((shape) => `float32 ${shape.join('x')}`).join(', ');
    const values = shapes.map((shape) => input(graph, shape));
    expect(misfit(() => build(...values))).toBe(`${op}(${text}) does not fit: ${reason}.`);
    expect(graph.nodes).toHaveLength(shapes.length);
  });

  test('indices of wrong shapes, and updates that do not fit them', () => {
    const graph = new Graph();
    const [x, updates] = [input(graph, [3, 4]), input(graph, [2, 5])];
    const indices = (shape: Shape) => input(graph, shape, 'int64');
    expect(misfit(() => g.gatherElements(x, indices([2]), 0))).toContain(
      'indices of shape 2 for 3x4 along axis 0',
    );
    expect(misfit(() => g.gatherElements(x, indices([2, 5]), 0))).toContain('for 3x4 along axis 0');
    expect(misfit(() => g.scatterElements(x, indices([2, 4]), updates, 0))).toContain(
      'the updates should be 2x4',
    );
    expect(misfit(() => g.gatherNd(x, indices([2, 3])))).toContain('rows of 3 indices for 2 axes');
    expect(misfit(() => g.scatterNd(x, indices([2, 1]), updates))).toContain('the updates should be 2x4');
    expect(misfit(() => g.scatterNd(x, indices([2, 2]), input(graph, [2], 'int32')))).toContain(
      'differ in type',
    );
  });

  test('operands of different types, and an 8-bit image', () => {
    const graph = new Graph();
    const [x, pixels] = [input(graph, [1, 3, 4, 4]), input(graph, [1, 3, 4, 4], 'uint8')];
    expect(misfit(() => g.add(x, pixels))).toContain('operands differ in type');
    expect(misfit(() => g.conv2d(pixels, input(graph, [2, 3, 1, 1])))).toContain('must be float32');
  });

  test('values of two graphs, and one name for two inputs, are our own fault', () => {
    const [a, b] = [input(new Graph(), [1]), input(new Graph(), [1])];
    expect(() => g.add(a, b)).toThrow('internal: add: an operand belongs to another graph');
    expect(() => a.graph.input('x0', [1])).toThrow('internal: input "x0" made twice');
  });
});

describe('sizes', () => {
  const shapeOf = (shape: Shape, build: (x: Value) => Value) => build(input(new Graph(), shape)).shape;
  const weight = (x: Value, shape: Shape) => input(x.graph, shape);

  test.each<[string, Shape, (x: Value) => Value, Shape]>([
    [
      '7x7 stride 2 of 224',
      [1, 3, 224, 224],
      (x) => g.conv2d(x, weight(x, [64, 3, 7, 7]), { strides: 2, padding: 3 }),
      [1, 64, 112, 112],
    ],
    [
      'one-sided padding',
      [1, 3, 224, 224],
      (x) => g.conv2d(x, weight(x, [8, 3, 3, 3]), { strides: 2, padding: [0, 0, 1, 1] }),
      [1, 8, 112, 112],
    ],
    [
      'dilated by 2',
      [1, 3, 9, 9],
      (x) => g.conv2d(x, weight(x, [8, 3, 3, 3]), { dilations: 2 }),
      [1, 8, 5, 5],
    ],
    [
      'pool 3 stride 2 of 111',
      [1, 2, 111, 111],
      (x) => g.maxPool2d(x, { kernel: 3, strides: 2 }),
      [1, 2, 55, 55],
    ],
    [
      'pool 3 stride 2 of 110, rounded up',
      [1, 2, 110, 110],
      (x) => g.maxPool2d(x, { kernel: 3, strides: 2, ceilMode: true }),
      [1, 2, 55, 55],
    ],
    [
      'a window may not begin in the padding',
      [1, 2, 3, 3],
      (x) => g.maxPool2d(x, { kernel: 2, strides: 2, padding: 1, ceilMode: true }),
      [1, 2, 2, 2],
    ],
    ['every third of 8', [8], (x) => g.slice(x, [1], [8], [3]), [3]],
    ['padding between', [4], (x) => g.pad(x, [1], [2], { interior: [2] }), [13]],
  ])('%s', (_name, shape, build, expected) => {
    expect(shapeOf(shape, build)).toEqual(expected);
  });
});
