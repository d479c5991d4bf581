/** The switches of the ablations: what each changes in variables and numbers, what is refused, and that all train. */
import { describe, expect, test } from 'vitest';
import { add, Graph, mul, sum, type Value } from '../../src/graph/index.ts';
import { findModel, MODELS, type Model, transferHead, variablesOf } from '../../src/models/index.ts';
import { groupsOf, INFERENCE, initialize, Network, type Variable } from '../../src/nn/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';
import { TrainingStep } from '../../src/train/index.ts';
import { buildStep } from '../../src/train/step-graph.ts';
import { describePython } from '../python.ts';
import { refusalBy } from '../refusal.ts';
import { expectTorchvision } from './torchvision.ts';

const all = (model: Model): readonly Variable[] => {
  const { backbone, head } = variablesOf(model);
  return [...backbone, ...head];
};
const names = (model: Model) => all(model).map(({ name }) => name);
const withNorms = MODELS.filter((model) => variablesOf(model).backbone.some(({ kind }) => kind === 'buffer'));

describe.each(withNorms.map((model) => [model.name, model] as const))('%s', (name, model) => {
  const means = names(model).filter((variable) => variable.endsWith('running_mean'));
  const gammas = means.map((mean) => mean.replace('running_mean', 'weight'));

  test('-gamma leaves out the scale of every norm and nothing else', () => {
    const without = findModel(`${name}-gamma`);
    expect(names(without)).toEqual(names(model).filter((variable) => !gammas.includes(variable)));
  });

  test('+gn leaves out the running statistics of every norm and nothing else', () => {
    const groups = findModel(`${name}+gn`);
    const parameters = all(model).filter(({ kind }) => kind === 'parameter');
    expect(names(groups)).toEqual(parameters.map((variable) => variable.name));
    expect(groups.parameters).toBe(model.parameters);
  });
});

test.each([
  ['googlenet', { aux1: 512, aux2: 528 }],
  ['inception_v3', 768],
  ['inception_v4', 1024],
  ['inception_resnet_v2', 1088],
  // TF-Slim's second stack of 528 channels, 14 x 14, is pooled to a map of 4 x 4, which the kernel covers.
  ['nasnetamobile', 528, '4x4'],
])('%s+aux adds the auxiliary classifiers and nothing else', (name, channels, kernel = '5x5') => {
  const [plain, switched] = [findModel(name), findModel(`${name}+aux`)];
  const added = all(switched).filter((variable) => !names(plain).includes(variable.name));
  const weights = added.filter(({ shape }) => shape.length > 1).map((v) => `${v.name} ${v.shape.join('x')}`);
  const branches =
    typeof channels === 'number'
      ? [
          `AuxLogits.conv0.conv.weight 128x${channels}x1x1`,
          `AuxLogits.conv1.conv.weight 768x128x${kernel}`,
          'AuxLogits.fc.weight 1000x768',
        ]
      : Object.entries(channels).flatMap(([branch, width]) => [
          `${branch}.conv.conv.weight 128x${width}x1x1`,
          `${branch}.fc1.weight 1024x2048`,
          `${branch}.fc2.weight 1000x1024`,
        ]);
  expect(weights.sort()).toEqual(branches.sort());
  expect(switched.multiplyAdds).toBe(plain.multiplyAdds);
});

/** How often each rate of dropout is drawn in a network with the original and with a new classifier. */
function dropouts(name: string): { original: number[]; transfer: number[] } {
  const model = findModel(name);
  const ratesOf = (head: (net: Network) => Value): number[] => {
    const net = new Network(new Graph(), { mode: 'train', norm: 'batch' });
    head(net);
    const randoms = net.graph.nodes.filter(({ op }) => op === 'random').map(({ outputs }) => outputs[0]);
    return net.graph.nodes.flatMap(({ op, inputs }) => {
      if (op !== 'sub' || !randoms.includes(inputs[0]) || inputs[1].node.op !== 'constant') return [];
      return [Number(Number(inputs[1].node.attributes.value.data[0]).toFixed(2))];
    });
  };
  const { size } = model.input;
  const output = (net: Network) => model.backbone(net, net.graph.input('images', [2, 3, size, size]));
  return {
    original: ratesOf((net) => model.originalHead!.logits(net, output(net))),
    transfer: ratesOf((net) => transferHead(net, output(net), 5, { dropout: 0.15 })),
  };
}

