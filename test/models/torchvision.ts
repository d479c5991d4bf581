/**
 * Compares networks with torchvision's, computed here and now by scripts/fixtures/torchvision_networks.py: its own
 * random weights are read by our loader, strictly, and everything that both compute is compared, number by number.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { add, Graph, mul, type Value } from '../../src/graph/index.ts';
import type { Model } from '../../src/models/index.ts';
import { Network, softmaxCrossEntropy, TRAIN } from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { type Shape, type Tensor, tensor, zeros } from '../../src/tensor/tensor.ts';
import { fitWeights, readSafetensors, type Weights } from '../../src/weights/index.ts';
import { pythonFile } from '../python.ts';
import { compileModel } from '../run-model.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/fixtures/torchvision_networks.py', import.meta.url));

export interface Subject {
  readonly model: Model;
  /** A Python expression that makes torchvision's network, of `tv`. */
  readonly network: string;
  readonly images: number;
  /** Whether training mode is compared too: logits, gradients and the statistics of batch norms. */
  readonly training: boolean;
  /** Weight of the losses of auxiliary classifiers, where the network has them. */
  readonly auxiliary?: number;
  /**
   * Whether it has max poolings throughout. Where the two largest numbers of a window are equal but for rounding, the
   * gradient goes to either, and all layers before see another one: a single of the 65,000 windows of a module of
   * GoogLeNet changes the gradients before it by half a percent to one. Default: no.
   */
  readonly manyMaxima?: boolean;
}

/** Of outputs and statistics: the largest difference, relative to the largest number. */
const TOLERANCE = 1e-4;

/** Distance of a gradient, relative to its length: of every one, as a ReLU or a maximum may jump, and of most. */
const GRADIENT_TOLERANCE = { every: 1e-3, most: 1e-4 };
const MANY_MAXIMA = { every: 0.05, most: 3e-4 };

/** Everything that torchvision computed for a subject, and the weights of its network as fitted to ours. */
async function computed({ model, network, images, training, auxiliary = 0 }: Subject): Promise<{
  weights: Weights;
  expected: ReadonlyMap<string, Tensor<'float32'>>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'torchvision-'));
  try {
    const jobs = join(folder, 'jobs.json');
    const job = { name: 'network', network, size: model.input.size, images, training, auxiliary, seed: 1 };
    writeFileSync(jobs, JSON.stringify([job]));
    pythonFile(SCRIPT, jobs, folder);
    const { tensors } = await readSafetensors(join(folder, 'network.safetensors'));
    const weights = fitWeights(model, tensors, { source: network, originalHead: 'keep' });
    expect(weights.size).toBe(tensors.size);
    return {
      weights,
      expected: (await readSafetensors(join(folder, 'network.expected.safetensors'))).tensors,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Evaluation, and training where it is asked for. */
export async function expectTorchvision(subject: Subject): Promise<void> {
  const { model, images, training } = subject;
  const { weights, expected } = await computed(subject);
  const network = await compileModel(model, weights, images, 'inference');
  const found = await network.run(expected.get('images')!);
  await network.close();
  for (const name of ['features', 'logits']) expectClose(name, found[name], expected.get(name)!);
  if (training) await expectTraining(subject, weights, expected);
}

function expectClose(name: string, found: Tensor, expected: Tensor, scale = expected): void {
  expect(found.shape, name).toEqual(expected.shape);
  let [gap, largest] = [0, 0];
  for (let i = 0; i < expected.data.length; i++) {
    gap = Math.max(gap, Math.abs(Number(found.data[i]) - Number(expected.data[i])));
    largest = Math.max(largest, Math.abs(Number(scale.data[i])));
  }
  expect(largest, name).toBeGreaterThan(0);
  expect(gap / largest, name).toBeLessThan(TOLERANCE);
}

/** Its dropout keeps everything and scales as it does: drawn numbers differ between programs. */
class KeepingGraph extends Graph {
  override random(_key: string, shape: Shape): Value {
    return this.constant(tensor('float32', shape, zeros('float32', shape).data.fill(1)));
  }
}

async function expectTraining(
  { model, manyMaxima = false }: Subject,
  weights: Weights,
  expected: ReadonlyMap<string, Tensor<'float32'>>,
): Promise<void> {
  const found = await trainingPass(model, expected.get('images')!, expected.get('labels')!, (name) => {
    return expected.get(`weights:${name}`) ?? weights.get(name)!;
  });
  const names = [...expected.keys()].filter((name) => /^(gradient|statistic|training)/.test(name));
  expect(Object.keys(found).sort()).toEqual(names.sort());
  const gradients = names.filter((name) => name.startsWith('gradient:'));
  for (const name of names) {
    const value = expected.get(name)!;
    if (name.endsWith('running_var')) {
      // A variance is a difference of moments, and the norms of the script have means far larger than deviations.
      const mean = expected.get(name.replace(/running_var$/, 'running_mean'))!.data;
      const moment = value.data.map((variance, i) => variance + mean[i] ** 2);
      expectClose(name, found[name], value, tensor('float32', value.shape, moment));
    } else if (!gradients.includes(name)) {
      expectClose(name, found[name], value);
    }
  }
  // A bias before a batch norm has no gradient but rounding, so short ones are measured by the longest.
  const { every, most } = manyMaxima ? MANY_MAXIMA : GRADIENT_TOLERANCE;
  const longest = Math.max(...gradients.map((name) => length(expected.get(name)!.data)));
  const gaps = gradients.map((name) => {
    const [a, b] = [found[name].data as Float32Array, expected.get(name)!.data];
    const gap = length(a.map((value, i) => value - b[i])) / Math.max(length(b), 1e-3 * longest);
    expect(gap, name).toBeLessThan(every);
    return gap;
  });
  gaps.sort((a, b) => a - b);
  expect(gaps[Math.floor(gaps.length / 2)], 'median of the gradients').toBeLessThan(most);
}

/** Logits, gradients and statistics of one pass in training mode, by the names of the script. */
async function trainingPass(
  model: Model,
  images: Tensor<'float32'>,
  labels: Tensor<'float32'>,
  weight: (name: string) => Tensor<'float32'>,
): Promise<Record<string, Tensor>> {
  const net = new Network(new KeepingGraph(), TRAIN);
  const output = model.backbone(net, net.graph.input('images', images.shape));
  const logits = model.originalHead!.logits(net, output);
  const classes = net.graph.constant(tensor('int32', labels.shape, Int32Array.from(labels.data)));
  const parameters = net.variables.filter(({ kind }) => kind === 'parameter');
  const loss = net.auxiliaryLogits.reduce(
    (total, auxiliary) => add(total, mul(softmaxCrossEntropy(auxiliary.logits, classes), auxiliary.weight)),
    softmaxCrossEntropy(logits, classes),
  );
  const gradients = gradient(
    loss,
    parameters.map(({ value }) => value),
  );
  const outputs = new Map([['training logits', logits]]);
  for (const [index, { name }] of parameters.entries()) outputs.set(`gradient:${name}`, gradients[index]);
  for (const [name, statistic] of net.batchStatistics) outputs.set(`statistic:${name}`, statistic);
  const executable = await Executable.compile(outputs);
  executable.set('images', images);
  for (const name of executable.inputs) if (name !== 'images') executable.set(name, weight(name));
  const found = await executable.run();
  await executable.close();
  return found;
}

function length(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
