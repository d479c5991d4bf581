/** Drawings of features and panels of pictures as measurements: computed in the worker, kept, with keys by the network. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { transferHead, variablesOf } from '../../src/models/index.ts';
import { initialize } from '../../src/nn/index.ts';
import { metadataOf } from '../../src/onnx/index.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { type MeasurementTask, measureAll, openDataset, planMeasurement } from '../../src/study/index.ts';
import type { PlannedInputs } from '../../src/study/measure.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { networkFile } from '../../src/train/index.ts';
import { type EmbeddingValue, type PanelsValue, panelPictures } from '../../src/transfer/index.ts';
import { sha256 } from '../../src/util/hash.ts';
import { openModel } from '../../src/weights/index.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';

let folder: string;
let store: Store;
let inputs: PlannedInputs;
/** A network with random weights in the form in which settings export theirs. */
let network: { network: string; networkPath: string };

beforeAll(async () => {
  folder = await temporaryFolder();
  store = await openEmbeddedStore(join(folder, 'store'));
  const environment = { cacheFolder: join(folder, 'cache'), threads: 1, device: 'cpu' } as const;
  const spec = `cifar_resnet20@16=${await smallWeightsFile(folder, 'small', 'cifar_resnet20')}`;
  const photos = await colourFolder({ red: 20, green: 20, blue: 20 });
  const dataset = await openDataset(photos, { splitSeed: 0, cacheFolder: environment.cacheFolder });
  const opened = await openModel(spec);
  inputs = {
    dataset: { spec: photos, dataset },
    model: { spec, opened },
    ...{ splitSeed: 0, seed: 0, environment },
  };
  const bytes = exported(inputs);
  const networkPath = join(folder, 'network');
  await writeFile(networkPath, bytes);
  network = { network: sha256(bytes), networkPath };
});
afterAll(() => store.close());

function exported({ model: { opened }, dataset: { dataset } }: PlannedInputs): Uint8Array {
  const { model } = opened;
  const weights = initialize(variablesOf(model).backbone, 7);
  const values = Float32Array.from({ length: 3 * model.featureSize }, (_, i) => Math.sin(i));
  weights.set('head.weight', float32([3, model.featureSize], values));
  weights.set('head.bias', float32([3], Float32Array.of(0, 0.1, 0.2)));
  const resize = { kind: 'short-side', size: 18, filter: 'bilinear' } as const;
  const extra = { version: '1', model: model.name, dataset: dataset.name, setting: 'finetune' };
  const metadata = metadataOf(dataset.classes, { ...model.input, resize }, extra);
  const classifier = (net: Parameters<typeof model.backbone>[0], x: Parameters<typeof model.backbone>[1]) =>
    transferHead(net, model.backbone(net, x), 3);
  return networkFile(classifier, 'logits', model.input.size, weights, metadata);
}

async function measured(tasks: readonly MeasurementTask[]) {
  const options = { ...inputs.environment, workFolder: join(folder, 'work') };
  return (await measureAll(store, tasks, options)).map((outcome) => {
    if (outcome.status === 'failed') throw new Error(outcome.error);
    return outcome.measurement;
  });
}

it('draws features of the pre-trained network and of a trained one', async () => {
  const options = { methods: ['tsne'], imagesPerClass: 4 } as const;
  const before = planMeasurement('embedding', inputs, options);
  const { network: hash, networkPath } = network;
  const after = planMeasurement('embedding', inputs, { ...options, network: hash }, { networkPath });
  const [first, second] = (await measured([before, after])).map(({ value }) => value as EmbeddingValue);
  expect(first.embeddings[0].points.length).toBe(12);
  expect(second.embeddings[0].points.map(({ label }) => label)).toEqual(
    first.embeddings[0].points.map(({ label }) => label),
  );
  expect(second.embeddings[0].points).not.toEqual(first.embeddings[0].points);
});

it('keeps panels with their pictures', async () => {
  const { network: hash, networkPath } = network;
  const task = planMeasurement(
    'panels',
    inputs,
    { images: 3, neighbours: 2, network: hash },
    { networkPath },
  );
  const [{ value, artifact }] = await measured([task]);
  const { neighbours, activation } = value as PanelsValue;
  const pictures = panelPictures(await store.readArtifact(artifact!));
  for (const { image } of neighbours.rows) expect(pictures.get(image)).toMatch(/^data:image\/jpeg;base64,/);
  expect(activation.rows.map(({ overlay }) => pictures.has(overlay))).toEqual([true, true, true]);
});

it('keys name the network by its content, or the model by its weights', () => {
  const options = { images: 3 };
  const { network: hash } = network;
  const own = (change: object) => planMeasurement('panels', inputs, { ...options, ...change });
  const { key } = planMeasurement('panels', inputs, { ...options, network: hash }, { networkPath: '/a' });
  expect(own({ network: hash }).key).toBe(key);
  expect(own({ network: 'another' }).key).not.toBe(key);
  expect(own({}).key).not.toBe(key);
  expect(own({}).determinedBy).toMatchObject({ weights: inputs.model.opened.weightsHash });
});