test.each([
  ['inception_v3_025', [0.5], [0.15]],
  ['inception_v3_025+dropout', [0.5], [0.5]],
  ['inception_v3_025+dropout20', [0.2], [0.2]],
  ['inception_v3_025-dropout', [], []],
  ['googlenet_025+aux', [0.7, 0.7, 0.2], [0.7, 0.7, 0.15]],
  ['googlenet_025+aux+dropout', [0.7, 0.7, 0.2], [0.7, 0.7, 0.2]],
  ['googlenet_025-dropout+aux', [], []],
  ['vgg16', [0.5, 0.5], [0.5, 0.15]],
  ['vgg16+dropout30', [0.5, 0.3], [0.5, 0.3]],
  ['vgg16-dropout', [], []],
])('%s drops out %j before the original classifier, %j before a new one', (name, original, transfer) => {
  expect(dropouts(name)).toEqual({ original, transfer });
});

test.each([
  ['inception_v3+gamma', 'inception_v3'],
  ['inception_v3-aux', 'inception_v3'],
  ['inception_v3+aux-gamma', 'inception_v3-gamma+aux'],
  ['inception_v3+dropout50', 'inception_v3+dropout'],
  ['inception_v3+dropout20+gn-gamma@75', 'inception_v3-gamma+gn+dropout20@75'],
  ['inception_v3+aux@299', 'inception_v3+aux'],
  ['resnet50@64+gn', 'resnet50+gn@64'],
])('%s is called %s', (given, name) => {
  expect(findModel(given).name).toBe(name);
  expect(findModel(name).name).toBe(name);
});

test.each([
  ['resnet50+foo', '"+foo" cannot be switched for resnet50: there is no "+foo"'],
  ['resnet50+', 'there is no "+"'],
  ['resnet50+aux', 'it has no auxiliary classifiers'],
  ['squeezenet1_1+gn', 'it has no batch norms'],
  ['vgg16-gamma', 'it has no batch norms'],
  ['resnet50+dropout', 'there is no "+dropout"'],
  ['resnet50+dropout0', 'there is no "+dropout0"'],
  ['resnet50+dropout100', 'there is no "+dropout100"'],
  ['inception_v3+aux-aux', '"-aux" says once more what another switch has said'],
])('%s is refused with what is allowed', (name, message) => {
  const error = refusalBy(() => findModel(name));
  expect(error.code).toBe('MODEL_SWITCH');
  expect(error.message).toContain(message);
  expect(error.message).toContain('+dropout20 (');
});

