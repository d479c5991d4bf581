/**
 * Files in the forms of each exporter (fixtures by scripts/fixtures/onnx_exporters.py): read, trained and written
 * back. What they compute is known from PyTorch or from ONNX Runtime on the same file.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Value } from '../../src/graph/index.ts';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { type Model, variablesOf, withInput } from '../../src/models/index.ts';
import type { Network } from '../../src/nn/index.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { float32, type Tensor, transpose } from '../../src/tensor/tensor.ts';
import { INPUT_NAME, networkFile } from '../../src/train/inference.ts';
import { TrainingStep } from '../../src/train/step.ts';
import { describePython, python } from '../python.ts';
import { compileModel } from '../run-model.ts';

const folder = fileURLToPath(new URL('../fixtures/onnx/exporters/', import.meta.url));
const REFUSED = ['control-flow-17', 'quantised-13'];
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => basename(name, '.onnx'))
  .filter((name) => !REFUSED.includes(name));
const file = (name: string) => join(folder, `${name}.onnx`);
const pytorch: Record<string, { size: number; logits: number[][] }> = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);
const scratch = mkdtempSync(join(tmpdir(), 'exporters-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const images = (size: number, count = 2) =>
  float32(
    [count, 3, size, size],
    Float32Array.from({ length: count * 3 * size * size }, (_, k) => Math.sin(0.05 * k)),
  );
/** Where a file leaves its size open. */
const SIZE = 12;

async function opened(name: string): Promise<{ model: Model; weights: Map<string, Tensor<'float32'>> }> {
  const { model, weights } = await importOnnxClassifier(file(name));
  return { model: model.input.size > 16 ? withInput(model, { size: SIZE }) : model, weights };
}

const classify = (model: Model) => (net: Network, pixels: Value) =>
  model.originalHead!.logits(net, model.backbone(net, pixels));

const rowsOf = ({ shape: [rows, columns], data }: Tensor) =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => Number(data[row * columns + column])),
  );

function softmax(row: readonly number[]): number[] {
  const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
  return row.map((value) => Math.exp(value) / total);
}

function expectClose(found: number[][], wanted: number[][], digits = 5): void {
  expect([found.length, found[0].length]).toEqual([wanted.length, wanted[0].length]);
  found.flat().forEach((value, index) => {
    expect(value).toBeCloseTo(wanted.flat()[index], digits);
  });
}

/** What ONNX Runtime gives for the file: scores, or probabilities if it ends in a softmax. One image at a time. */
async function runtimeRows(name: string, size: number): Promise<{ rows: number[][]; isSoftmax: boolean }> {
  const { graph } = decodeModel(readFileSync(file(name)));
  const network = await OnnxFunction.load(file(name), { threads: 1 });
  const channelsLast = graph.inputs[0].shape[3] === 3;
  const rows: number[][] = [];
  for (const index of [0, 1]) {
    const one = float32(
      [1, 3, size, size],
      images(size).data.slice(index * 3 * size * size, (index + 1) * 3 * size * size),
    );
    const given = channelsLast ? transpose(one, [0, 2, 3, 1]) : one;
    const result = await network.run({ [graph.inputs[0].name]: given });
    rows.push(...rowsOf(result[graph.outputs[0].name]));
  }
  await network.close();
  return { rows, isSoftmax: graph.nodes.some(({ op }) => op === 'Softmax') };
}

describe('logits', () => {
  const rows = names.flatMap((name) => (['inference', 'training'] as const).map((form) => ({ name, form })));
  test.each(rows)('$name, $form form', async ({ name, form }) => {
    const { model, weights } = await opened(name);
    const network = await compileModel(model, weights, 2, form);
    const found = rowsOf((await network.run(images(model.input.size))).logits);
    await network.close();
    if (pytorch[name]) {
      expectClose(found, pytorch[name].logits);
      return;
    }
    const wanted = await runtimeRows(name, model.input.size);
    // Half precision keeps three digits.
    expectClose(wanted.isSoftmax ? found.map(softmax) : found, wanted.rows, name === 'half-13' ? 2 : 5);
  });
});

/** The file after some training, and what the trained network computes. */
async function trained(name: string): Promise<{ bytes: Uint8Array; logits: Tensor; unmoved: string[] }> {
  const { model, weights } = await opened(name);
  const { size } = model.input;
  const step = await TrainingStep.compile(classify(model), { images: [2, 3, size, size], threads: 1 });
  step.load(weights);
  const fixed = { learningRate: 0.02, weightDecay: 0, statisticsDecay: 0.9, seed: 1 };
  const batch = { images: images(size).data, labels: Int32Array.of(0, 3) };
  const losses: number[] = [];
  for (let k = 0; k < 20; k++) losses.push((await step.run({ ...fixed, ...batch, step: k })).loss);
  expect(Math.min(...losses.slice(-5))).toBeLessThan(losses[0]);
  await step.download();
  const after = step.weights();
  await step.close();
  const network = await compileModel(model, after, 3, 'training');
  const { logits } = await network.run(images(size, 3));
  await network.close();
  const unmoved = [...after].filter(([key, { data }]) =>
    data.every((value, index) => value === weights.get(key)?.data[index]),
  );
  return {
    bytes: networkFile(classify(model), 'logits', size, after),
    logits,
    unmoved: unmoved.map(([key]) => key),
  };
}

