/**
 * Classifiers of other programs: what becomes features, head and parameters, and that the numbers are those of
 * the program that wrote the file. Fixtures by scripts/fixtures/onnx_classifiers.py (PyTorch, and the ONNX
 * package for what TensorFlow and optimizers write); ONNX Runtime on the file itself is a second opinion.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { Graph, type Value } from '../../src/graph/index.ts';
import { verify } from '../../src/graph/verify.ts';
import { IMAGENET_INPUT } from '../../src/models/define.ts';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { type Model, variablesOf, withInput } from '../../src/models/index.ts';
import { initialize, Network, TRAIN } from '../../src/nn/index.ts';
import {
  decodeModel,
  encodeModel,
  type InputLike,
  metadataOf,
  type OnnxModel,
} from '../../src/onnx/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { float32, type Tensor } from '../../src/tensor/tensor.ts';
import { INPUT_NAME, networkFile } from '../../src/train/inference.ts';
import { TrainingStep } from '../../src/train/step.ts';
import { compileModel, type Form } from '../run-model.ts';

const folder = fileURLToPath(new URL('../fixtures/onnx/classifiers/', import.meta.url));
const file = (name: string) => join(folder, `${name}.onnx`);
const expected: Record<string, { size: number; logits: number[][] }> = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);

/** The input of the fixtures: sin(0.05 k). */
function images(size: number, count = 2): Tensor<'float32'> {
  const values = Float32Array.from({ length: count * 3 * size * size }, (_, k) => Math.sin(0.05 * k));
  return float32([count, 3, size, size], values);
}

async function logitsOf(name: string, size: number, form: Form): Promise<Tensor> {
  const { model, weights } = await importOnnxClassifier(file(name));
  const network = await compileModel(withInput(model, { size }), weights, 2, form);
  const { logits } = await network.run(images(size));
  await network.close();
  return logits;
}

function expectClose(found: ArrayLike<number | bigint>, wanted: ArrayLike<number | bigint>): void {
  expect(found.length).toBe(wanted.length);
  Array.from(found).forEach((value, index) => {
    expect(Number(value)).toBeCloseTo(Number(wanted[index]), 4);
  });
}

/** What our own exporter makes of an imported network: a file for any batch size, which can be imported again. */
test.each(Object.entries(expected))('%s exported and imported again', async (name, { size, logits }) => {
  let { model, weights } = await importOnnxClassifier(file(name));
  const path = join(mkdtempSync(join(tmpdir(), 'exported-')), 'exported.onnx');
  for (let generation = 0; generation < 2; generation++) {
    const classify = (net: Network, pixels: Value) =>
      model.originalHead!.logits(net, model.backbone(net, pixels));
    const bytes = networkFile(classify, 'logits', size, weights);
    const network = await OnnxFunction.load(bytes, { threads: 1 });
    const found = await network.run({ [INPUT_NAME]: images(size) });
    await network.close();
    expectClose(found.logits.data, logits.flat());
    writeFileSync(path, bytes);
    ({ model, weights } = await importOnnxClassifier(path));
    expect(model.input.size).toBe(size);
  }
  rmSync(dirname(path), { recursive: true });
});

const FORMS: readonly Form[] = ['inference', 'training'];

describe('logits of PyTorch', () => {
  const rows = Object.entries(expected).flatMap(([name, pair]) =>
    FORMS.map((form) => ({ name, form, ...pair })),
  );
  test.each(rows)('$name, $form form', async ({ name, form, size, logits }) => {
    const found = await logitsOf(name, size, form);
    expect(found.shape).toEqual([2, logits[0].length]);
    expectClose(found.data, logits.flat());
  });
});

describe('logits of ONNX Runtime on the file', () => {
  test.each(FORMS)('channels last, with softmax, %s form', async (form) => {
    const { data, shape } = await logitsOf('channels-last', 10, form);
    const session = await InferenceSession.create(file('channels-last'));
    const chw = images(10).data;
    const hwc = Float32Array.from({ length: chw.length }, (_, k) => {
      const [n, pixel, channel] = [Math.floor(k / 300), Math.floor((k % 300) / 3), k % 3];
      return chw[n * 300 + channel * 100 + pixel];
    });
    const { probabilities } = await session.run({ image: new RuntimeTensor('float32', hwc, [2, 10, 10, 3]) });
    const rows = [0, 1].map((row) => Array.from(data.slice(row * shape[1], (row + 1) * shape[1]), Number));
    const softmax = rows.flatMap((row) => {
      const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
      return row.map((value) => Math.exp(value) / total);
    });
    expectClose(softmax, probabilities.data as Float32Array);
  });

  test.each(FORMS)('merged vectors and shared kernels, %s form', async (form) => {
    const { data } = await logitsOf('merged', 9, form);
    const session = await InferenceSession.create(file('merged'));
    const given = new RuntimeTensor('float32', images(9).data, [2, 3, 9, 9]);
    expectClose(data, (await session.run({ image: given })).scores.data as Float32Array);
  });
});

