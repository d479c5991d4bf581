/** Opening a model by what a user types, with files of our own and the published ones. */
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { findModel, type Model, variablesOf, withInput } from '../../src/models/index.ts';
import { INFERENCE, initialize, Network } from '../../src/nn/index.ts';
import { decodeModel, writeModel } from '../../src/onnx/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { sha256OfFile } from '../../src/util/hash.ts';
import {
  openModel,
  readSafetensors,
  saveWeights,
  type Weights,
  writeSafetensors,
} from '../../src/weights/index.ts';
import { refusalOf } from '../refusal.ts';
import { describeShared, sharedPath } from '../shared.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-model-'));
});
afterAll(() => rm(folder, { recursive: true }));

const inFolder = (name: string) => join(folder, name);
const randomWeights = (model: Model): Weights => initialize(variablesOf(model).backbone, 3);

/** The same names, shapes and bits; comparing number by number would take seconds. */
function expectSame(found: Weights | undefined, expected: Weights): void {
  expect([...found!.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    const other = found!.get(name)!;
    expect(other.shape).toEqual(shape);
    const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
      Buffer.from(buffer, byteOffset, byteLength);
    expect(bytes(other.data).equals(bytes(data)), name).toBe(true);
  }
}

const DESCRIPTION = { classes: ['ant', 'bee'], source: 'Trained in a test', licence: 'CC0-1.0' };

const refusal = (spec: string) => refusalOf(openModel(spec));

describe('an architecture', () => {
  test('comes without weights', async () => {
    const opened = await openModel('mobilenet_v1_025@64');
    expect(opened).toMatchObject({
      weights: undefined,
      weightsHash: undefined,
      label: 'mobilenet_v1_025@64',
    });
    expect(opened.model.input.size).toBe(64);
    expect(opened.source).toContain('random initialisation');
  });

  test('must exist', async () => {
    expect((await refusal('resnet51')).code).toBe('UNKNOWN_MODEL');
    expect((await refusal('')).code).toBe('UNKNOWN_MODEL');
  });
});

describe('a file of our own', () => {
  test('brings architecture, input, label, hash and origin', async () => {
    const own = withInput(findModel('mobilenet_v1_025@64'), { mean: [0.1, 0.2, 0.3], std: [1, 2, 3] });
    const path = inFolder('demo.safetensors');
    const weights = randomWeights(own);
    await saveWeights(path, own, weights, DESCRIPTION);
    const opened = await openModel(path);
    expect(opened.model.name).toBe('mobilenet_v1_025@64');
    expect(opened.model.input).toEqual({ size: 64, mean: [0.1, 0.2, 0.3], std: [1, 2, 3] });
    expectSame(opened.weights, weights);
    expect(opened.label).toBe('demo');
    expect(opened.weightsHash).toBe(await sha256OfFile(path));
    expect(opened.source).toContain('Trained in a test');
    expect(opened.source).toContain('CC0-1.0');
    const { metadata } = await readSafetensors(path);
    expect(JSON.parse(metadata.classes)).toEqual(['ant', 'bee']);
    expect(metadata.input_size).toBe('64');
  });

  test.each([
    ['mean', 'blue'],
    ['mean', '[1,2]'],
    ['std', '[1,0,1]'],
    ['std', '[1,null,1]'],
  ])('is refused when its %s is %s', async (key, text) => {
    const path = inFolder('metadata.safetensors');
    const weights = randomWeights(findModel('cifar_resnet20'));
    await writeSafetensors(path, weights, { transferlab_model: 'cifar_resnet20', [key]: text });
    expect((await refusal(path)).code).toBe('WEIGHTS_METADATA');
  });

  test('is refused when it names a model that there is not, or another one than its own', async () => {
    const path = inFolder('named.safetensors');
    const weights = randomWeights(findModel('cifar_resnet20'));
    await writeSafetensors(path, weights, { transferlab_model: 'no_such' });
    expect((await refusal(path)).code).toBe('UNKNOWN_MODEL');
    await writeSafetensors(path, weights, { transferlab_model: 'cifar_resnet32' });
    expect((await refusal(path)).code).toBe('WEIGHTS_MISFIT');
  });
});

describe('an imported network with its numbers in another file', () => {
  const fixture = fileURLToPath(new URL('../fixtures/onnx/classifiers/viewed-9.onnx', import.meta.url));

  /** The fixture with its largest array changed, under the same name, with the weights beside it. */
  async function opened(externalAbove: number, change = 0) {
    const model = decodeModel(await readFile(fixture));
    const path = inFolder('exported.onnx');
    const [largest] = [...model.graph.initializers.values()].sort((a, b) => b.data.length - a.data.length);
    largest.data[0] = Number(largest.data[0]) + change;
    const written = await writeModel(path, model, { externalAbove });
    const own = await sha256OfFile(path);
    return { written, own, hash: (await openModel(path)).weightsHash };
  }

  test('has a hash of both files', async () => {
    const [first, again, changed] = [await opened(0), await opened(0), await opened(0, 1)];
    expect(first.written).toHaveLength(2);
    expect(changed.own).toBe(first.own);
    expect(again.hash).toBe(first.hash);
    expect(changed.hash).not.toBe(first.hash);
  });

  test('one file alone has its own hash', async () => {
    const { written, own, hash } = await opened(Number.POSITIVE_INFINITY);
    expect(written).toHaveLength(1);
    expect(hash).toBe(own);
  });
});

describe('the classifier that a file has besides', () => {
  const model = findModel('cifar_resnet20');
  const layer = (name: string, classes: number): Weights =>
    new Map([
      [`${name}.weight`, float32([classes, 64], new Float32Array(classes * 64).fill(classes))],
      [`${name}.bias`, float32([classes], new Float32Array(classes))],
    ]);

  async function headOfFile(extra: Weights) {
    const path = inFolder('headed.safetensors');
    await saveWeights(path, model, new Map([...randomWeights(model), ...extra]), DESCRIPTION);
    const { head, weights } = await openModel(path);
    expect([...weights!.keys()]).toEqual(variablesOf(model).backbone.map(({ name }) => name));
    if (!head) return undefined;
    const net = new Network(new Graph(), INFERENCE);
    const logits = head.logits(net, model.backbone(net, net.graph.input('images', [2, 3, 32, 32])));
    expect(logits.shape).toEqual([2, head.classes]);
    return head;
  }

  test.each([
    ["the network's own", 'linear', 10],
    ["the network's own layer for other classes", 'linear', 7],
    ['that of a pre-training here', 'head', 40],
  ])('%s', async (_, name, classes) => {
    const expected = layer(name, classes);
    const head = await headOfFile(expected);
    expect(head?.classes).toBe(classes);
    expectSame(head!.weights, expected);
  });

  test('is left out where there is none, where it does not fit the features, or where it has diverged', async () => {
    expect(await headOfFile(new Map())).toBeUndefined();
    const narrow = float32([3, 32], new Float32Array(96));
    expect(
      await headOfFile(
        new Map([
          ['head.weight', narrow],
          ['head.bias', float32([3], new Float32Array(3))],
        ]),
      ),
    ).toBeUndefined();
    const diverged = layer('head', 3);
    diverged.get('head.bias')!.data[1] = Number.NaN;
    expect(await headOfFile(diverged)).toBeUndefined();
  });
});

describe('a file of unknown origin', () => {
  test('is opened as the architecture that its name or the user states', async () => {
    const weights = randomWeights(findModel('cifar_resnet20'));
    const named = inFolder('cifar_resnet20.safetensors');
    await writeSafetensors(named, weights);
    expect((await openModel(named)).model.name).toBe('cifar_resnet20');
    const other = inFolder('a=b.safetensors');
    await copyFile(named, other);
    const opened = await openModel(`cifar_resnet20@64=${other}`);
    expect(opened.model.name).toBe('cifar_resnet20@64');
    expectSame(opened.weights, weights);
    const error = await refusal(other);
    expect(error.code).toBe('ARCHITECTURE_UNKNOWN');
    expect(error.remedy).toContain('registryName=path');
  });

  test('a head of other classes is left out, and reports say so', async () => {
    const path = inFolder('cifar_resnet20.safetensors');
    const weights = randomWeights(findModel('cifar_resnet20'));
    weights.set('linear.weight', float32([3, 64], new Float32Array(192)));
    weights.set('linear.bias', float32([3], [1, 2, 3]));
    await writeSafetensors(path, weights);
    const opened = await openModel(path);
    expect(opened.weights!.has('linear.weight')).toBe(false);
    expect(opened.source).toContain('Their classifier, of 3 classes, is left out.');
  });

  test('a folder of the name of an architecture or a repository does not matter', async () => {
    const before = process.cwd();
    await mkdir(inFolder('resnet18'));
    process.chdir(folder);
    try {
      expect((await openModel('resnet18')).label).toBe('resnet18');
    } finally {
      process.chdir(before);
    }
  });

  test.each([
    ['nothing.safetensors', 'MODEL_FILE_MISSING'],
    ['nothing.onnx', 'MODEL_FILE_MISSING'],
    ['network.pth', 'MODEL_FILE_MISSING'],
    ['network.keras', 'MODEL_FILE_KIND'],
    ['folder/', 'MODEL_FILE_KIND'],
  ])('%s is refused', async (name, code) => {
    expect((await refusal(inFolder(name))).code).toBe(code);
  });

  test('an ONNX file takes no stated architecture, and must be one', async () => {
    await writeFile(inFolder('text.onnx'), 'not a network');
    expect((await refusal(`resnet18=${inFolder('text.onnx')}`)).code).toBe('MODEL_FILE_KIND');
    expect((await refusal(inFolder('text.onnx'))).code).toMatch(/^ONNX_/);
  });
});

describe('the networks of the package', () => {
  const assets = fileURLToPath(new URL('../../assets/weights/', import.meta.url));
  const present = existsSync(assets)
    ? readdirSync(assets).filter((file) => file.endsWith('.safetensors'))
    : [];

  test('each can be opened by its short name', async () => {
    for (const file of present) {
      const spec = `demo/${basename(file, '.safetensors')}`;
      const opened = await openModel(spec);
      expect(opened.label).toBe(spec);
      expect(opened.weights!.size).toBeGreaterThan(0);
    }
  });

  test('others are refused with a list', async () => {
    const error = await refusal('demo/no_such');
    expect(error.code).toBe('MODEL_FILE_MISSING');
    for (const file of present) expect(error.message).toContain(`demo/${basename(file, '.safetensors')}`);
  });
});

describeShared('the published files', () => {
  test.each([
    ['cifar10_resnet20', 'cifar_resnet20', 10],
    ['cifar10_resnet56', 'cifar_resnet56', 10],
    ['darknet_tiny', 'darknet_tiny', 1000],
    ['mobilenet_v1_025', 'mobilenet_v1_025_folded', 1001],
    ['mobilenet_v2_bn', 'mobilenet_v2_gluon', undefined],
    ['mobilenet_v2_folded', 'mobilenet_v2_folded', 1000],
    ['resnet50v2_stages123', 'resnet50v2_stages123', undefined],
    ['squeezenet1_1', 'squeezenet1_1', 1000],
  ])('%s is %s', async (stem, name, classes) => {
    const opened = await openModel(sharedPath('weights', `${stem}.safetensors`));
    expect(opened.model).toBe(findModel(name));
    expect(opened.label).toBe(stem);
    expect([...opened.weights!.keys()]).toEqual(
      variablesOf(opened.model).backbone.map((variable) => variable.name),
    );
    expect(opened.head?.classes).toBe(classes);
  });

  test('the PyTorch file is the network of its name, or of the name that is stated', async () => {
    const path = sharedPath('weights/cifar10_resnet20.pth');
    const opened = await openModel(path);
    expect(opened.model).toBe(findModel('cifar_resnet20'));
    expect(opened.label).toBe('cifar10_resnet20');
    expect(opened.weightsHash).toBe(await sha256OfFile(path));
    expectSame(
      opened.weights,
      (await openModel(sharedPath('weights/cifar10_resnet20.safetensors'))).weights!,
    );
    // As torchvision names files: with a part of their checksum.
    const renamed = inFolder('cifar_resnet20-12fca82f.th');
    await copyFile(path, renamed);
    expect((await openModel(renamed)).model.name).toBe('cifar_resnet20');
    expect((await openModel(`cifar_resnet20@64=${path}`)).model.name).toBe('cifar_resnet20@64');
    expect((await refusal(`cifar_resnet32=${path}`)).code).toBe('WEIGHTS_MISFIT');
  });

  test('a published file is recognised under another name', async () => {
    const path = inFolder('renamed.safetensors');
    await copyFile(sharedPath('weights/mobilenet_v1_025.safetensors'), path);
    expect((await openModel(path)).model.name).toBe('mobilenet_v1_025_folded');
  });

  test('the ONNX file of a network has the weights of its safetensors file', async () => {
    const imported = await openModel(sharedPath('weights/squeezenet1_1.onnx'));
    const { weights } = await openModel(sharedPath('weights/squeezenet1_1.safetensors'));
    expect(imported.label).toBe('squeezenet1_1');
    expect(imported.model.featureSize).toBe(512);
    expectSame(imported.weights, weights!);
  });
});
