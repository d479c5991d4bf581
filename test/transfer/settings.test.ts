/**
 * The three settings on a data set small enough to run whole: what is chosen, what is trained on what, which
 * trials end early, and that the exported file is the network whose answers were counted.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { predict } from '../../src/cli/commands/predict.ts';
import { type ImageDataset, openFolderDataset } from '../../src/data/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { argMaxRows, float32 } from '../../src/tensor/tensor.ts';
import { Evaluator, TrainingStep } from '../../src/train/index.ts';
import { requireFinite } from '../../src/transfer/image-pass.ts';
import {
  type FixedProtocol,
  fixedFeatures,
  gridOf,
  type SettingInputs,
  type SettingResult,
  type TuningProtocol,
  tuned,
} from '../../src/transfer/index.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { describePython, python } from '../python.ts';
import { SMALL_TUNING, smallInputs } from './small-inputs.ts';

const FIXED: FixedProtocol = {
  lambdas: [1e-4, 1e-2, 1, 1e4],
  tolerance: 1e-6,
  patience: null,
  view: { kind: 'central-square', filter: 'bicubic' },
};

const TUNING: TuningProtocol = {
  ...SMALL_TUNING,
  steps: 6,
  learningRates: [0.01, 0.05],
  dropout: 0.2,
};

let folder: string;
let inputs: SettingInputs;

beforeAll(async () => {
  folder = await colourFolder({ red: 9, green: 9, blue: 9 });
  inputs = await smallInputs(await openFolderDataset(folder, { seed: 0 }));
});

/** The inputs with some parts of the data set without their last image. */
function without(...parts: (keyof ImageDataset['splits'])[]): SettingInputs {
  const splits = { ...inputs.dataset.splits };
  for (const part of parts) splits[part] = splits[part].slice(0, -1);
  return { ...inputs, dataset: { ...inputs.dataset, splits } };
}

const fixed = (given = inputs, change: Partial<FixedProtocol> = {}) =>
  fixedFeatures(given, { ...FIXED, ...change });
const finetuned = (given = inputs, change: Partial<TuningProtocol> = {}) =>
  tuned(given, { ...TUNING, ...change }, 'finetune');
const ONE_POINT = { learningRates: [0.02] };

/** What `transferlab predict` says of the test images, and what the setting said of them. */
async function answers({ network, testLogits }: SettingResult) {
  const path = join(await temporaryFolder(), 'network.onnx');
  await writeFile(path, network);
  const { test } = inputs.dataset.splits;
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(`${text}`) > 0);
  const images = test.map(({ id }) => join(folder, id));
  await predict(path, images, { json: true, threads: '1' }).finally(() => spy.mockRestore());
  const document: { answers: { image: string; classes: { label: string; probability: number }[] }[] } =
    JSON.parse(written.join(''));
  return {
    images,
    predicted: document.answers.map(({ image, classes }) => ({ image, label: classes[0].label })),
    counted: [...argMaxRows(testLogits)].map((label, i) => ({
      image: images[i],
      label: inputs.dataset.classes[label],
    })),
  };
}

const CHECK =
  'import onnx, sys\nonnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)\nprint("fine")';

const PHASES = ['features', 'logistic regression', 'predict test images', 'train', 'done'];