function outline(model: Model): Record<string, unknown> {
  const { backbone, head } = variablesOf(model);
  const net = new Network(new Graph(), TRAIN);
  const { size } = model.input;
  const { map, features } = model.backbone(net, net.graph.input('images', [4, 3, size, size]));
  verify(net.graph);
  return {
    size,
    map: map.shape,
    features: features.shape,
    parameters: model.parameters,
    variables: backbone.map(({ name, kind }) => (kind === 'buffer' ? `(${name})` : name)),
    head: head.map(({ name, shape }) => `${name} ${shape.join('x')}`),
    prefixes: model.originalHead?.prefixes,
    statistics: [...net.batchStatistics.keys()],
  };
}

const RESIDUAL = {
  size: 16,
  map: [4, 8, 8, 8],
  features: [4, 8],
  parameters: 8 * 27 + 8 * 18 + 4 * 8,
  variables: [
    'stem.weight',
    'bn1.weight',
    'bn1.bias',
    '(bn1.running_mean)',
    '(bn1.running_var)',
    'conv.weight',
    'bn2.weight',
    'bn2.bias',
    '(bn2.running_mean)',
    '(bn2.running_var)',
  ],
  head: ['fc.weight 5x8', 'fc.bias 5'],
  prefixes: ['fc.weight', 'fc.bias'],
  statistics: ['bn1.running_mean', 'bn1.running_var', 'bn2.running_mean', 'bn2.running_var'],
};

test.each([
  ['residual-17', RESIDUAL],
  ['residual-9', RESIDUAL],
  [
    'viewed-17', // Two fully connected layers: the map before them is no pooled map of the penultimate features.
    { size: 17, features: [4, 7], map: [4, 7, 1, 1], head: ['fc2.weight 4x7', 'fc2.bias 4'] },
  ],
  ['traced-17', { size: 8, features: [4, 128], variables: ['conv.weight', 'conv.bias'] }],
  [
    'convolutional-17',
    { features: [4, 6], map: [4, 6, 4, 4], head: ['head.weight 5x6x1x1', 'head.bias 5'], statistics: [] },
  ],
  [
    'channels-last', // `mean` and `scale` prepare the pixels, they are not trained.
    {
      size: 10,
      features: [4, 6],
      map: [4, 6, 5, 5],
      variables: ['conv/kernel', 'conv/bias', 'conv2/kernel', 'conv2/bias'],
      head: ['dense/kernel 6x5', 'dense/bias 5'],
    },
  ],
  [
    'merged', // Vectors of two batch norms are told apart; the kernel of conv1 and conv3 is one, its copy another.
    {
      size: 224,
      map: [4, 3, 222, 222],
      features: [4, 3],
      parameters: 2 * 81 + 4 * 3,
      variables: [
        'kernel',
        'ones/b',
        'bias/b',
        '(shift/b)',
        '(variance/b)',
        'kernel again',
        'ones/d',
        'shift/d',
        '(bias/d)',
        '(variance/d)',
      ],
      head: ['head 4x3x1x1'],
      statistics: ['shift/b', 'variance/b', 'bias/d', 'variance/d'],
    },
  ],
])('structure of %s', async (name, wanted) => {
  const { model, weights } = await importOnnxClassifier(file(name));
  expect(outline(model)).toMatchObject(wanted);
  const { backbone, head } = variablesOf(model);
  for (const { name: key, shape } of [...backbone, ...head]) expect(weights.get(key)?.shape).toEqual(shape);
  expect(weights.size).toBe(backbone.length + head.length);
});

/** The fixture `name`, changed and written anew. */
async function importChanged(name: string, change: (model: OnnxModel) => OnnxModel) {
  const path = join(mkdtempSync(join(tmpdir(), 'imported-')), 'changed.onnx');
  writeFileSync(path, encodeModel(change(decodeModel(readFileSync(file(name))))));
  try {
    return await importOnnxClassifier(path);
  } finally {
    rmSync(dirname(path), { recursive: true });
  }
}

