/**
 * Every op that is imported, one small classifier each: the op between a convolution and a fully connected
 * head, in the forms of old and new operator sets. ONNX Runtime on the same file is the oracle.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { afterAll, describe, expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { encodeModel, type OnnxAttribute, type OnnxNode } from '../../src/onnx/index.ts';
import { float32, type Shape, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { compileModel } from '../run-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'imported-ops-'));
afterAll(() => rmSync(folder, { recursive: true }));

const waves = (shape: Shape, phase = 0) =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(1.3 * k + phase)),
  );
const ints = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
const scalar = (value: number) => float32([], [value]);

interface Row {
  readonly op: string;
  /** Operands after the first; undefined stands for one that is left out. */
  readonly operands?: readonly (Tensor | undefined)[];
  readonly attributes?: Readonly<Record<string, number | string | readonly number[]>>;
  readonly opset?: number;
  /** Works on [N, 18] instead of [N, 3, 6, 6]. */
  readonly flat?: boolean;
  /** `twice`: the value is both operands. `positive`: it is shifted above zero. */
  readonly operand?: 'positive' | 'twice';
  /** The result is a condition: where it holds, the image's own numbers are taken, else their negatives. */
  readonly chosen?: boolean;
  /** Number of outputs, which are concatenated behind the op along axis 1. */
  readonly outputs?: number;
}

/** Attributes that are floats whatever their value. */
const FLOATS = new Set(['alpha', 'beta', 'epsilon', 'min', 'max', 'value', 'ratio', 'bias']);

function attributeOf(name: string, value: number | string | readonly number[]): OnnxAttribute {
  if (typeof value === 'string') return { string: value };
  if (typeof value === 'number') return FLOATS.has(name) ? { float: value } : { int: value };
  return { ints: value };
}

const node = (op: string, inputs: string[], outputs: string[], attributes = {}): OnnxNode => ({
  op,
  domain: '',
  name: `${op} to ${outputs[0]}`,
  inputs,
  outputs,
  attributes,
});

/** image -> Conv (3 channels) -> [Flatten] -> op -> Flatten -> MatMul of as many columns as the op leaves, if given. */
function classifier(row: Row, columns?: number): Uint8Array {
  const { op, operands = [], attributes = {}, opset = 17, flat, operand, chosen, outputs = 1 } = row;
  const named = operands.map((value, index) => ({ name: value ? `operand${index}` : '', value }));
  const results = Array.from({ length: outputs }, (_, index) => `y${index}`);
  const list = Object.entries(attributes).map(([key, value]) => [key, attributeOf(key, value)]);
  const x = operand === 'positive' ? 'positive' : flat ? 'flat' : 'map';
  const rest = operand === 'twice' ? ['map'] : named.map(({ name }) => name);
  const initializers = new Map<string, Tensor>([
    ['kernel', waves([3, 3, 3, 3])],
    ['two', scalar(2)],
  ]);
  if (columns !== undefined) initializers.set('weight', waves([columns, 4], 2));
  for (const { name, value } of named) if (value) initializers.set(name, value);
  return encodeModel({
    opset,
    irVersion: 8,
    producer: 'test',
    metadata: {},
    graph: {
      name: op,
      nodes: [
        node('Conv', ['image', 'kernel'], ['map'], { pads: { ints: [1, 1, 1, 1] } }),
        node('Flatten', ['map'], ['flat']),
        node('Abs', ['map'], ['absolute']),
        node('Add', ['absolute', 'two'], ['positive']),
        node(op, [x, ...rest], results, Object.fromEntries(list)),
        ...(chosen
          ? [
              node('Neg', ['map'], ['negative']),
              node('Not', ['y0'], ['otherwise']),
              node('Where', ['otherwise', 'negative', 'map'], ['joined']),
            ]
          : [node('Concat', results, ['joined'], { axis: { int: 1 } })]),
        node('Flatten', ['joined'], ['columns']),
        ...(columns === undefined ? [] : [node('MatMul', ['columns', 'weight'], ['scores'])]),
      ],
      initializers,
      inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 6, 6] }],
      outputs: [
        columns === undefined
          ? { name: 'columns', dtype: 'float32', shape: ['N', 'F'] }
          : { name: 'scores', dtype: 'float32', shape: ['N', 4] },
      ],
    },
  });
}