/** What holds of every setting. `run` with one point of the grid. */
function contract(name: string, run: (given: SettingInputs) => Promise<SettingResult>) {
  describe(name, () => {
    let result: SettingResult;
    const shares: number[] = [];
    beforeAll(async () => {
      result = await run({
        ...inputs,
        onProgress: ({ phase, done, total }) => PHASES.includes(phase) && shares.push(done / total),
      });
    });

    it('exports the network whose answers were counted', async () => {
      const { predicted, counted, images } = await answers(result);
      expect(images.length).toBeGreaterThan(3);
      expect(predicted).toEqual(counted);
    });

    it('says how long images were not ready', () => {
      const { preparing, waiting } = result.imageSeconds;
      expect(Math.min(preparing, waiting)).toBeGreaterThan(0);
      expect(preparing + waiting).toBeLessThan(result.seconds.total);
    });

    it('gives the same bits again', async () => {
      const again = await run(inputs);
      expect(again.testLogits).toEqual(result.testLogits);
      expect(Buffer.compare(again.network, result.network)).toBe(0);
      expect(again.hyperparameters).toEqual(result.hyperparameters);
      expect(again.curve).toEqual(result.curve);
    });

    it('fits the final network on train and validation part, and never sees the test part', async () => {
      for (const [part, differs] of [
        ['train', true],
        ['validation', true],
        ['test', false],
      ] as const) {
        const { network } = await run(without(part));
        expect(Buffer.compare(network, result.network) !== 0, part).toBe(differs);
      }
    });

    it('reports progress that grows up to the whole', () => {
      expect(shares.length).toBeGreaterThan(3);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      expect(shares.at(-1)).toBe(1);
    });

    describePython(`${name}, by the ONNX checker`, ['onnx'], () => {
      it('exports a valid file', async () => {
        const path = join(await temporaryFolder(), 'network.onnx');
        await writeFile(path, result.network);
        expect(python(CHECK, path).trim()).toBe('fine');
      });
    });
  });
}

contract('fixed features', (given) => fixed(given, { lambdas: [0.1] }));
contract('fine-tuning', (given) => finetuned(given, ONE_POINT));
contract('from scratch', (given) =>
  tuned({ ...given, weights: undefined }, { ...TUNING, ...ONE_POINT }, 'scratch'),
);

