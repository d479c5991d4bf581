/**
 * Transferability scores of a real pre-trained network on small procedural sets: what they are computed from, and which
 * of them apply. The formulas themselves are tested in test/stats/transferability.test.ts.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ImageDataset, type ImageRecord, labelsOf } from '../../src/data/index.ts';
import { transferHead } from '../../src/models/index.ts';
import { Features, leep } from '../../src/stats/transferability/index.ts';
import { SCORES } from '../../src/stats/transferability/names.ts';
import { openDataset } from '../../src/study/index.ts';
import { networkFile, openImageFunction } from '../../src/train/index.ts';
import { type ScoresValue, type SettingInputs, transferabilityScores } from '../../src/transfer/index.ts';
import { scoresOf } from '../../src/transfer/scores.ts';
import { silent } from '../../src/util/progress.ts';
import { openModel } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { refusalOf } from '../refusal.ts';

let inputs: SettingInputs;
let value: ScoresValue;

async function inputsFor(spec: string, cacheFolder: string): Promise<SettingInputs> {
  const dataset = await openDataset(spec, { splitSeed: 0, cacheFolder });
  const { model, weights, head } = await openModel('demo/mobilenet_v1_025');
  return {
    dataset,
    model,
    weights,
    head,
    seed: 0,
    cacheFolder,
    threads: 1,
    device: 'cpu',
    onProgress: silent,
  };
}

beforeAll(async () => {
  inputs = await inputsFor('procedural/shapes#per-class=6,seed=0', join(await temporaryFolder(), 'cache'));
  ({ value } = await transferabilityScores(inputs, {}));
});

/** The exported network's logits of the training images, run one by one. */
async function sourceProbabilities(): Promise<Features> {
  const { model, weights, head, dataset } = inputs;
  const size = model.input.size;
  const all = new Map([...weights!, ...head!.weights]);
  const file = networkFile(
    (net, x) => transferHead(net, model.backbone(net, x), head!.classes),
    'logits',
    size,
    all,
  );
  const network = await openImageFunction(file, 'logits', [1, 3, size, size]);
  const rows: number[] = [];
  for (const record of dataset.splits.train) {
    const picture = await dataset.render(record, { kind: 'central-square', size, filter: 'bicubic' });
    const { mean, std } = model.input;
    const input = Float32Array.from({ length: 3 * size * size }, (_, i) => {
      const channel = Math.floor(i / (size * size));
      return (picture.pixels[(i % (size * size)) * 3 + channel] / 255 - mean[channel]) / std[channel];
    });
    const { data } = await network.run(input);
    const exponentials = [...data].map(Math.exp);
    const sum = exponentials.reduce((total, one) => total + one, 0);
    rows.push(...exponentials.map((one) => one / sum));
  }
  await network.close();
  return new Features(Float32Array.from(rows), dataset.splits.train.length, head!.classes);
}

describe('on a data set of one class per image', () => {
  test('all are computed, on the training part', () => {
    const { train } = inputs.dataset.splits;
    expect(value.measuredOn).toEqual({
      images: train.length,
      classes: inputs.dataset.classes.length,
      features: 256,
      sourceClasses: 40,
    });
    expect(value.missing).toEqual({});
    for (const name of SCORES) expect(value[name], name).toEqual(expect.any(Number));
    expect(value.nce).toBeLessThanOrEqual(0);
    expect(value.leep).toBeLessThanOrEqual(value.nce! + 1e-9);
    expect(value.hscore).toBeGreaterThan(0);
    expect(value.hscore).toBeLessThan(inputs.dataset.classes.length);
  });

  test("LEEP is that of the exported network's probabilities", async () => {
    const labels = labelsOf(inputs.dataset, inputs.dataset.splits.train);
    expect(leep(await sourceProbabilities(), labels)).toBeCloseTo(value.leep!, 3);
  });

  test('images of validation and test part are not looked at', async () => {
    const { dataset } = inputs;
    const train = new Set(dataset.splits.train);
    const guarded: ImageDataset = {
      ...dataset,
      fingerprint: 'guarded',
      render: (record: ImageRecord, view) => {
        if (!train.has(record)) throw new Error(`${record.id} is not of the training part`);
        return dataset.render(record, view);
      },
    };
    const again = await transferabilityScores(
      { ...inputs, dataset: guarded },
      { scores: ['logme', 'hscore'] },
    );
    expect(again.value).toMatchObject({ logme: value.logme, hscore: value.hscore });
  });

  test('without a classifier of the source LEEP and NCE are null, and only what is asked for is computed', async () => {
    const bare = await transferabilityScores(
      { ...inputs, head: undefined },
      { scores: ['nce', 'leep', 'gbc'] },
    );
    expect(bare.value).toEqual({
      nce: null,
      leep: null,
      gbc: value.gbc,
      missing: { nce: expect.stringContaining('classifier'), leep: expect.stringContaining('classifier') },
      measuredOn: { ...value.measuredOn, sourceClasses: null },
    });
  });

  test('a network without weights is refused', async () => {
    const error = await refusalOf(transferabilityScores({ ...inputs, weights: undefined }, {}));
    expect(error.code).toBe('WEIGHTS_MISSING');
  });
});

test('of a multi-label set LogME alone is defined, over images that are difficult for no class', async () => {
  const { dataset } = inputs;
  const labelled = (record: ImageRecord, i: number): ImageRecord => ({
    ...record,
    labels: dataset.classes.map((_, c) =>
      i % 7 === 0 && c === 0 ? -1 : Number(c === record.label || c === i % 3),
    ),
  });
  const train = dataset.splits.train.map(labelled);
  const multiLabel: ImageDataset = { ...dataset, task: 'multi-label', splits: { ...dataset.splits, train } };
  const result = await transferabilityScores({ ...inputs, dataset: multiLabel }, {});
  expect(result.value.logme).toEqual(expect.any(Number));
  for (const name of SCORES.filter((other) => other !== 'logme')) expect(result.value[name], name).toBeNull();
  expect(result.value.missing.hscore).toContain('several classes');
  expect(result.value.measuredOn.images).toBe(train.length - Math.ceil(train.length / 7));
});

describe('a score that cannot be computed', () => {
  // Deviations from the mean are too large for single precision, although the features are not.
  const overflowing = new Features(Float32Array.of(3.4e38, 1, -3.4e38, 2, -3.4e38, 4), 3, 2);
  const seen = { features: overflowing, source: new Features(Float32Array.of(1, 1, 1), 3, 1) };

  test('of numbers that are not finite has its reason in its place, and the others their values', () => {
    const scores = scoresOf({ ...seen, labels: Int32Array.of(0, 1, 1) }, SCORES);
    expect(scores.get('transrate')).toMatch(/^of these features it is (-Infinity|NaN)$/);
    for (const name of SCORES.filter((other) => other !== 'transrate'))
      expect(scores.get(name), name).toEqual(expect.any(Number));
  });

  test('since it throws, too', () => {
    const scores = scoresOf({ ...seen, labels: Int32Array.of(0, 1, 1), source: undefined }, ['nce', 'gbc']);
    expect(scores.get('nce')).toContain('it cannot be computed: ');
    expect(scores.get('gbc')).toEqual(expect.any(Number));
  });
});
