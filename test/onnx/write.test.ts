/** Models whose weights lie in a file beside them: written, and understood by the runtime and the ONNX package. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Graph, matmul, relu } from '../../src/graph/index.ts';
import { decodeModel, encodeModel, type OnnxModel, writeModel } from '../../src/onnx/index.ts';
import { modelMessage } from '../../src/onnx/schema.ts';
import { ANY_BATCH, inferenceModel, OnnxFunction } from '../../src/runtime/index.ts';
import { float32, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { describePython, python } from '../python.ts';

const folder = mkdtempSync(join(tmpdir(), 'onnx-write-'));
afterAll(() => rmSync(folder, { recursive: true }));

const waves = (shape: number[]) =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(k)),
  );

/** x [N, 100] times two matrices, a bias that is small, and a reshape by an int64 vector. */
const model: OnnxModel = {
  opset: 17,
  irVersion: 8,
  producer: 'test',
  metadata: {},
  graph: {
    name: 'weights',
    nodes: [
      { op: 'MatMul', domain: '', name: '', inputs: ['x', 'a'], outputs: ['xa'], attributes: {} },
      { op: 'MatMul', domain: '', name: '', inputs: ['xa', 'b'], outputs: ['xab'], attributes: {} },
      { op: 'Add', domain: '', name: '', inputs: ['xab', 'c'], outputs: ['sum'], attributes: {} },
      { op: 'Reshape', domain: '', name: '', inputs: ['sum', 'shape'], outputs: ['y'], attributes: {} },
    ],
    initializers: new Map<string, Tensor>([
      ['a', waves([100, 700])],
      ['c', waves([7])],
      ['b', waves([700, 7])],
      ['shape', tensor('int64', [2], BigInt64Array.of(7n, -1n))],
    ]),
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 100] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [7, 'M'] }],
  },
};
const TOTAL = [...model.graph.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0);

async function resultOf(file: string | Uint8Array): Promise<Tensor> {
  const network = await OnnxFunction.load(file, { threads: 1 });
  const { y } = await network.run({ x: waves([3, 100]) });
  await network.close();
  return y;
}

test('up to the limit all is in one file', async () => {
  const path = join(folder, 'one.onnx');
  expect(await writeModel(path, model, { externalAbove: TOTAL })).toEqual([path]);
  expect(Buffer.compare(readFileSync(path), encodeModel(model))).toBe(0);
});

describe('above the limit', () => {
  const inside = join(folder, 'apart');
  mkdirSync(inside);
  const path = join(inside, 'two.onnx');
  const written = writeModel(path, model, { externalAbove: TOTAL - 1 });

  test('large arrays lie beside the model at aligned places, small ones inside', async () => {
    expect(await written).toEqual([path, `${path}.data`]);
    expect(readdirSync(inside).sort()).toEqual(['two.onnx', 'two.onnx.data']);
    const { initializer } = (modelMessage.decode(readFileSync(path)) as unknown as Decoded).graph;
    const places = initializer.map(({ name, externalData }) => [
      name,
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
    ]);
    const location = 'two.onnx.data';
    expect(Object.fromEntries(places)).toEqual({
      a: { location, offset: '0', length: '280000' },
      b: { location, offset: '280000', length: '19600' },
      c: {},
      shape: {},
    });
    expect(statSync(`${path}.data`).size).toBe(299_600);
  });

  test('it decodes to the same model', async () => {
    await written;
    expect(decodeModel(readFileSync(path), { externalDataFolder: inside })).toEqual({
      ...model,
      externalFiles: ['two.onnx.data'],
    });
  });

  test('the runtime opens it by its path', async () => {
    await written;
    expect(await resultOf(path)).toEqual(await resultOf(encodeModel(model)));
  });

  describePython('the ONNX package', ['onnx'], () => {
    test('accepts it and reads the same numbers', async () => {
      await written;
      const printed = python(
        `import onnx, onnx.numpy_helper, sys
onnx.checker.check_model(sys.argv[1], full_check=True)
model = onnx.load(sys.argv[1])
print([(i.name, float(onnx.numpy_helper.to_array(i).astype("float64").sum())) for i in model.graph.initializer])`,
        path,
      );
      for (const [name, { data }] of model.graph.initializers) {
        const [, sum] = new RegExp(`\\('${name}', ([^)]*)\\)`).exec(printed) ?? [];
        const expected = Array.from(data as Float32Array, Number).reduce((total, value) => total + value, 0);
        expect(Number(sum)).toBeCloseTo(expected, 6);
      }
    });
  });
});

