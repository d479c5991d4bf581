/** `npm run pretrain:demo`: the weights that ship in `assets/weights`, trained on `procedural/source`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader, type ImageDataset, openProceduralDataset, openViewCache } from '../../data/index.ts';
import { top1 } from '../../evaluate/index.ts';
import { findModel, type Model, transferHead } from '../../models/index.ts';
import { initialize } from '../../nn/index.ts';
import type { SessionOptions } from '../../runtime/index.ts';
import { type Classifier, Evaluator, TrainingStep, train } from '../../train/index.ts';
import { UserError } from '../../util/errors.ts';
import { saveWeights } from '../../weights/index.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, deviceOf, textOf, threadsOf } from '../parse.ts';
import { ProgressDisplay } from '../progress.ts';

interface Recipe {
  /** File name in the weights folder, and `demo/NAME` on the command line. */
  readonly file: string;
  readonly model: string;
  readonly epochs: number;
  readonly learningRate: number;
}

const BATCH = 64;
const WEIGHT_DECAY = 5e-4;
const SEED = 0;
/** Smaller crops often miss the object, and training then stays at chance for thousands of steps. */
const SMALLEST_CROP = 0.8;

const RECIPES: readonly Recipe[] = [
  { file: 'resnet18_025', model: 'resnet18_025@64', epochs: 8, learningRate: 0.07 },
  { file: 'mobilenet_v1_025', model: 'mobilenet_v1_025@64', epochs: 8, learningRate: 0.07 },
  { file: 'mobilenet_v2_035', model: 'mobilenet_v2_035@48', epochs: 5, learningRate: 0.07 },
];

/** Version of the JSON document. */
const PRETRAIN_VERSION = 1;

export async function pretrainDemo(values: OptionValues): Promise<void> {
  const out = textOf(values, 'out') || join('assets', 'weights');
  await mkdir(out, { recursive: true });
  const dataset = openProceduralDataset('procedural/source');
  const networks: { file: string; testAccuracy: number }[] = [];
  for (const recipe of RECIPES) {
    const testAccuracy = await pretrain(recipe, dataset, out, values);
    networks.push({ file: recipe.file, testAccuracy });
    process.stderr.write(
      `${recipe.file}: ${(100 * testAccuracy).toFixed(1)}% of the source set's test images right\n`,
    );
  }
  if (values.json === true)
    process.stdout.write(
      `${JSON.stringify({ kind: 'pretrain-demo', version: PRETRAIN_VERSION, networks }, null, 2)}\n`,
    );
}

async function pretrain(
  recipe: Recipe,
  dataset: ImageDataset,
  out: string,
  values: OptionValues,
): Promise<number> {
  const model = findModel(recipe.model);
  const { size } = model.input;
  const display = new ProgressDisplay();
  const classifier: Classifier = (net, x) =>
    transferHead(net, model.backbone(net, x), dataset.classes.length);
  const step = await TrainingStep.compile(classifier, {
    images: [BATCH, 3, size, size],
    ...(await engineOf(values)),
  });
  const loader = await loaderOf(dataset, model, 'train', values, display);
  try {
    step.load(initialize(step.variables, SEED));
    const steps = recipe.epochs * loader.batchesPerEpoch;
    const run = await train(step, loader, {
      steps,
      learningRate: recipe.learningRate,
      weightDecay: WEIGHT_DECAY,
      statisticsDecay: 0.99,
      seed: SEED,
      onStep: (done, loss) => display.update(done / steps, `${recipe.file}: loss ${loss.toFixed(2)}`),
    });
    if (run.status !== 'finished') {
      throw new UserError(
        'PRETRAINING_DIVERGED',
        `${recipe.file} diverged after ${run.steps} steps.`,
        'Lower its learning rate.',
      );
    }
    const accuracy = await testAccuracy(step, classifier, dataset, model, values, display);
    await step.download();
    await saveWeights(join(out, `${recipe.file}.safetensors`), model, step.weights(), {
      classes: dataset.classes,
      source: `trained on ${dataset.name} by npm run pretrain:demo`,
      licence: 'Apache-2.0',
    });
    return accuracy;
  } finally {
    display.stop();
    await loader.close();
    await step.close();
  }
}

async function engineOf(values: OptionValues): Promise<SessionOptions> {
  return { threads: threadsOf(values), device: await deviceOf(values) };
}

async function loaderOf(
  dataset: ImageDataset,
  model: Model,
  part: 'train' | 'test',
  values: OptionValues,
  display: ProgressDisplay,
): Promise<BatchLoader> {
  const records = dataset.splits[part];
  const view = {
    kind: 'short-side',
    size: Math.round(model.input.size / 0.875),
    filter: 'bilinear',
  } as const;
  const cache = await openViewCache(dataset, records, view, cacheFolderOf(values), ({ phase, done, total }) =>
    display.update(0, `${phase}: ${done} of ${total}`),
  );
  const labels = records.map(({ label }) => label);
  const transform = part === 'train' ? 'train' : 'centre';
  return new BatchLoader({
    cache,
    labels,
    batchSize: BATCH,
    transform,
    seed: SEED,
    smallestCrop: SMALLEST_CROP,
    ...model.input,
  });
}

async function testAccuracy(
  step: TrainingStep,
  classifier: Classifier,
  dataset: ImageDataset,
  model: Model,
  values: OptionValues,
  display: ProgressDisplay,
): Promise<number> {
  const { size } = model.input;
  const evaluator = await Evaluator.compile(classifier, [BATCH, 3, size, size], await engineOf(values));
  evaluator.share(step);
  const loader = await loaderOf(dataset, model, 'test', values, display);
  const labels = Int32Array.from(dataset.splits.test, ({ label }) => label);
  const predicted = await evaluator.predict(loader, labels.length);
  await loader.close();
  await evaluator.close();
  return top1(labels, predicted);
}