test('what is allowed names the switches that the model has', () => {
  const forms = (name: string) =>
    [...refusalBy(() => findModel(`${name}+foo`)).message.matchAll(/([+-]\w+) \(/g)].map((m) => m[1]);
  expect(forms('inception_v3')).toEqual(['-gamma', '+gn', '+aux', '+dropout', '+dropout20', '-dropout']);
  expect(forms('resnet50')).toEqual(['-gamma', '+gn', '+dropout20', '-dropout']);
  expect(forms('squeezenet1_1')).toEqual(['+dropout', '+dropout20', '-dropout']);
});

test('an unknown model with switches is answered with the nearest names', () => {
  const error = refusalBy(() => findModel('inception_v5+aux'));
  expect(error.code).toBe('UNKNOWN_MODEL');
  expect(error.message).toContain('inception_v3');
});

test('groups: 32, or the largest smaller number that divides the channels into two or more each', () => {
  const groups = [64, 2048, 96, 32, 48, 80, 8, 6, 17, 3, 1].map(groupsOf);
  expect(groups).toEqual([32, 32, 32, 16, 24, 20, 4, 3, 1, 1, 1]);
});

/** Losses of a few steps on one batch: stripes of a width for each class, under noise. */
async function losses(name: string, learningRate: number, steps: number): Promise<number[]> {
  const model = findModel(name);
  const { size } = model.input;
  const step = await TrainingStep.compile(
    (net, images) => transferHead(net, model.backbone(net, images), 3),
    { images: [6, 3, size, size], threads: 1 },
  );
  step.load(initialize(step.variables, 1));
  const random = new Random(1, 'noise');
  const labels = Int32Array.from([0, 1, 2, 0, 1, 2]);
  const images = Float32Array.from({ length: 6 * 3 * size * size }, (_, k) => {
    const frequency = 0.2 * (1 + labels[Math.floor(k / (3 * size * size))]);
    return Math.sin(frequency * (k % size)) + 0.3 * random.normal();
  });
  const fixed = { images, labels, learningRate, weightDecay: 0, statisticsDecay: 0.9, seed: 1 };
  const found: number[] = [];
  for (let k = 0; k < steps; k++) found.push((await step.run({ ...fixed, step: k })).loss);
  await step.close();
  return found;
}

describePython('torchvision with group norms', ['torch', 'torchvision'], () => {
  test('resnet18+gn computes in evaluation and in training what torchvision computes', async () => {
    await expectTorchvision({
      model: findModel('resnet18+gn@64'),
      network: 'tv.resnet18(norm_layer=lambda channels: tv.resnet.nn.GroupNorm(32, channels))',
      images: 2,
      training: true,
      manyMaxima: true,
    });
  });
});

describe('training steps lower the loss of', () => {
  // Group norms leave the images of a batch alike, so networks without shortcuts tell them apart later.
  test.each([
    ['googlenet_025+gn', 0.002, 35],
    ['googlenet_025-gamma', 0.02, 8],
    ['googlenet_025+aux-dropout', 0.02, 8],
    ['bn_inception_025-gamma', 0.02, 8],
    ['inception_v3_025-gamma+aux+dropout20', 0.02, 8],
    ['inception_v4_025+aux', 0.02, 8],
    ['inception_resnet_v2_025-gamma+gn+aux', 0.02, 8],
    ['nasnet_mini+aux', 0.02, 8],
    ['resnet18_025+gn@64', 0.01, 8],
  ])('%s', async (name, learningRate, steps) => {
    const found = await losses(name, learningRate, steps);
    expect(found.every(Number.isFinite)).toBe(true);
    expect(Math.min(...found.slice(-3))).toBeLessThan(0.9 * found[0]);
  });
});

test.each([
  ['inception_v3_025', 1],
  ['inception_v3_025+aux', 1.4],
  ['inception_v4_025+aux', 1.4],
  ['inception_resnet_v2_025+aux', 1.4],
  ['googlenet_025+aux', 1.6],
])('where every classifier of %s has the loss 1, that of a training step is %f', (name, total) => {
  const model = findModel(name);
  const { size } = model.input;
  const { results } = buildStep((net, images) => transferHead(net, model.backbone(net, images), 3), {
    images: [2, 3, size, size],
    loss: (logits) => add(mul(sum(logits), 0), 1),
  });
  expect(scalarValue(results[0])).toBeCloseTo(total, 6);
});

/** The value of sums and multiples; nothing is asked of what is multiplied by 0. */
function scalarValue({ node }: Value): number {
  if (node.op === 'constant') return Number(node.attributes.value.data[0]);
  if (node.op === 'add') return scalarValue(node.inputs[0]) + scalarValue(node.inputs[1]);
  if (node.op === 'mul') {
    const factor = scalarValue(node.inputs[1]);
    return factor === 0 ? 0 : scalarValue(node.inputs[0]) * factor;
  }
  throw new Error(`the loss is no sum of multiples: ${node.op}`);
}

test('a new classifier comes with one for each auxiliary branch, at inference too', () => {
  const model = findModel('inception_v3_025+aux');
  const net = new Network(new Graph(), INFERENCE);
  const { size } = model.input;
  transferHead(net, model.backbone(net, net.graph.input('images', [1, 3, size, size])), 4);
  const shapes = net.variables
    .filter(({ name }) => name.startsWith('head.'))
    .map(({ shape }) => sizeOf(shape));
  expect(shapes).toEqual([4 * 192, 4, 4 * 512, 4]);
});