describe('the input', () => {
  const said: InputLike = {
    size: 32,
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.3, 0.4],
    resize: { kind: 'short-side', size: 36, filter: 'bicubic' },
  };
  const extra = { version: '0.1.0', model: 'merged', dataset: 'pets', setting: 'scratch' };

  test('is what our own metadata says', async () => {
    const { model } = await importChanged('merged', (model) => ({
      ...model,
      metadata: metadataOf(['a', 'b', 'c', 'd'], said, extra),
    }));
    expect(model.input).toEqual({ size: 32, mean: said.mean, std: said.std });
    expect(model.paper).not.toContain('assumed');
  });

  test('is that of ImageNet where the file does not say, and the model tells so', async () => {
    const { model } = await importOnnxClassifier(file('merged'));
    expect(model.input).toEqual(IMAGENET_INPUT);
    expect(model.paper).toContain('ImageNet mean and deviation are assumed');
    expect(model.name).toBe('merged');
  });
});

test('a head whose name begins the name of another array is renamed', async () => {
  const rename = (name: string) => (name === 'head' ? 'kernel ag' : name);
  const { model, weights } = await importChanged('merged', (model) => ({
    ...model,
    graph: {
      ...model.graph,
      initializers: new Map([...model.graph.initializers].map(([key, value]) => [rename(key), value])),
      nodes: model.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    },
  }));
  expect(model.originalHead?.prefixes).toEqual(['head/kernel ag']);
  expect([...weights.keys()]).toContain('head/kernel ag');
  expect([...weights.keys()]).toContain('kernel again');
  expect([...weights.keys()]).not.toContain('kernel ag');
});

test('initial values for training from scratch do not come from the file', async () => {
  const { model } = await importOnnxClassifier(file('channels-last'));
  const { backbone, head } = variablesOf(model);
  const initial = initialize([...backbone, ...head], 1);
  expect(initial.get('conv/bias')?.data.every((value) => value === 0)).toBe(true);
  expect(initial.get('conv2/bias')?.data.every((value) => value === 0)).toBe(true);
  const bound = Math.sqrt(1 / 6);
  const dense = initial.get('dense/kernel')!.data;
  expect(Math.max(...dense.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...dense.map(Math.abs))).toBeGreaterThan(bound / 2);
});

test.each(['residual-17', 'viewed-17', 'channels-last', 'merged'])(
  'all variables of %s are fitted by training steps',
  async (name) => {
    const { model, weights } = await importOnnxClassifier(file(name));
    const size = name === 'merged' ? 16 : model.input.size;
    const step = await TrainingStep.compile(
      (net, pixels) => model.originalHead!.logits(net, model.backbone(net, pixels)),
      { images: [2, 3, size, size] },
    );
    step.load(weights);
    const fixed = { learningRate: 0.03, weightDecay: 0, statisticsDecay: 0.9, seed: 1 };
    const batch = { images: images(size).data, labels: Int32Array.of(0, 3) };
    const losses: number[] = [];
    for (let k = 0; k < 80; k++) losses.push((await step.run({ ...fixed, ...batch, step: k })).loss);
    expect(losses.at(-1)).toBeLessThan(losses[0] / 2);
    const unmoved = [...step.weights()].filter(([key, { data }]) =>
      data.every((value, index) => value === weights.get(key)?.data[index]),
    );
    expect(unmoved.map(([key]) => key)).toEqual([]);
    await step.close();
  },
);

describe('files that are no classifiers', () => {
  test.each([
    ['segmentation', 'ONNX_NOT_A_CLASSIFIER', 'Given [1, 3, S, S] the output has the shape [1, 5, 8, 8].'],
    ['features', 'ONNX_NOT_A_CLASSIFIER', 'It ends in the Conv node "last".'],
    ['two-inputs', 'ONNX_NOT_A_CLASSIFIER', '"depth" float32 [N, 1, 8, 8]'],
    [
      'unknown-ops',
      'ONNX_UNSUPPORTED',
      'cannot be imported: MeanVarianceNormalization (2, first in node "norm1"), Hardmax (1, first in node "winner")',
    ],
    ['absent', 'ONNX_UNREADABLE', 'absent.onnx cannot be read'],
  ])('%s: %s', async (name, code, message) => {
    const failure = importOnnxClassifier(file(name));
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(message);
  });
});
