/** Damaged classifiers: whatever a file holds, importing it ends in a network or in a user error that names the fault. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { variablesOf, withInput } from '../../src/models/index.ts';
import { decodeModel, encodeModel, type OnnxModel, type OnnxNode } from '../../src/onnx/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf, type Tensor, tensor, zeros } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';
import { mutated } from '../mutated.ts';

const folder = mkdtempSync(join(tmpdir(), 'imported-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'hostile.onnx');

const files = ['merged', 'channels-last', 'residual-9', 'viewed-9', 'traced-17'].map((name) =>
  readFileSync(fileURLToPath(new URL(`../fixtures/onnx/classifiers/${name}.onnx`, import.meta.url))),
);

async function outcome(bytes: Uint8Array): Promise<string> {
  writeFileSync(path, bytes);
  try {
    await importOnnxClassifier(path);
    return 'accepted';
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

const CODES = ['ONNX_NOT_A_CLASSIFIER', 'ONNX_UNREADABLE', 'ONNX_UNSUPPORTED', 'accepted'];

test('every beginning of a file', async () => {
  for (let length = 0; length < files[0].length; length++) {
    expect(CODES).toContain(await outcome(files[0].subarray(0, length)));
  }
});

test('files with damaged bytes', async () => {
  const random = new Random(1, 'damaged classifiers');
  const outcomes = new Set<string>();
  for (let k = 0; k < 1500; k++) outcomes.add(await outcome(mutated(files[k % files.length], random)));
  expect([...outcomes].sort()).toEqual(CODES);
});

const NUMBERS = [0, 1, -1, 2, 3, 7, -2, 64, 65_536, 2 ** 31, 2 ** 40, -(2 ** 52)];
const OPS = [
  'Reshape',
  'Transpose',
  'Pad',
  'Split',
  'Slice',
  'Gather',
  'Expand',
  'Resize',
  'Tile',
  'Range',
  'Conv',
]
  .concat([
    'MatMul',
    'Gemm',
    'Concat',
    'Squeeze',
    'Unsqueeze',
    'ConstantOfShape',
    'ScatterND',
    'Where',
    'Flatten',
  ])
  .concat([
    'AveragePool',
    'MaxPool',
    'BatchNormalization',
    'GroupNormalization',
    'SpaceToDepth',
    'ReduceMean',
  ]);
const ATTRIBUTES = [
  'axis',
  'axes',
  'group',
  'strides',
  'pads',
  'kernel_shape',
  'perm',
  'blocksize',
  'dilations',
];

/** A well-formed file whose parts do not fit: other operators, operands, attributes and shapes. */
function confused(model: OnnxModel, random: Random): OnnxModel {
  const names = model.graph.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  const list = () => Array.from({ length: random.integer(6) }, () => random.pick(NUMBERS));
  const changed = (node: OnnxNode): OnnxNode => {
    const at = random.integer(node.inputs.length + 1);
    switch (random.integer(5)) {
      case 0:
        return { ...node, op: random.pick(OPS) };
      case 1:
        return {
          ...node,
          inputs: node.inputs.toSpliced(at, 1, random.pick(names)),
        };
      case 2:
        return { ...node, inputs: node.inputs.toSpliced(at, random.integer(2), random.pick(names)) };
      case 3:
        return { ...node, attributes: { ...node.attributes, [random.pick(ATTRIBUTES)]: { ints: list() } } };
      default: {
        const int = random.pick(NUMBERS);
        return { ...node, attributes: { ...node.attributes, [random.pick(ATTRIBUTES)]: { int } } };
      }
    }
  };
  const replaced = (value: Tensor): Tensor => {
    const numbers = list();
    if (random.integer(2)) return tensor('int64', [numbers.length], BigInt64Array.from(numbers, BigInt));
    return zeros(
      'float32',
      value.shape.map(() => 1 + random.integer(4)),
    );
  };
  const [node, name] = [
    random.integer(model.graph.nodes.length),
    random.pick([...model.graph.initializers.keys()]),
  ];
  const initializers = new Map(model.graph.initializers);
  if (random.integer(3) === 0) initializers.set(name, replaced(initializers.get(name)!));
  const nodes = model.graph.nodes.map((other, index) => (index === node ? changed(other) : other));
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

test('files whose parts do not fit', async () => {
  const random = new Random(2, 'confused classifiers');
  const models = files.map((file) => decodeModel(file));
  const outcomes = new Set<string>();
  for (let k = 0; k < 1500; k++) {
    let model = models[k % models.length];
    for (let left = 1 + random.integer(3); left > 0; left--) model = confused(model, random);
    outcomes.add(await outcome(encodeModel(model)));
  }
  expect([...outcomes].sort()).toEqual(CODES);
});

describe('constants that a short file asks for', () => {
  const floats = (shape: number[]): Tensor =>
    tensor('float32', shape, new Float32Array(sizeOf(shape)).fill(0.1));
  const integers = (...values: number[]) =>
    tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): OnnxNode => ({ op, domain: '', name: output, inputs, outputs: [output], attributes });
  const value = { tensor: tensor('bool', [1], Uint8Array.of(1)) };

  /**
   * A small classifier whose features are multiplied by the first numbers of `count` arrays of `length` ones; these
   * follow from the file alone, or from the shape of the images, so that every replay makes them.
   */
  function asking(
    count: number,
    length: number,
    from: 'file' | 'images',
    before: readonly OnnxNode[] = [],
  ): Uint8Array {
    const arrays = Array.from({ length: count }, (_, k) => [
      node('ConstantOfShape', ['length'], `all${k}`, { value }),
      node('Slice', [`all${k}`, 'zero', 'one'], `first${k}`),
    ]);
    const colours = [
      node('Shape', ['x'], 'shape'),
      node('Slice', ['shape', 'one', 'two'], 'three'),
      node('Mul', ['three', 'third'], 'length'),
    ];
    const nodes = [
      ...before,
      ...(from === 'images' ? colours : []),
      ...arrays.flat(),
      node(
        'Concat',
        Array.from({ length: count }, (_, k) => `first${k}`),
        'firsts',
        { axis: { int: 0 } },
      ),
      node('Cast', [before.at(-1)?.outputs[0] ?? 'firsts'], 'numbers', { to: { int: 1 } }),
      node('ReduceSum', ['numbers'], 'sum', { keepdims: { int: 0 } }),
      node('Conv', ['x', 'w'], 'map'),
      node('GlobalAveragePool', ['map'], 'pooled'),
      node('Flatten', ['pooled'], 'features'),
      node('Mul', ['features', 'sum'], 'scaled'),
      node('Gemm', ['scaled', 'fw', 'fb'], 'y', { transB: { int: 1 } }),
    ];
    const initializers = new Map<string, Tensor>([
      ...(from === 'file' ? [['length', integers(length)] as const] : []),
      ['third', integers(length / 3)],
      ['zero', integers(0)],
      ['one', integers(1)],
      ['two', integers(2)],
      ['w', floats([8, 3, 3, 3])],
      ['fw', floats([5, 8])],
      ['fb', floats([5])],
    ]);
    return encodeModel({
      opset: 11,
      irVersion: 8,
      producer: 'test',
      metadata: {},
      graph: {
        name: 'g',
        nodes,
        initializers,
        inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 32, 32] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 5] }],
      },
    });
  }

  // Five times this is more than a file may ask for, three times is not.
  const LENGTH = 3 * 1_250_000;

  test.each(['file', 'images'] as const)('are limited in all: from the %s', async (from) => {
    const bytes = asking(5, LENGTH, from);
    expect(bytes.length).toBeLessThan(4000);
    expect(await outcome(bytes)).toBe('ONNX_UNSUPPORTED');
    expect(await outcome(asking(3, LENGTH, from))).toBe('accepted');
  });

  test.each(['ConstantOfShape', 'Reshape', 'Expand'])('have few axes: %s', async (op) => {
    const one = { tensor: integers(1) };
    const many = [
      node('ConstantOfShape', ['length'], 'ones', { value: one }),
      node(op, op === 'ConstantOfShape' ? ['ones'] : ['one', 'ones'], 'deep'),
    ];
    expect(await outcome(asking(1, 30, 'file', many))).toBe('accepted');
    expect(await outcome(asking(1, 300, 'file', many))).toBe('ONNX_UNSUPPORTED');
  });

  test('are limited for each replay, not for all of them', async () => {
    writeFileSync(path, asking(3, LENGTH, 'images'));
    const { model } = await importOnnxClassifier(path);
    for (let replays = 0; replays < 3; replays++)
      expect(variablesOf(withInput(model, { size: 40 })).head).toHaveLength(2);
  });
});
