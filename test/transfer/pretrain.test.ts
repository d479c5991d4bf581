/**
 * Pre-training on a set small enough to train on whole: that networks learn, that the file holds what was evaluated, and
 * that what is asked for (switches, smoothing, schedule, averages, lengths) is what is done.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BatchLoader, openViewCache } from '../../src/data/index.ts';
import { findModel, transferHead } from '../../src/models/index.ts';
import { argMaxRows } from '../../src/tensor/tensor.ts';
import { compileImageFunction, runOverImages } from '../../src/train/index.ts';
import {
  type Pretraining,
  type PretrainingOptions,
  pretrain,
  type SettingInputs,
} from '../../src/transfer/index.ts';
import { openModel, readSafetensors } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { colourInputs } from './small-inputs.ts';

const SHORT: PretrainingOptions = {
  steps: 4,
  batchSize: 8,
  learningRate: 0.05,
  weightDecay: 1e-4,
  smallestCrop: 0.5,
  statisticsDecay: 0.9,
};

let inputs: SettingInputs;

beforeAll(async () => {
  inputs = await colourInputs(14, { weights: undefined, seed: 3 });
});

const trained = (change: Partial<PretrainingOptions> = {}, model = 'cifar_resnet20@16') =>
  pretrain({ ...inputs, model: findModel(model) }, { ...SHORT, ...change });

const same = (a: Pretraining, b: Pretraining) => Buffer.from(a.file.bytes).equals(b.file.bytes);

/** The file of a pre-training, on disk. */
async function fileOf({ file }: Pretraining): Promise<string> {
  const path = join(await temporaryFolder(), 'weights.safetensors');
  await writeFile(path, file.bytes);
  return path;
}