const image = waves([2, 3, 6, 6], 1);
const given = () => new RuntimeTensor('float32', image.data, [...image.shape]);

/** The file and the scores that ONNX Runtime gives. The number of columns is what a first run without head leaves. */
async function oracle(row: Row): Promise<{ bytes: Uint8Array; scores: Float32Array }> {
  const oneThread = { intraOpNumThreads: 1 };
  const probe = await InferenceSession.create(classifier(row), oneThread);
  const { columns } = await probe.run({ image: given() });
  const bytes = classifier(row, columns.dims[1]);
  const session = await InferenceSession.create(bytes, oneThread);
  const { scores } = await session.run({ image: given() });
  return { bytes, scores: scores.data as Float32Array };
}

const kernel = { kernel_shape: [3, 3] };
const ROWS: readonly Row[] = [
  { op: 'Relu' },
  { op: 'LeakyRelu', attributes: { alpha: 0.2 } },
  { op: 'LeakyRelu' },
  { op: 'Clip', attributes: { min: 0, max: 6 }, opset: 9 },
  { op: 'Clip', attributes: { max: 1 }, opset: 10 },
  { op: 'Clip', operands: [scalar(-1), scalar(0.5)] },
  { op: 'Clip', operands: [undefined, scalar(0.5)] },
  { op: 'Sigmoid' },
  { op: 'HardSigmoid' },
  { op: 'HardSigmoid', attributes: { alpha: 0.3, beta: 0.6 } },
  { op: 'HardSwish' },
  { op: 'PRelu', operands: [waves([3, 1, 1])] },
  { op: 'ThresholdedRelu', attributes: { alpha: 0.3 } },
  { op: 'Elu', attributes: { alpha: 0.7 } },
  { op: 'Celu', attributes: { alpha: 0.7 } },
  { op: 'Selu' },
  { op: 'Softplus' },
  { op: 'Softsign' },
  { op: 'Mish', opset: 18 },
  { op: 'Gelu', opset: 20 },
  { op: 'Gelu', attributes: { approximate: 'tanh' }, opset: 20 },
  { op: 'Tanh' },
  { op: 'Erf' },
  { op: 'Exp' },
  { op: 'Neg' },
  { op: 'Abs' },
  { op: 'Identity' },
  { op: 'Dropout' },
  { op: 'Dropout', opset: 7 },
  { op: 'Dropout', attributes: { ratio: 0.9 }, opset: 11 },
  { op: 'Dropout', operands: [scalar(0.4)], opset: 13 },
  { op: 'Cast', attributes: { to: 1 } },
  { op: 'Floor' },
  { op: 'Ceil' },
  { op: 'Round' },
  { op: 'Log', operand: 'positive' },
  { op: 'Sqrt', operand: 'positive' },
  { op: 'Reciprocal', operand: 'positive' },
  ...[0.5, -0.5, -1, 1, 2, 3, 2.5].map(
    (power): Row => ({ op: 'Pow', operands: [scalar(power)], operand: 'positive' }),
  ),

  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'].map((op): Row => ({ op, operand: 'twice' })),
  { op: 'Add', operands: [waves([1, 3, 1, 1])] },
  { op: 'Mul', operands: [waves([3, 1, 1])] },
  { op: 'Mul', operands: [scalar(3)] },
  { op: 'Sub', operands: [waves([6])] },
  { op: 'Div', operands: [float32([3, 1, 1], [1, 2, 4])] },
  { op: 'Max', operands: [scalar(0.1), waves([6, 1])] },
  { op: 'Min', operands: [scalar(0.1)] },
  { op: 'Min', operands: [scalar(0.1), waves([6, 1])], opset: 8 },
  { op: 'Sum', operands: [waves([6]), waves([3, 1, 1])] },

  { op: 'Conv', operands: [waves([4, 3, 3, 3]), waves([4])], attributes: { strides: [2, 1], ...kernel } },
  {
    op: 'Conv',
    operands: [waves([6, 1, 3, 3])],
    attributes: { group: 3, dilations: [2, 1], pads: [2, 0, 1, 1] },
  },
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].map(
    (auto_pad): Row => ({
      op: 'Conv',
      operands: [waves([2, 3, 2, 3])],
      attributes: { auto_pad, kernel_shape: [2, 3], strides: [2, 3] },
    }),
  ),
  { op: 'MatMul', operands: [waves([6, 5])] },
  { op: 'MatMul', operands: [waves([108, 5])], flat: true },
  {
    op: 'Gemm',
    operands: [waves([5, 108]), waves([5])],
    attributes: { transB: 1, alpha: 0.5, beta: 2 },
    flat: true,
  },
  { op: 'Gemm', operands: [waves([108, 5]), scalar(2)], flat: true },
  {
    op: 'BatchNormalization',
    operands: [waves([3]), waves([3], 1), waves([3], 2), float32([3], [1, 2, 3])],
    attributes: { epsilon: 0.01 },
  },
  {
    op: 'BatchNormalization',
    operands: [waves([108]), waves([108], 1), waves([108], 2), float32([108], new Array(108).fill(0.5))],
    flat: true,
    opset: 9,
  },

  { op: 'LayerNormalization', operands: [waves([6]), waves([6], 1)] },
  { op: 'LayerNormalization', operands: [waves([3, 6, 6])], attributes: { axis: 1, epsilon: 0.01 } },
  { op: 'InstanceNormalization', operands: [waves([3]), waves([3], 1)], attributes: { epsilon: 0.01 } },
  {
    op: 'GroupNormalization',
    operands: [waves([3]), waves([3], 1)],
    attributes: { num_groups: 1 },
    opset: 21,
  },
  {
    op: 'GroupNormalization',
    operands: [waves([1]), waves([1], 1)],
    attributes: { num_groups: 1 },
    opset: 18,
  },
  { op: 'LpNormalization', attributes: { axis: 1 } },
  { op: 'MatMul', operands: [waves([1, 3, 6, 2])] },
  { op: 'MatMul', operand: 'twice' },
  { op: 'Einsum', operands: [waves([4, 3])], attributes: { equation: 'nchw,oc->nohw' } },
  { op: 'Einsum', operands: [waves([6, 2, 5])], attributes: { equation: 'n c h w, w d e -> n c h d e' } },
  { op: 'Einsum', operands: [waves([6, 5])], attributes: { equation: '...w,wd' } },
  { op: 'Einsum', operand: 'twice', attributes: { equation: 'bhqd,bhkd->bhqk' } },
  { op: 'Einsum', operand: 'twice', attributes: { equation: 'bnqk,bnkd->bqnd' } },
  { op: 'Einsum', operand: 'twice', attributes: { equation: '...ij,...ij->...j' } },
  { op: 'Einsum', attributes: { equation: 'nchw->nwc' } },

  { op: 'LRN', attributes: { size: 3, alpha: 0.5, beta: 0.6, bias: 2 } },
  {
    op: 'ConvTranspose',
    operands: [waves([3, 2, 3, 3]), waves([2])],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] },
  },

  { op: 'Resize', operands: [undefined, float32([4], [1, 1, 2, 1.5])], opset: 13 },
  {
    op: 'Resize',
    operands: [undefined, undefined, ints(2, 3, 4, 9)],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
  },
  {
    op: 'Resize',
    operands: [undefined, float32([4], [1, 1, 0.5, 2])],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' },
  },
  { op: 'Resize', operands: [float32([4], [1, 1, 2, 2])], opset: 10 },
  { op: 'Upsample', operands: [float32([4], [1, 1, 2, 3])], opset: 9 },

  { op: 'MaxPool', attributes: kernel },
  { op: 'MaxPool', attributes: { ...kernel, dilations: [2, 1] } },
  { op: 'MaxPool', attributes: { ...kernel, strides: [2, 2], pads: [1, 0, 0, 1] } },
  { op: 'MaxPool', attributes: { ...kernel, strides: [2, 2], ceil_mode: 1 } },
  { op: 'MaxPool', attributes: { ...kernel, strides: [2, 2], auto_pad: 'SAME_UPPER' } },
  { op: 'AveragePool', attributes: { ...kernel, pads: [1, 1, 1, 1] } },
  { op: 'AveragePool', attributes: { ...kernel, pads: [1, 1, 1, 1], count_include_pad: 1, strides: [2, 2] } },
  { op: 'AveragePool', attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } },
  { op: 'AveragePool', attributes: { ...kernel, strides: [2, 2], ceil_mode: 1 } },
  { op: 'AveragePool', attributes: { ...kernel, strides: [2, 2], auto_pad: 'SAME_LOWER' } },
  { op: 'LpPool', attributes: { ...kernel, strides: [2, 1], pads: [1, 0, 2, 1] } },
  { op: 'LpPool', attributes: { ...kernel, p: 1, strides: [2, 2], auto_pad: 'SAME_UPPER' } },
  { op: 'LpPool', attributes: { ...kernel, p: 3, strides: [2, 2], ceil_mode: 1 }, opset: 18 },
  { op: 'GlobalAveragePool' },
  { op: 'GlobalLpPool', attributes: { p: 3 } },
  { op: 'GlobalMaxPool' },
  { op: 'ReduceMean', attributes: { axes: [-1, 2], keepdims: 0 } },
  { op: 'ReduceMean', operands: [ints(2, 3)], opset: 18 },
  { op: 'ReduceMean', attributes: { axes: [1] } },
  { op: 'ReduceSum', attributes: { axes: [2] }, opset: 12 },
  { op: 'ReduceSum', operands: [ints(3)], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', attributes: { noop_with_empty_axes: 1 } },
  { op: 'ReduceMax', attributes: { axes: [1, 2] } },
  { op: 'ReduceMax', operands: [ints(2)], opset: 18 },
  { op: 'ReduceMin', attributes: { axes: [3], keepdims: 0 } },
  { op: 'ReduceProd', attributes: { axes: [1, 3] } },
  { op: 'ReduceProd', operands: [ints(-1)], attributes: { keepdims: 0 }, opset: 18 },
  { op: 'ReduceL1', attributes: { axes: [2, 3] } },
  { op: 'ReduceL2', attributes: { axes: [1] } },
  { op: 'ReduceLogSum', attributes: { axes: [1] }, operand: 'positive' },
  { op: 'ReduceLogSumExp', attributes: { axes: [2], keepdims: 0 } },
  { op: 'ReduceSumSquare', attributes: { axes: [-1] } },
  { op: 'Softmax' },
  { op: 'Softmax', attributes: { axis: 1 } },
  { op: 'Softmax', attributes: { axis: 2 }, opset: 11 },
  { op: 'LogSoftmax', opset: 9 },
  { op: 'LogSoftmax', attributes: { axis: -2 } },

  { op: 'Concat', attributes: { axis: -1 }, operand: 'twice' },
  { op: 'Flatten', attributes: { axis: 1 } },
  { op: 'Reshape', operands: [ints(0, 9, -1)] },
  { op: 'Reshape', operands: [ints(-1, 36, 3)], opset: 9 },
  { op: 'Reshape', operands: [ints(0, 0, -1)], opset: 9 },
  { op: 'Squeeze', operands: [], attributes: { axes: [] }, opset: 9 },
  { op: 'Unsqueeze', operands: [ints(-1, 1)] },
  { op: 'Unsqueeze', attributes: { axes: [2] }, opset: 11 },
  { op: 'Transpose', attributes: { perm: [0, 2, 3, 1] } },
  { op: 'Pad', operands: [ints(0, 1, 0, 2, 0, 0, 1, 0), scalar(0.5)] },
  { op: 'Pad', attributes: { pads: [0, 0, 1, 1, 0, 0, 0, 2], value: 1.5 }, opset: 9 },
  { op: 'Pad', operands: [ints(1, 2), scalar(1), ints(-1)], opset: 18 },
  ...['reflect', 'edge'].map(
    (mode): Row => ({ op: 'Pad', operands: [ints(0, 0, 1, 2, 0, 0, 5, 0)], attributes: { mode } }),
  ),
  { op: 'Pad', operands: [ints(0, 0, 1, 2, 0, 0, 3, 0)], attributes: { mode: 'wrap' }, opset: 19 },
  { op: 'Slice', operands: [ints(1, 0), ints(2 ** 40, -1), ints(2, -1), ints(2, 1)] },
  { op: 'Slice', attributes: { starts: [1], ends: [-1], axes: [3] }, opset: 9 },
  { op: 'Slice', operands: [ints(0, 1), ints(9, 3)] },
  { op: 'Split', operands: [ints(1, 2)], attributes: { axis: 1 }, outputs: 2 },
  { op: 'Split', attributes: { axis: 2 }, outputs: 2, opset: 11 },
  { op: 'Split', attributes: { axis: 3, num_outputs: 2 }, outputs: 2, opset: 18 },
  { op: 'Gather', operands: [ints(4, -1, 0, 1, 4)], attributes: { axis: 3 } },
  { op: 'Gather', operands: [tensor('int64', [], BigInt64Array.of(1n))], attributes: { axis: 1 } },
  { op: 'Expand', operands: [ints(3, 1, 1)] },
  { op: 'SpaceToDepth', attributes: { blocksize: 3 } },
  ...['Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual', 'Equal'].map(
    (op): Row => ({ op, operands: [scalar(0.25)], chosen: true }),
  ),
];

