/** Devices: which work, what is said of one that does not, and of a node that a device cannot run. */
import { describe, expect, test } from 'vitest';
import { Graph, gather, neg } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import type { OnnxModel, OnnxNode } from '../../src/onnx/model.ts';
import {
  createSession,
  DEVICES,
  Executable,
  OnnxFunction,
  probeDevices,
  requireDevice,
} from '../../src/runtime/index.ts';
import { shortReason } from '../../src/runtime/probe.ts';
import { tensor } from '../../src/tensor/tensor.ts';

/** No system has both. */
const ABSENT = process.platform === 'darwin' ? 'dml' : 'coreml';

describe('devices', () => {
  test('all are tried; the processor works, and what does not work says why and what it needs', async () => {
    const states = await probeDevices();
    expect(states.map(({ device }) => device)).toEqual([...DEVICES]);
    expect(states[0]).toMatchObject({ builtIn: true, works: true, reason: '' });
    for (const { works, reason, needs } of states) {
      expect(reason === '').toBe(works);
      expect(needs).toMatch(/\.$/);
    }
    expect(states.find(({ device }) => device === ABSENT)).toMatchObject({ builtIn: false, works: false });
  });

  test('one that is not there is a message with those that are', async () => {
    const says = { code: 'DEVICE_MISSING', message: expect.stringMatching(`"${ABSENT}".*work here: cpu`) };
    await expect(requireDevice(ABSENT)).rejects.toMatchObject(says);
    await expect(OnnxFunction.load(model([]), { device: ABSENT })).rejects.toMatchObject(says);
  });

  test('the processor is there without being tried', async () => {
    await expect(requireDevice('cpu')).resolves.toBeUndefined();
  });

  test('a reason is a sentence without the places in the sources', () => {
    const long =
      '/onnxruntime_src/core/webgpu_context.cc:136 onnxruntime::Initialize(const Config&)::<lambda()> adapter.status == Success was false. Failed to get a WebGPU adapter: No supported adapters\n';
    expect(shortReason(long)).toBe('Failed to get a WebGPU adapter: No supported adapters.');
    expect(shortReason('No such device.')).toBe('No such device.');
  });
});

/** ONNX bytes of `nodes` between x and y, both int32 [2, 3], with a constant `ones` [2]. */
function model(nodes: readonly Partial<OnnxNode>[]): Uint8Array {
  const port = (name: string) => ({ name, dtype: 'int32' as const, shape: [2, 3] });
  const whole: OnnxModel = {
    opset: 17,
    irVersion: 8,
    producer: 'test',
    graph: {
      name: 'test',
      nodes: nodes.map((node) => ({
        op: '',
        domain: '',
        name: '',
        inputs: [],
        outputs: [],
        attributes: {},
        ...node,
      })),
      initializers: new Map([['ones', tensor('int32', [2], Int32Array.of(1, 1))]]),
      inputs: [port('x')],
      outputs: [port('y')],
    },
    metadata: {},
  };
  return encodeModel(whole);
}

describe('a node that cannot run', () => {
  test('for which the device has no kernel: the layer, the op and the graph around it', async () => {
    const nodes = [
      { op: 'Relu', name: 'stem.relu/Relu_0', inputs: ['x'], outputs: ['a'] },
      {
        op: 'Gemm',
        name: 'block1.fc/Gemm_1',
        inputs: ['a', 'x', 'ones'],
        outputs: ['b'],
        attributes: { transB: { int: 1 } },
      },
      { op: 'Neg', name: 'block1.fc/Neg_2', inputs: ['b'], outputs: ['c'] },
      { op: 'Neg', name: 'head/Neg_3', inputs: ['c'], outputs: ['d'] },
      { op: 'MatMul', name: 'head/MatMul_4', inputs: ['d', 'x'], outputs: ['y'] },
    ];
    const failure = await createSession(model(nodes)).catch((error) => error);
    expect(failure).toMatchObject({ code: 'DEVICE_LACKS_OP' });
    expect(failure.given).toContain('The device "cpu" has no Gemm such as layer "block1.fc" needs');
    expect(failure.given.split('Around it:\n')[1].trimEnd().split('\n')).toEqual([
      '  a = Relu(x [2x3])  stem.relu/Relu_0',
      '> b = Gemm(a, x [2x3], ones [2])  block1.fc/Gemm_1',
      '  c = Neg(b)  block1.fc/Neg_2',
      '  d = Neg(c)  head/Neg_3',
    ]);
    expect(failure.remedy).not.toContain('--device cpu');
  });

  test('whose shapes do not fit: when the graph is loaded', async () => {
    const nodes = [
      { op: 'MatMul', name: 'head.fc/MatMul_0', inputs: ['x', 'x'], outputs: ['a'] },
      { op: 'Identity', name: 'head.fc/Identity_1', inputs: ['a'], outputs: ['y'] },
    ];
    const failure = await createSession(model(nodes)).catch((error) => error);
    expect(failure).toMatchObject({ code: 'OP_FAILED' });
    expect(failure.given).toMatch(/^MatMul of layer "head\.fc" failed on the device "cpu"/);
    expect(failure.given).toContain('> a = MatMul(x [2x3], x [2x3])  head.fc/MatMul_0');
  });

  test('whose types do not fit', async () => {
    const nodes = [{ op: 'Erf', name: 'block1.gelu/Erf_0', inputs: ['x'], outputs: ['y'] }];
    const failure = await createSession(model(nodes)).catch((error) => error);
    expect(failure).toMatchObject({ code: 'OP_FAILED' });
    expect(failure.given).toMatch(/^Erf of layer "block1\.gelu"/);
  });

  test('while it runs: which rows are wanted is only known then', async () => {
    const graph = new Graph();
    const index = graph.input('index', [2], { dtype: 'int64' });
    const rows = graph.scoped('embed', () => gather(graph.input('table', [3, 2]), index));
    const executable = await Executable.compile(new Map([['rows', neg(rows)]]));
    executable.set('index', tensor('int64', [2], BigInt64Array.of(2n, 7n)));
    const failure = await executable.run().catch((error) => error);
    expect(failure).toMatchObject({ code: 'OP_FAILED' });
    expect(failure.given).toMatch(/^Gather of layer "embed" failed on the device "cpu":.* idx=7 /);
    expect(failure.given).toMatch(/^> #0 = Gather\(table \[3x2\], index \[2\]\) {2}embed\/Gather_0$/m);
    expect(failure.given).toMatch(/^ {2}rows = Neg\(#0\)/m);
    executable.set('index', tensor('int64', [2], BigInt64Array.of(2n, 0n)));
    expect((await executable.run()).rows.shape).toEqual([2, 2]);
    await executable.close();
  });

  test('what is no ONNX file at all is not blamed on a node', async () => {
    await expect(createSession(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: 'SESSION_FAILED' });
  });
});
