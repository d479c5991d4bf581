/** What is encoded decodes to the same values, and other readers of ONNX accept and understand it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { afterAll, expect, test } from 'vitest';
import { decodeModel, encodeModel, type OnnxAttribute, type OnnxModel } from '../../src/onnx/index.ts';
import { type DType, float32, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { describePython, python } from '../python.ts';

const folder = mkdtempSync(join(tmpdir(), 'onnx-roundtrip-'));
afterAll(() => rmSync(folder, { recursive: true }));

const int64 = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));

/** Sum over the last axis of (x + w) clipped below by a constant, and a product from another operator set. */
const model: OnnxModel = {
  opset: 17,
  irVersion: 8,
  producer: 'transferlab',
  metadata: { 'transferlab.labels': '["Ä","b"]', empty: '' },
  graph: {
    name: 'example',
    nodes: [
      { op: 'Add', domain: '', name: 'shift', inputs: ['x', 'w'], outputs: ['y'], attributes: {} },
      {
        op: 'Constant',
        domain: '',
        name: '',
        inputs: [],
        outputs: ['low'],
        attributes: { value: { tensor: float32([], [3.5]) } },
      },
      { op: 'Clip', domain: '', name: '', inputs: ['y', 'low', ''], outputs: ['c'], attributes: {} },
      {
        op: 'ReduceSum',
        domain: '',
        name: '',
        inputs: ['c', 'axes'],
        outputs: ['z'],
        attributes: { keepdims: { int: 0 } },
      },
    ],
    initializers: new Map<string, Tensor>([
      ['w', float32([2, 3], [1, 2, 3, 4, 5, 6])],
      ['axes', int64(-1)],
    ]),
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }],
    outputs: [{ name: 'z', dtype: 'float32', shape: ['N'] }],
  },
};

test('a model is the same after encoding and decoding', () => {
  expect(decodeModel(encodeModel(model))).toEqual(model);
});

test('ONNX Runtime runs an encoded model', async () => {
  const session = await InferenceSession.create(encodeModel(model));
  const x = new RuntimeTensor('float32', new Float32Array(6), [2, 3]);
  expect([...((await session.run({ x })).z.data as Float32Array)]).toEqual([10.5, 15]);
});

const float = fc.float({ noNaN: true });
const attribute: fc.Arbitrary<OnnxAttribute> = fc.oneof(
  fc.maxSafeInteger().map((int) => ({ int })),
  float.map((number) => ({ float: number })),
  fc.string({ unit: 'grapheme' }).map((string) => ({ string })),
  fc.array(fc.maxSafeInteger()).map((ints) => ({ ints })),
  fc.array(float).map((floats) => ({ floats })),
  fc.array(fc.string()).map((strings) => ({ strings })),
  fc.array(float).map((values) => ({ tensor: float32([values.length], values) })),
);
const anyTensor: fc.Arbitrary<Tensor> = fc.oneof(
  fc.float32Array({ noNaN: true }).map((data): Tensor => ({ dtype: 'float32', shape: [data.length], data })),
  fc.int32Array().map((data): Tensor => ({ dtype: 'int32', shape: [1, data.length], data })),
  fc.bigInt64Array().map((data): Tensor => ({ dtype: 'int64', shape: [data.length], data })),
  fc.uint8Array().map((data): Tensor => ({ dtype: 'uint8', shape: [data.length, 1], data })),
  fc.uint8Array({ max: 1 }).map((data): Tensor => ({ dtype: 'bool', shape: [data.length], data })),
);

test('attributes and tensors of every kind survive', () => {
  const values = fc.tuple(fc.dictionary(fc.string(), attribute), fc.dictionary(fc.string(), anyTensor));
  fc.assert(
    fc.property(values, ([attributes, tensors]) => {
      const node = { op: 'Op', domain: '', name: 'n', inputs: [''], outputs: ['made here'], attributes };
      const initializers = new Map(Object.entries(tensors));
      const graph = { ...model.graph, nodes: [node], initializers, inputs: [] };
      expect(decodeModel(encodeModel({ ...model, graph })).graph).toEqual(graph);
    }),
    { numRuns: 100 },
  );
});

describePython('the ONNX package', ['onnx'], () => {
  test('accepts an encoded model, with inference of shapes', () => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, encodeModel(model));
    const printed = python(
      `import onnx, sys
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
print(model.opset_import[0].version, model.ir_version, model.producer_name)
print({property.key: property.value for property in model.metadata_props})
print(onnx.helper.printable_graph(model.graph))`,
      path,
    );
    expect(printed).toContain('17 8 transferlab');
    expect(printed).toContain(`{'transferlab.labels': '["Ä","b"]', 'empty': ''}`);
    expect(printed).toContain('%z = ReduceSum[keepdims = 0](%c, %axes)');
  });

  test('and a tensor of each type is read with its numbers', () => {
    const path = join(folder, 'tensors.onnx');
    const numbers: { [D in DType]: Tensor<D> } = {
      float32: float32([2], [1.5, -2]),
      int32: tensor('int32', [2], Int32Array.of(-3, 4)),
      int64: int64(-5, 6),
      bool: tensor('bool', [2], Uint8Array.of(1, 0)),
      uint8: tensor('uint8', [2], Uint8Array.of(200, 7)),
    };
    const initializers = new Map<string, Tensor>(Object.entries(numbers));
    writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, initializers, nodes: [] } }));
    const printed = python(
      `import onnx, onnx.numpy_helper, sys, json
arrays = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(sys.argv[1]).graph.initializer]
print(json.dumps([[str(array.dtype), array.tolist()] for array in arrays]))`,
      path,
    );
    expect(JSON.parse(printed)).toEqual([
      ['float32', [1.5, -2]],
      ['int32', [-3, 4]],
      ['int64', [-5, 6]],
      ['bool', [true, false]],
      ['uint8', [200, 7]],
    ]);
  });
});