describe('trained and written back', () => {
  const results = new Map<string, Awaited<ReturnType<typeof trained>>>();
  beforeAll(async () => {
    for (const name of names) results.set(name, await trained(name));
  }, 120_000);

  test.each(names)('%s computes in the runtime what the trained network computes', async (name) => {
    const { bytes, logits, unmoved } = results.get(name)!;
    expect(unmoved).toEqual([]);
    const network = await OnnxFunction.load(bytes, { threads: 1 });
    const size = (await opened(name)).model.input.size;
    const found = await network.run({ [INPUT_NAME]: images(size, 3) });
    await network.close();
    expectClose(rowsOf(found.logits), rowsOf(logits), 4);
  });

  test.each(names)('%s is read again', async (name) => {
    const { bytes, logits } = results.get(name)!;
    const path = join(scratch, `${name}.onnx`);
    writeFileSync(path, bytes);
    const { model, weights } = await importOnnxClassifier(path);
    const network = await compileModel(model, weights, 3, 'inference');
    expectClose(rowsOf((await network.run(images(model.input.size, 3))).logits), rowsOf(logits), 4);
    await network.close();
  });

  describePython('the ONNX package', ['onnx'], () => {
    test('accepts them all', () => {
      const paths = names.map((name) => {
        const path = join(scratch, `${name}-checked.onnx`);
        writeFileSync(path, results.get(name)!.bytes);
        return path;
      });
      const printed = python(
        `import onnx, sys
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    print(onnx.load(path).graph.output[0].type.tensor_type.shape.dim[0].dim_param)`,
        ...paths,
      );
      expect(printed.trim().split('\n')).toEqual(names.map(() => 'N'));
    });
  });
});

describe('structure', () => {
  const namesOf = (model: Model) => {
    const { backbone, head } = variablesOf(model);
    return {
      backbone: backbone.map(({ name, kind }) => (kind === 'buffer' ? `(${name})` : name)),
      head: head.map(({ name }) => name),
    };
  };

  test.each([
    [
      'tf2onnx-13', // Mean and deviation prepare the pixels; Mul and Add behind a convolution are trained.
      ['conv1/kernel', 'bn1/scale', 'bn1/offset', 'conv2/kernel', 'conv2/bias', 'dense/kernel', 'dense/bias'],
      ['logits/kernel', 'logits/bias'],
    ],
    [
      'keras2onnx-11', // The kernel is stored as Keras orders it and trained under its own name.
      ['conv2d/kernel', 'conv2d/bias', 'bn/gamma', 'bn/beta', '(bn/moving_mean)', '(bn/moving_variance)'],
      ['dense/kernel', 'dense/bias'],
    ],
    ['paddle2onnx-11', ['conv.w_0', 'bn.w_0', 'bn.b_0', '(bn.w_1)', '(bn.w_2)'], ['fc.w_0', 'fc.b_0']],
    [
      'torch-attention-17-training', // Class token, positions and the table of biases are trained as they are stored.
      [
        'patches.weight',
        'patches.bias',
        'token',
        'position',
        'norm1.weight',
        'norm1.bias',
        'qkv.weight',
        'qkv.bias',
        'bias_table',
        'out.weight',
        'out.bias',
        'norm2.weight',
        'norm2.bias',
        'mlp.0.weight',
        'mlp.0.bias',
        'mlp.3.weight',
        'mlp.3.bias',
      ],
      ['head.weight', 'head.bias'],
    ],
  ])('of %s', async (name, backbone, head) => {
    const found = namesOf((await opened(name)).model);
    expect(new Set(found.backbone)).toEqual(new Set(backbone));
    expect(found.head).toEqual(head);
  });

  test.each([
    'torch-normed-9-eval',
    'torch-normed-17-eval',
    'torch-normed-9-training',
    'torch-normed-17-training',
  ])("%s has the network's own classifier as head, not the auxiliary one", async (name) => {
    expect(namesOf((await opened(name)).model).head).toEqual(['fc.weight', 'fc.bias']);
  });
});

describe('what cannot be imported is named at once', () => {
  test.each([
    [
      'quantised-13',
      'QuantizeLinear (1, first in node "image_quantize"), DequantizeLinear (2, first in node "image_dequantize"). ' +
        'Its nodes use arrays of types that cannot be imported: 2 of INT8. ' +
        'The network is quantised: give the file from before its quantisation, with float weights.',
    ],
    [
      'control-flow-17',
      'If (1, first in node "if_training"), com.microsoft.GroupNorm (1, first in node "fused_norm"), ' +
        'pkg.onnxscript.torch_lib.aten_relu (1, first in node "r"). ' +
        'Export the network without control flow',
    ],
  ])('%s', async (name, message) => {
    const failure = importOnnxClassifier(file(name));
    await expect(failure).rejects.toMatchObject({ code: 'ONNX_UNSUPPORTED' });
    await expect(failure).rejects.toThrow(`operators that cannot be imported: ${message}`);
  });
});
