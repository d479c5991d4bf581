/**
 * Any image classifier from an ONNX file with a new head for other classes, fine-tuned and written back. Without a
 * file: a small network that comes with the package.
 *
 *     npx tsx examples/import-and-fine-tune.ts [classifier.onnx] [steps] [tuned.onnx]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ANY_BATCH,
  BatchLoader,
  type Classifier,
  Graph,
  inferenceModel,
  metadataOf,
  nn,
  openModel,
  openProceduralDataset,
  openViewCache,
  TrainingStep,
  train,
  transferHead,
  type View,
  writeModel,
} from 'transferlab';

const [source = 'demo/mobilenet_v1_025', steps = '40', file = 'tuned.onnx'] = process.argv.slice(2);
const { model, weights = new Map() } = await openModel(source);
const { size } = model.input;
console.log(`${model.name}: images of ${size} pixels, ${model.featureSize} features`);

const dataset = openProceduralDataset('procedural/fine');
const cacheFolder = mkdtempSync(join(tmpdir(), 'transferlab-example-'));
const view: View = { kind: 'short-side', size: Math.round(size / 0.875), filter: 'bilinear' };
const records = dataset.splits.train;
const batches = new BatchLoader({
  cache: await openViewCache(dataset, records, view, cacheFolder),
  labels: records.map(({ label }) => label),
  batchSize: 16,
  transform: 'train',
  smallestCrop: 0.5,
  seed: 0,
  ...model.input,
});

// The backbone of the file, then a new layer for the classes of the data set.
const classifier: Classifier = (net, images) =>
  transferHead(net, model.backbone(net, images), dataset.classes.length);

// The head learns at ten times the rate of what is pre-trained.
const step = await TrainingStep.compile(classifier, {
  images: [16, 3, size, size],
  groups: [{ matches: ({ name }) => name.startsWith('head.'), learningRate: 10 }],
});
step.load(new Map([...nn.initialize(step.variables, 0), ...weights]));
const run = await train(step, batches, {
  steps: Number(steps),
  learningRate: 0.005,
  weightDecay: 1e-4,
  statisticsDecay: 0.9,
  seed: 0,
});
for (const { step: done, loss } of run.curve.filter((_, i) => i % 10 === 0 || i === run.curve.length - 1)) {
  console.log(`step ${done}: loss ${loss.toFixed(3)}`);
}

// Weights of more than 1.5 GB go to a file of their own beside this one.
const form = new nn.Network(new Graph(), nn.INFERENCE);
const logits = classifier(form, form.graph.input('input', [ANY_BATCH, 3, size, size]));
const origin = { version: 'example', model: model.name, dataset: dataset.name, setting: 'finetune' };
const metadata = metadataOf(dataset.classes, { ...model.input, resize: view }, origin);
const written = await writeModel(
  file,
  inferenceModel(new Map([['logits', logits]]), step.weights(), metadata),
);
console.log(`written: ${written.join(', ')}`);

await Promise.all([step.close(), batches.close()]);
rmSync(cacheFolder, { recursive: true });
