/**
 * A network of one's own on a data set of one's own: views of images are cached, cropped and mirrored by the loader's
 * threads, a training step has AdamW, clipped gradients and averaged weights, test images judge the result, and the
 * file is one that `transferlab predict` reads. For folders of images there is `openFolderDataset`.
 *
 *     npx tsx examples/train-classifier.ts [steps] [file.onnx]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchLoader,
  type Classifier,
  Evaluator,
  type ImageDataset,
  metadataOf,
  NO_DECAY_ON_NORM_AND_BIAS,
  networkFile,
  nn,
  openViewCache,
  ops,
  Random,
  TrainingStep,
  top1,
  train,
  type View,
} from 'transferlab';

const [steps = '100', file = 'textures.onnx'] = process.argv.slice(2);
const [N, SIZE] = [32, 32];
const input = { size: SIZE, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const view: View = { kind: 'short-side', size: 36, filter: 'bilinear' };

const PATTERNS: Record<string, (x: number, y: number) => number> = {
  stripes: (x) => Math.sin(x),
  checks: (x, y) => Math.sin(x) * Math.sin(y),
  rings: (x, y) => Math.sin(Math.hypot(x, y)),
  noise: () => 0,
};
const classes = Object.keys(PATTERNS);

/** `count` images, which are made when they are asked for. */
const records = (part: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `${part}/${i}`,
    label: i % classes.length,
    contentHash: `textures 1, ${part}/${i}`,
  }));

const dataset: ImageDataset = {
  name: 'textures',
  classes,
  task: 'single-label',
  metric: 'top1',
  splits: { train: records('train', 400), validation: [], test: records('test', 200) },
  problems: [],
  fingerprint: 'textures 1',
  async render({ id, label }, { size }) {
    const random = new Random(0, id);
    const [left, top, wave] = [random.uniform(0, size), random.uniform(0, size), random.uniform(0.8, 1.5)];
    const colour = [0, 1, 2].map(() => random.uniform(25, 60));
    const pattern = PATTERNS[classes[label]];
    const pixels = Uint8Array.from({ length: size * size * 3 }, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % size, Math.floor(at / 3 / size)];
      return 128 + colour[at % 3] * pattern(wave * (x - left), wave * (y - top)) + 20 * random.normal();
    });
    return { width: size, height: size, pixels };
  },
};
const cacheFolder = mkdtempSync(join(tmpdir(), 'transferlab-example-'));

/** Batches of one part of the data set. */
async function batchesOf(part: 'train' | 'test'): Promise<BatchLoader> {
  const images = dataset.splits[part];
  const cache = await openViewCache(dataset, images, view, cacheFolder);
  const labels = images.map(({ label }) => label);
  const transform = part === 'train' ? 'train' : 'centre';
  return new BatchLoader({ cache, labels, batchSize: N, transform, seed: 0, smallestCrop: 0.5, ...input });
}

const network: Classifier = (net, images) => {
  let x = images;
  for (const [index, out] of [16, 32, 32].entries()) {
    x = nn.conv(net, `conv${index}`, x, { out, kernel: 3, strides: 2, padding: 1 });
    x = ops.relu(nn.batchNorm(net, `norm${index}`, x));
  }
  return nn.linear(net, 'head', nn.globalMean(x), dataset.classes.length);
};

const step = await TrainingStep.compile(network, {
  images: [N, 3, SIZE, SIZE],
  optimizer: { kind: 'adamw' },
  groups: [NO_DECAY_ON_NORM_AND_BIAS],
  clip: { by: 'norm', limit: 5 },
  average: { decay: 0.9 },
});
step.load(nn.initialize(step.variables, 0));

const batches = await batchesOf('train');
const run = await train(step, batches, {
  steps: Number(steps),
  learningRate: 3e-3,
  weightDecay: 0.05,
  statisticsDecay: 0.9,
  seed: 0,
});
await batches.close();
for (const { step: done, loss } of run.curve.filter((_, i) => i % 10 === 9 || i === run.curve.length - 1)) {
  console.log(`step ${done}: loss ${loss.toFixed(3)}`);
}

// Averages of the weights usually classify better than the last ones.
const evaluator = await Evaluator.compile(network, [N, 3, SIZE, SIZE]);
evaluator.share(step, 'averaged');
const test = await batchesOf('test');
const labels = Int32Array.from(dataset.splits.test, ({ label }) => label);
const right = top1(labels, await evaluator.predict(test, labels.length));
console.log(`${(100 * right).toFixed(1)}% of ${labels.length} test images right`);

const origin = { version: 'example', model: 'three convolutions', dataset: dataset.name, setting: 'scratch' };
const metadata = metadataOf(dataset.classes, { ...input, resize: view }, origin);
writeFileSync(file, networkFile(network, 'logits', SIZE, step.weights('averaged'), metadata));
console.log(`${file}: the network with averaged weights`);

await Promise.all([step.close(), evaluator.close(), test.close()]);
rmSync(cacheFolder, { recursive: true });