interface Decoded {
  graph: { initializer: { name: string; externalData: { key: string; value: string }[] }[] };
}

test('every array begins at a multiple of 64 bytes, and after a gap is still where the model says', async () => {
  const initializers = new Map<string, Tensor>(
    [257, 300, 70_000, 1000].map((count, index) => [`w${index}`, waves([count])]),
  );
  const odd = { ...model, graph: { ...model.graph, initializers, nodes: [], outputs: [] } };
  const path = join(folder, 'odd.onnx');
  await writeModel(path, odd, { externalAbove: 0 });
  const { graph } = decodeModel(readFileSync(path), { externalDataFolder: folder });
  expect(graph.initializers).toEqual(initializers);
  const proto = modelMessage.decode(readFileSync(path)) as unknown as Decoded;
  const offsets = proto.graph.initializer.map(({ externalData }) =>
    Number(externalData.find(({ key }) => key === 'offset')?.value),
  );
  expect(offsets).toEqual([0, 1088, 4096, 284_096]);
});

test('a file that cannot be written leaves nothing behind', async () => {
  const path = join(folder, 'absent', 'model.onnx');
  await expect(writeModel(path, model, { externalAbove: 0 })).rejects.toThrow('ENOENT');
  expect(existsSync(join(folder, 'absent'))).toBe(false);
  const before = readdirSync(folder);
  const unwritable = { ...model, graph: { ...model.graph, undecoded: new Map([['q', 'INT8']]) } };
  const refused = writeModel(join(folder, 'refused.onnx'), unwritable, { externalAbove: 0 });
  await expect(refused).rejects.toMatchObject({ code: 'ONNX_UNSUPPORTED' });
  expect(readdirSync(folder)).toEqual(before);
});

test('arrays that share the same bytes are read, but not without end', async () => {
  const path = join(folder, 'shared.onnx');
  const w: [string, Tensor] = ['w', waves([500])];
  const graph = { ...model.graph, initializers: new Map([w]), nodes: [], outputs: [] };
  await writeModel(path, { ...model, graph }, { externalAbove: 0 });
  const proto = modelMessage.decode(readFileSync(path)) as unknown as Decoded;
  const [stored] = proto.graph.initializer;
  const shared = (count: number) => {
    const initializer = Array.from({ length: count }, (_, k) => ({ ...stored, name: `w${k}` }));
    const bytes = modelMessage.encode({ ...proto, graph: { ...proto.graph, initializer } }).finish();
    return decodeModel(bytes, { externalDataFolder: folder });
  };
  expect(shared(4).graph.initializers.get('w3')).toEqual(w[1]);
  expect(() => shared(5)).toThrow('The tensor "w4" is one of many that share the same 2000 bytes');
});

test('a graph of ours is written with its weights apart, for any batch size', async () => {
  const graph = new Graph();
  const y = matmul(
    relu(graph.input('x', [ANY_BATCH, 100])),
    graph.input('w', [100, 50], { role: 'parameter' }),
  );
  const weights = new Map([['w', waves([100, 50])]]);
  const path = join(folder, 'ours.onnx');
  const written = inferenceModel(new Map([['y', y]]), weights);
  expect(await writeModel(path, written, { externalAbove: 0 })).toEqual([path, `${path}.data`]);
  expect(await resultOf(path)).toEqual(await resultOf(encodeModel(written)));
  expect((await resultOf(path)).shape).toEqual([3, 50]);
});