function label(row: Row): string {
  const operands = (row.operands ?? []).map((value) =>
    value ? `[${value.dtype === 'int64' ? [...value.data] : value.shape}]` : '-',
  );
  const parts = [row.op, row.operand, row.flat && 'flat', ...operands, JSON.stringify(row.attributes ?? {})];
  return `${parts.filter(Boolean).join(' ')} opset ${row.opset ?? 17}`;
}

describe('ops give what ONNX Runtime gives', () => {
  test.each(ROWS.map((row) => [label(row), row] as const))('%s', async (_, row) => {
    const { bytes, scores } = await oracle(row);
    const path = join(folder, 'op.onnx');
    writeFileSync(path, bytes);
    const { model, weights } = await importOnnxClassifier(path);
    const network = await compileModel(model, weights, 2, 'inference');
    const { logits } = await network.run(image);
    await network.close();
    expect(logits.shape).toEqual([2, 4]);
    scores.forEach((score, index) => {
      expect(Number(logits.data[index])).toBeCloseTo(score, 3);
    });
  });
});

describe('forms that are not imported are refused by name', () => {
  const REFUSED: readonly (readonly [Row, RegExp, string?])[] = [
    [
      { op: 'Reshape', operands: [ints(-1, 36)] },
      /Given \[1, 3, 6, 6\] the features have the shape \[3, 36\]/,
      'ONNX_NOT_A_CLASSIFIER',
    ],
    [
      { op: 'Pad', operands: [ints(0, 0, 6, 0, 0, 0, 0, 0)], attributes: { mode: 'reflect' } },
      /names axis 6 of a value with 6 axes/,
    ],
    [{ op: 'Pad', operands: [ints(0, 0, -1, 0, 0, 0, 0, 0)] }, /pads by \[0,0,-1/],
    [
      { op: 'Resize', operands: [undefined, float32([4], [1, 1, 2, 2])], attributes: { mode: 'cubic' } },
      /Resize node .* has mode=cubic/,
    ],
    [{ op: 'Resize', operands: [undefined, float32([4], [1, 2, 1, 1])] }, /resizes \[1, 3, 6, 6\] to/],
    [{ op: 'Slice', operands: [ints(-1), ints(-9), ints(3), ints(-1)] }, /slices the image backwards/],
    [
      { op: 'Einsum', operands: [], attributes: { equation: 'nchh->nch' } },
      /Einsum node .*"nchh->nch" of values of shape \[1, 3, 6, 6\] repeats a label in operand 1/,
    ],
    [{ op: 'LpPool', attributes: { ...kernel, dilations: [2, 2] }, opset: 18 }, /has dilations/],
    [{ op: 'NonZero' }, /operators that cannot be imported: NonZero \(1, first in node "NonZero to y0"\)/],
    [{ op: 'Dropout', operands: [scalar(1)] }, /drops a share of 1/],
    [
      { op: 'Conv', operands: [waves([2, 3, 3, 3])], attributes: { strides: [0, 0] } },
      /Conv node "Conv to y0" gives a value of the impossible shape/,
    ],
    [{ op: 'Split', operands: [ints(1, 1)], attributes: { axis: 1 }, outputs: 2 }, /splits 3 into \[1,1\]/],
    [{ op: 'BatchNormalization', operands: [] }, /BatchNormalization node .* lacks operand 2/],
    [{ op: 'Cast', attributes: { to: 7 } }, /makes integers of the image/],
    [{ op: 'Relu', opset: 6 }, /uses operator set 6/],
  ];
  test.each(REFUSED.map(([row, ...rest]) => [label(row), row, ...rest] as const))(
    '%s',
    async (_, row, message, code = 'ONNX_UNSUPPORTED') => {
      const path = join(folder, 'refused.onnx');
      writeFileSync(path, classifier(row, 108));
      const failure = importOnnxClassifier(path);
      await expect(failure).rejects.toMatchObject({ code });
      await expect(failure).rejects.toThrow(message);
    },
  );
});