describe('the choice', () => {
  it('of lambda is the best on validation, of equal ones the largest', async () => {
    const { trials, hyperparameters, validation, curve } = await fixed();
    expect(trials.map((trial) => trial.hyperparameters.lambda)).toEqual([1e4, 1, 1e-2, 1e-4]);
    const best = Math.max(...trials.map((trial) => trial.validation!));
    const equal = trials.filter((trial) => trial.validation === best);
    expect(equal.length, 'the data must make ties').toBeGreaterThan(1);
    expect(hyperparameters).toEqual({ lambda: Math.max(...equal.map((t) => t.hyperparameters.lambda)) });
    expect(validation).toBe(best);
    expect(curve).toEqual([]);
  });

  it('of the learning rate is the best on validation, and the curve is that of the final run', async () => {
    const result = await finetuned(inputs, { learningRates: [1e-7, 0.05], steps: 16 });
    const [large, small] = result.trials;
    expect([large.hyperparameters.learningRate, small.hyperparameters.learningRate]).toEqual([0.05, 1e-7]);
    expect(large.validation!).toBeGreaterThan(small.validation!);
    expect(result.hyperparameters).toMatchObject({ learningRate: 0.05, steps: 16, batchSize: 8 });
    expect(result.hyperparameters.weightDecay).toBeCloseTo(1e-5 / 0.05, 12);
    expect(result.validation).toBe(large.validation);
    expect(result.curve.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    for (const point of result.curve) {
      expect(Object.values(point).every(Number.isFinite)).toBe(true);
      expect(point.trainAccuracy).toBeGreaterThanOrEqual(0);
      expect(point.trainAccuracy).toBeLessThanOrEqual(1);
    }
  });

  it('with another seed gives other numbers', async () => {
    const [one, other] = [
      await finetuned(inputs, ONE_POINT),
      await finetuned({ ...inputs, seed: 1 }, ONE_POINT),
    ];
    expect(other.testLogits.shape).toEqual(one.testLogits.shape);
    expect(other.testLogits.data).not.toEqual(one.testLogits.data);
  });
});

describe('features that are not finite', () => {
  it('are refused before anything is fitted to them, with how many images have them', async () => {
    const weights = new Map(inputs.weights);
    const { shape, data } = weights.get('conv1.weight')!;
    weights.set('conv1.weight', float32(shape, data.slice().fill(3e38)));
    const { train, validation } = inputs.dataset.splits;
    const count = train.length + validation.length;
    await expect(fixed({ ...inputs, weights })).rejects.toMatchObject({
      code: 'FEATURES_NOT_FINITE',
      message: expect.stringContaining(`${count} of ${count} images of`),
    });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('name the image that has one: %d', (value) => {
    const records = inputs.dataset.splits.train.slice(0, 3);
    const rows = float32([3, 2], Float32Array.of(1, 2, 3, value, 5, 6));
    const found = `1 of 3 images of ${inputs.dataset.name}, the first is "${records[1].id}"`;
    expect(() => requireFinite(rows, inputs, records)).toThrow(found);
    expect(() => requireFinite(float32([3, 2], new Float32Array(6)), inputs, records)).not.toThrow();
  });
});

describe('a limit of memory', () => {
  it('holds for evaluation too: no more images than are trained on, and nothing beside the prediction', async () => {
    const compiled = vi.spyOn(Evaluator, 'compile');
    const closed = vi.spyOn(TrainingStep.prototype, 'close');
    const opened = vi.spyOn(OnnxFunction, 'load');
    const { memory } = await finetuned({ ...inputs, memory: 2 ** 40 }, ONE_POINT);
    const [[, evaluated, { beside } = {}]] = compiled.mock.calls;
    expect(evaluated).toEqual([8, 3, 16, 16]);
    const evaluator = (await compiled.mock.results[0].value) as Evaluator;
    expect(evaluator.plannedBytes!).toBeLessThan(memory!.plannedBytes);
    expect(closed.mock.contexts).toEqual([beside]);
    expect(opened).toHaveBeenCalledOnce();
    expect(closed.mock.invocationCallOrder[0]).toBeLessThan(opened.mock.invocationCallOrder[0]);
    for (const spy of [compiled, closed, opened]) spy.mockRestore();
  });
});

describe('trials that end early', () => {
  it('diverged: marked, without a metric, and the search goes on', async () => {
    const { trials, hyperparameters } = await finetuned(inputs, { learningRates: [1e30, 0.02] });
    expect(trials.map(({ status }) => status)).toEqual(['diverged', 'finished']);
    expect(trials[0].validation).toBeNull();
    expect(hyperparameters.learningRate).toBe(0.02);
  });

  it('all diverged: one clear message', async () => {
    await expect(finetuned(inputs, { learningRates: [1e30, 1e31] })).rejects.toMatchObject({
      code: 'ALL_TRIALS_DIVERGED',
    });
  });

  it('given up where they lie behind the best so far', async () => {
    const giveUp = { after: [0.5], margin: 0.05 };
    const change = { learningRates: [0.05, 1e-7], steps: 16, giveUp };
    const { trials, hyperparameters } = await finetuned(inputs, change);
    expect(trials.map(({ status, steps }) => [status, steps])).toEqual([
      ['finished', 16],
      ['stopped', 8],
    ]);
    expect(hyperparameters.learningRate).toBe(0.05);
  });

  it('not given up for one that diverged later', async () => {
    // With this margin a trial is given up as soon as there is any other to compare it with.
    const giveUp = { after: [1 / TUNING.steps], margin: -1 };
    const { trials } = await finetuned(inputs, { learningRates: [1e30, 0.02, 0.01], giveUp });
    expect(trials.map(({ status, steps }) => [status, steps])).toEqual([
      ['diverged', 2],
      ['finished', TUNING.steps],
      ['stopped', 1],
    ]);
  });
});

it('a grid holds every pair, and weight decay is divided by the learning rate where asked for', () => {
  const protocol = { ...TUNING, learningRates: [0.5, 1], weightDecays: [0, 0.25] };
  expect(gridOf(protocol)).toEqual([
    { learningRate: 1, weightDecay: 0 },
    { learningRate: 1, weightDecay: 0.25 },
    { learningRate: 0.5, weightDecay: 0 },
    { learningRate: 0.5, weightDecay: 0.5 },
  ]);
  expect(gridOf({ ...protocol, divideDecayByRate: false }).at(-1)?.weightDecay).toBe(0.25);
});
