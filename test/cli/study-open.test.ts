/** Opening a study: what of it is here, what is taken by its published numbers, and which weights are whose. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgressDisplay } from '../../src/cli/progress.ts';
import { openStudy, withPretrained } from '../../src/cli/study/open.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { sha256OfFile } from '../../src/util/hash.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';
import { sampleMeasurement } from '../store/samples.ts';

let folder: string;
const display = new ProgressDisplay();

beforeAll(async () => {
  folder = await temporaryFolder();
});

afterAll(() => display.stop());

async function opened(models: string, datasets = '[procedural/fine]', how?: 'declared') {
  const path = join(folder, 'study.yaml');
  await writeFile(
    path,
    `
title: Names
protocol: smoke
sources:
  source:
    dataset: 'procedural/source#per-class=3,seed=0'
    training: { epochs: 1, learningRate: 0.01 }
models: ${models}
datasets: ${datasets}
experiments: { settings: {} }
`,
  );
  const options = { cacheFolder: folder, offline: true, threads: 1, device: 'cpu' } as const;
  return openStudy(path, options, display, how);
}

const pretrained = (name: string, labelSmoothing = 0) =>
  `{ name: '${name}', pretrain: { model: cifar_resnet20@16, source: source, labelSmoothing: ${labelSmoothing} } }`;

describe('networks that are pre-trained', () => {
  let store: Store;
  beforeAll(async () => {
    store = await openEmbeddedStore(join(folder, 'store'));
  });
  afterAll(() => store.close());

  it('keep their own weights where their names differ only in what a file name cannot have', async () => {
    const study = await opened(
      `[${pretrained('ResNet+LS', 0.1)}, ${pretrained('ResNet-LS')}, ${pretrained('resnet LS', 0.2)}]`,
    );
    const files: string[] = [];
    for (const [seed, { pretraining }] of study.models.entries()) {
      const file = await smallWeightsFile(folder, `weights-${seed}`, 'cifar_resnet20', seed);
      const artifact = await store.putArtifact(file, 'application/octet-stream');
      const value = { sourceAccuracy: seed / 10, sourceImages: 100 };
      await store.keepMeasurement({
        ...sampleMeasurement(seed, artifact),
        key: pretraining!.task.key,
        value,
      });
      files.push(await sha256OfFile(file));
    }
    const { models } = await withPretrained(study, store, join(folder, 'pretrained'));
    expect(models.map((model) => model.opened.weightsHash)).toEqual(files);
    expect(models.map(({ sourceAccuracy }) => sourceAccuracy)).toEqual([0, 0.1, 0.2]);
  });

  it('are architectures: what has weights is refused', async () => {
    const weights = '{ name: Demo, pretrain: { model: demo/resnet18_025, source: source } }';
    await expect(opened(`[${weights}]`)).rejects.toMatchObject({ code: 'STUDY_PRETRAINED' });
  });
});

describe('a plan of what is not here', () => {
  it('takes data sets by their published numbers, and designs of them', async () => {
    const { datasets, absent } = await opened(
      '[cifar_resnet20@16]',
      "['pets=/nowhere', { name: few, open: 'pets=/nowhere#per-class=10,seed=1' }]",
      'declared',
    );
    expect(absent).toEqual(['pets=/nowhere', 'pets=/nowhere#per-class=10,seed=1']);
    const [whole, few] = datasets.map(({ dataset: { splits } }) => splits);
    expect(whole.train.length + whole.validation.length).toBe(3680);
    expect(few.train.length + few.validation.length).toBe(370);
    expect(few.test.length).toBe(whole.test.length);
  });

  it('takes weights by their architecture where they would be a file, and asks the hub for what is there', async () => {
    const { absent } = await opened('[resnet18=/nowhere/resnet18.pth]', undefined, 'declared');
    expect(absent).toEqual(['resnet18=/nowhere/resnet18.pth']);
    const hub = opened('[resnet18=timm/resnet18.a1_in1k]', undefined, 'declared');
    await expect(hub).rejects.toMatchObject({ code: expect.stringMatching(/^HUB_/) });
  });
});
