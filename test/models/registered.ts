/**
 * What every network of the registry must do: compute finite features, learn, and be the same network when it is
 * written as an ONNX file and read again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { MODELS, type Model, transferHead } from '../../src/models/index.ts';
import { initialize } from '../../src/nn/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Tensor } from '../../src/tensor/tensor.ts';
import { type Classifier, TrainingStep } from '../../src/train/index.ts';
import { networkFile } from '../../src/train/inference.ts';
import { compileModel } from '../run-model.ts';

/** Networks that train in seconds on two cores; test/slow has the others. */
function isSmall(model: Model): boolean {
  return model.multiplyAdds <= 150e6 && model.parameters <= 3e6;
}

export const named = (small: boolean): [string, Model][] =>
  MODELS.filter((model) => isSmall(model) === small).map((model) => [model.name, model]);

/** Batch norms over few numbers bend the loss sharply; of large networks two images are what time allows. */
const imagesOf = (model: Model) => (isSmall(model) ? 8 : 2);
const CLASSES = 5;

/** Random images, of which one is brighter. */
function images(model: Model): Tensor<'float32'> {
  const { size } = model.input;
  const count = imagesOf(model);
  const random = new Random(2, 'images');
  const pixels = 3 * size * size;
  const values = Float32Array.from(
    { length: count * pixels },
    (_, k) => random.normal() + (k < pixels ? 1 : 0),
  );
  return float32([count, 3, size, size], values);
}

const classifierOf =
  (model: Model): Classifier =>
  (net, batch) =>
    transferHead(net, model.backbone(net, batch), CLASSES);

/** One step from random initial values lowers the loss; returns the weights after it, all of them finite. */
async function learn(model: Model): Promise<Map<string, Tensor<'float32'>>> {
  const batch = images(model);
  // A step of limited length, since networks differ in the size of their gradients.
  const step = await TrainingStep.compile(classifierOf(model), {
    images: batch.shape,
    clip: { by: 'norm', limit: 1 },
  });
  step.load(initialize(step.variables, 1));
  const inputs = {
    images: batch.data,
    labels: Int32Array.from({ length: batch.shape[0] }, (_, i) => i % CLASSES),
    // So short that the slope decides: batch norms over few pixels bend the loss sharply.
    learningRate: 3e-4,
    // Dropout draws by seed and step: both runs of the step drop the same.
    ...{ weightDecay: 0, statisticsDecay: 0.5, seed: 1, step: 1 },
  };
  const before = await step.run(inputs);
  const weights = step.weights();
  const after = await step.run(inputs);
  await step.close();
  expect(before.gradientNorm).toBeGreaterThan(0);
  expect(after.loss).toBeLessThan(before.loss);
  for (const [name, { data }] of weights) expect(data.every(Number.isFinite), name).toBe(true);
  return weights;
}

/** Features of the images at inference. */
async function featuresOf(
  model: Model,
  weights: ReadonlyMap<string, Tensor<'float32'>>,
): Promise<Float32Array> {
  const network = await compileModel(model, weights, imagesOf(model), 'inference', (_, { features }) => ({
    features,
  }));
  const { features } = await network.run(images(model));
  await network.close();
  return features.data as Float32Array;
}

/** The network of an ONNX file that holds `model` with `weights`. */
async function writtenAndRead(model: Model, weights: ReadonlyMap<string, Tensor<'float32'>>) {
  const folder = mkdtempSync(join(tmpdir(), 'registered-'));
  try {
    const path = join(folder, `${model.name}.onnx`);
    writeFileSync(path, networkFile(classifierOf(model), 'logits', model.input.size, weights));
    return await importOnnxClassifier(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function expectComplete(model: Model): Promise<void> {
  const weights = await learn(model);
  const wanted = await featuresOf(model, weights);
  expect(wanted.length).toBe(imagesOf(model) * model.featureSize);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0);
  expect(wanted.every(Number.isFinite)).toBe(true);
  const imported = await writtenAndRead(model, weights);
  const found = await featuresOf(imported.model, imported.weights);
  expect(found.length).toBe(wanted.length);
  const gap = wanted.reduce((most, value, index) => Math.max(most, Math.abs(value - found[index])), 0);
  expect(gap / largest).toBeLessThan(1e-5);
}