describe('a pre-training', () => {
  it('learns, and says of the file what the file does', async () => {
    const pretraining = await trained({ steps: 40 });
    const { value } = pretraining;
    const { splits, classes } = inputs.dataset;
    expect(value).toMatchObject({
      steps: 40,
      batchSize: 8,
      sourceImages: splits.test.length,
      validationImages: splits.validation.length,
      trainImages: splits.train.length,
      classes: 3,
    });
    expect(value.sourceAccuracy).toBeGreaterThan(0.8);
    const path = await fileOf(pretraining);
    const { tensors, metadata } = await readSafetensors(path);
    expect(JSON.parse(metadata.classes)).toEqual(classes);
    const { model } = inputs;
    expect(tensors.get('head.weight')?.shape).toEqual([3, model.featureSize]);
    expect(tensors.get('head.bias')?.shape).toEqual([3]);
    // The same answers by another way: the file's tensors as constants of a frozen network.
    const view = { kind: 'short-side', size: 18, filter: 'bilinear' } as const;
    const labels = splits.test.map(({ label }) => label);
    const loader = new BatchLoader({
      cache: await openViewCache(inputs.dataset, splits.test, view, inputs.cacheFolder),
      ...{ labels, batchSize: 5, transform: 'centre', seed: 0, threads: 0, ...model.input },
    });
    const network = await compileImageFunction(
      (net, x) => transferHead(net, model.backbone(net, x), 3),
      [5, 3, 16, 16],
      tensors,
    );
    const logits = await runOverImages(network, loader, labels.length, { phase: 'test' });
    await network.close();
    await loader.close();
    const right = [...argMaxRows(logits)].filter((label, i) => label === labels[i]).length;
    expect(value.sourceAccuracy).toBe(right / labels.length);
  });

  it('is the same for the same seed, in steps or epochs, and another for another seed', async () => {
    const [first, again] = [await trained(), await trained()];
    expect(same(again, first)).toBe(true);
    const inEpochs = await trained({ steps: undefined, epochs: first.value.epochs });
    expect(inEpochs.value.steps).toBe(4);
    expect(same(inEpochs, first)).toBe(true);
    const other = await pretrain({ ...inputs, seed: 4 }, SHORT);
    expect(same(other, first)).toBe(false);
  });

  it.each(['cifar_resnet20-gamma@16', 'cifar_resnet20+dropout50@16', 'googlenet_025+aux@32'])(
    'of %s opens as that architecture, input included',
    async (name) => {
      const path = await fileOf(await trained({ steps: 2 }, name));
      const { model, weights } = await openModel(path);
      expect(model.name).toBe(findModel(name).name);
      expect(model.input).toEqual(findModel(name).input);
      const { tensors } = await readSafetensors(path);
      const backbone = [...tensors.keys()].filter((key) => !key.startsWith('head.'));
      expect([...weights!.keys()].sort()).toEqual(backbone.sort());
      for (const [key, { shape, data }] of weights!) {
        expect(shape).toEqual(tensors.get(key)!.shape);
        expect(Buffer.from(data.buffer).equals(Buffer.from(tensors.get(key)!.data.buffer))).toBe(true);
      }
    },
  );

  it('has auxiliary classifiers in its file, which the network can do without afterwards', async () => {
    const path = await fileOf(await trained({ steps: 1 }, 'googlenet_025+aux@32'));
    const { tensors } = await readSafetensors(path);
    expect(tensors.get('head.auxiliary1.weight')?.shape[0]).toBe(3);
    const { model, weights } = await openModel(`googlenet_025@32=${path}`);
    expect(model.name).toBe('googlenet_025@32');
    expect([...weights!.keys()].filter((key) => key.startsWith('aux'))).toEqual([]);
  });

  it('has the dropout of the model’s name', async () => {
    const { value: plain } = await trained({ steps: 1 });
    const { value: none } = await trained({ steps: 1 }, 'cifar_resnet20-dropout@16');
    const { value: half } = await trained({ steps: 1 }, 'cifar_resnet20+dropout50@16');
    // Initial weights and images are the same: only the loss of the features that are left can differ.
    expect(none.curve).toEqual(plain.curve);
    expect(half.curve[0].loss).not.toBe(plain.curve[0].loss);
  });

  it('smooths labels, and keeps averages', async () => {
    const plain = await trained();
    expect(same(await trained({ labelSmoothing: 0.3 }), plain)).toBe(false);
    // An average without memory is the weights themselves; one with memory is not.
    expect(same(await trained({ average: 0 }), plain)).toBe(true);
    expect(same(await trained({ average: 0.5 }), plain)).toBe(false);
  });

  it('follows the schedule', async () => {
    const rates = async (schedule?: PretrainingOptions['schedule']) =>
      (await trained({ schedule })).value.curve.map(({ learningRate }) => learningRate / 0.05);
    const { epochs } = (await trained()).value;
    const cosine = [0, 1, 2, 3].map((step) => (1 + Math.cos((Math.PI * step) / 4)) / 2);
    for (const [i, rate] of (await rates()).entries()) expect(rate).toBeCloseTo(cosine[i], 12);
    const warmUp = 10 * (4 / epochs);
    for (const [i, rate] of (await rates('warm-up-exponential')).entries())
      expect(rate).toBeCloseTo((i + 1) / warmUp, 12);
  });

  it('says what is left', async () => {
    const events: { done: number; total: number }[] = [];
    await pretrain(
      {
        ...inputs,
        onProgress: ({ phase, done, total }) => phase === 'pre-train' && events.push({ done, total }),
      },
      SHORT,
    );
    expect(events.length).toBeGreaterThan(4);
    expect(new Set(events.map(({ total }) => total)).size).toBe(1);
    for (const [i, { done, total }] of events.entries()) {
      expect(done).toBeGreaterThanOrEqual(events[i - 1]?.done ?? 0);
      expect(done).toBeLessThan(total);
    }
  });
});

describe('a pre-training that cannot be', () => {
  it('says so where it diverged', async () => {
    await expect(trained({ learningRate: 1e30, steps: 10 })).rejects.toMatchObject({
      code: 'PRETRAINING_DIVERGED',
      message: expect.stringMatching(
        /^cifar_resnet20@16 diverged on .* after \d+ steps\. The first .* in layer "\w+"\. Take a learning rate below 1e\+30\.$/,
      ),
    });
  });

  it('refuses averages that would be of random weights', async () => {
    await expect(trained({ average: 0.9999 })).rejects.toMatchObject({
      code: 'PRETRAINING_AVERAGE',
      message: expect.stringContaining('Train for 23025 steps or more, or take a decay of 0.5623 or less.'),
    });
  });

  it('refuses a multi-label source', async () => {
    const dataset = { ...inputs.dataset, task: 'multi-label' } as const;
    await expect(pretrain({ ...inputs, dataset }, SHORT)).rejects.toMatchObject({
      code: 'SOURCE_MULTI_LABEL',
    });
  });
});
