/**
 * Plausible outcomes for tests and for looking at the page: networks differ in skill, images in difficulty,
 * and an image that is hard for one network is hard for the others, as in real comparisons. Deterministic.
 */
import { createHash } from 'node:crypto';
import type { CompareInput } from '../../src/report/compare-document.ts';
import type { DatasetSummary, ModelSummary } from '../../src/report/schema.ts';
import type { CellOutcome, CellResult, Prediction, Setting, Trial } from '../../src/store/records.ts';
import { flower } from './flower.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** Numbers in 0..1 that depend on the text alone. */
function uniform(text: string): number {
  return Number.parseInt(hash(text).slice(0, 12), 16) / 2 ** 48;
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function normal(text: string): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(`${text}/a`))) * Math.cos(2 * Math.PI * uniform(`${text}/b`));
}

const SETTINGS: readonly Setting[] = ['fixed', 'finetune', 'scratch'];

const MODELS: readonly (ModelSummary & { skill: number })[] = [
  {
    name: 'resnet18',
    family: 'ResNet',
    parameters: 11_176_512,
    featureSize: 512,
    inputSize: 224,
    source: 'torchvision IMAGENET1K_V1',
    weightsHash: hash('resnet18'),
    skill: 2.1,
  },
  {
    name: 'mobilenet_v2',
    family: 'MobileNet',
    parameters: 2_223_872,
    featureSize: 1280,
    inputSize: 224,
    source: 'torchvision IMAGENET1K_V1',
    weightsHash: hash('mobilenet_v2'),
    skill: 2.0,
  },
  {
    name: 'demo-net-32',
    family: 'demo',
    parameters: 174_960,
    featureSize: 128,
    inputSize: 64,
    source: 'pre-trained here on procedural shapes',
    weightsHash: hash('demo-net-32'),
    skill: 0.6,
  },
];

const DATASETS: readonly (DatasetSummary & { ease: number })[] = [
  {
    name: 'flowers',
    classes: [
      'daisy',
      'dandelion',
      'foxglove',
      'iris',
      'lily',
      'orchid',
      'poppy',
      'rose',
      'sunflower',
      'tulip',
    ],
    images: { train: 680, validation: 170, test: 400 },
    metric: 'top1',
    fingerprint: hash('flowers'),
    problems: [
      {
        kind: 'unreadable',
        images: ['iris/0031.jpg'],
        message: 'iris/0031.jpg ends in the middle of the image and was skipped.',
      },
      {
        kind: 'duplicate',
        images: ['rose/0007.jpg', 'tulip/0102.jpg'],
        message: 'rose/0007.jpg and tulip/0102.jpg are the same image under two labels.',
      },
    ],
    ease: -0.7,
  },
  {
    name: 'aircraft',
    classes: [
      'A320',
      'A380',
      'ATR-72',
      'Boeing 737-800',
      'Boeing 747',
      'Cessna 172',
      'Concorde',
      'DC-3',
      'F-16',
      'Spitfire',
    ],
    images: { train: 1000, validation: 250, test: 500 },
    metric: 'meanPerClass',
    fingerprint: hash('aircraft'),
    problems: [],
    ease: -1.6,
  },
  {
    name: 'textures',
    classes: [
      'banded',
      'bumpy',
      'chequered',
      'cracked',
      'dotted',
      'fibrous',
      'knitted',
      'marbled',
      'veined',
      'woven',
    ],
    images: { train: 400, validation: 100, test: 200 },
    metric: 'top1',
    fingerprint: hash('textures'),
    problems: [],
    ease: -1,
  },
];

interface SampleOptions {
  readonly datasets?: number;
  readonly seeds?: readonly number[];
  /** Replaces the class names of the first data set, for hostile ones. */
  readonly classes?: readonly string[];
  /** Makes one cell fail. */
  readonly failure?: boolean;
}

export function sampleInput(options: SampleOptions = {}): CompareInput {
  const datasets = DATASETS.slice(0, options.datasets ?? 3).map(({ ease: _, ...dataset }, i) =>
    i === 0 && options.classes ? { ...dataset, classes: options.classes } : dataset,
  );
  const outcomes = datasets.flatMap((dataset, d) =>
    MODELS.flatMap((model) =>
      SETTINGS.flatMap((setting) =>
        (options.seeds ?? [0]).map((seed) => outcome(dataset, DATASETS[d].ease, model, setting, seed)),
      ),
    ),
  );
  if (options.failure) {
    const { cell } = outcomes[outcomes.length - 1];
    outcomes[outcomes.length - 1] = { cell, status: 'failed', error: 'The loss was not finite at step 12.' };
  }
  return {
    title: 'Flowers, aircraft and textures'
      .split(/, | and /)
      .slice(0, datasets.length)
      .join(', '),
    protocol: {
      name: 'quick',
      hash: hash('quick'),
      fields: {
        steps: 400,
        batch: 32,
        momentum: 0.9,
        learningRates: [0.0001, 0.001, 0.01, 0.1],
        lambdas: '13 values, 1e-6 to 1e6',
        augmentation: 'random resized crop, horizontal flip',
      },
    },
    datasets,
    models: MODELS.map(({ skill: _, ...model }) => model),
    outcomes,
    environment: { transferlab: '0.1.0', 'onnxruntime-node': '1.30.0', node: 'v20.19.4', threads: 4 },
    command:
      'npx transferlab compare ./flowers ./aircraft ./textures --models resnet18,mobilenet_v2,demo-net-32 --protocol quick --seeds 0',
    startedAt: '2025-03-04T09:12:45Z',
  };
}

function outcome(
  dataset: DatasetSummary,
  ease: number,
  model: (typeof MODELS)[number],
  setting: Setting,
  seed: number,
): CellOutcome {
  const id = `${dataset.name}/${model.name}/${setting}/${seed}`;
  const lift = { fixed: 0, finetune: 0.55, scratch: -0.45 * model.skill - 0.9 }[setting];
  const skill = model.skill + lift + ease + 0.25 * normal(`${id}/skill`);
  const predictions = predict(dataset, id, skill);
  const trials = setting === 'fixed' ? pathTrials(id, skill) : gridTrials(id, skill, setting);
  const chosen = trials.reduce((a, b) => ((b.validation ?? 0) > (a.validation ?? 0) ? b : a));
  const seconds = trials.reduce((sum, trial) => sum + trial.seconds, 0);
  const result: CellResult = {
    classes: dataset.classes,
    metric: dataset.metric,
    hyperparameters: chosen.hyperparameters,
    validation: { value: chosen.validation ?? 0, n: dataset.images.validation },
    test: testOf(predictions, dataset),
    trainImages: dataset.images.train + dataset.images.validation,
    trials,
    curve: setting === 'fixed' ? [] : curve(id, skill, setting, chosen.hyperparameters.learningRate),
    predictions,
    seconds: { total: seconds * 1.25, search: seconds, final: seconds * 0.2 },
    network: { sha256: hash(`${id}/network`), bytes: model.parameters * 4, mediaType: 'application/onnx' },
    environment: { node: 'v20.19.4' },
    finishedAt: '2025-03-04T10:00:00Z',
  };
  const cell = {
    key: hash(id),
    dataset: dataset.name,
    model: model.name,
    setting,
    protocol: 'quick',
    seed,
    determinedBy: { id },
  };
  return { cell, status: 'done', result };
}

function predict(dataset: DatasetSummary, id: string, skill: number): Prediction[] {
  const classes = dataset.classes.length;
  return Array.from({ length: dataset.images.test }, (_, i) => {
    const label = i % classes;
    const image = `${DATASETS.find((d) => d.name === dataset.name)?.classes[label]}/${String(i).padStart(4, '0')}.jpg`;
    const ability = skill + 1.2 - 1.6 * normal(`${dataset.name}/difficulty/${i}`);
    const correct = uniform(`${id}/${i}`) < logistic(1.6 * ability);
    const step =
      uniform(`${dataset.name}/twin/${i}`) < 0.6
        ? 1
        : 2 + Math.floor(uniform(`${id}/twin/${i}`) * (classes - 2));
    const probability = correct ? 0.4 + 0.6 * logistic(ability) : 0.25 + 0.7 * uniform(`${id}/p/${i}`) ** 1.5;
    return { image, label, predicted: correct ? label : (label + step) % classes, probability };
  });
}

function testOf(predictions: readonly Prediction[], dataset: DatasetSummary): CellResult['test'] {
  const right = predictions.filter((p) => p.label === p.predicted);
  const shares = dataset.classes.map(
    (_, c) => right.filter((p) => p.label === c).length / predictions.filter((p) => p.label === c).length,
  );
  const top1 = right.length / predictions.length;
  const meanPerClass = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const value = dataset.metric === 'top1' ? top1 : meanPerClass;
  return { value, top1, meanPerClass, correct: right.length, n: predictions.length };
}

function pathTrials(id: string, skill: number): Trial[] {
  return Array.from({ length: 13 }, (_, i) => {
    const exponent = 6 - i;
    const peak = logistic(skill + 0.9 - 0.06 * (exponent + 1) ** 2) + 0.008 * normal(`${id}/${exponent}`);
    return {
      hyperparameters: { lambda: 10 ** exponent },
      status: 'finished',
      validation: Math.min(1, Math.max(0.1, peak)),
      steps: 40 + Math.round(100 * uniform(`${id}/${exponent}/steps`)),
      seconds: 1.5 + uniform(`${id}/${exponent}/seconds`),
    };
  });
}

function gridTrials(id: string, skill: number, setting: Setting): Trial[] {
  const rates = [-4, -3, -2, -1];
  return rates.flatMap((rate) =>
    [0, -5, -4, -3].map((decay): Trial => {
      const diverged = rate === -1 && uniform(`${id}/${decay}/diverged`) < 0.7;
      const centre = setting === 'finetune' ? -2.6 : -1.8;
      const value = logistic(
        skill + 0.9 - 0.7 * (rate - centre) ** 2 + 0.12 * normal(`${id}/${rate}/${decay}`),
      );
      const stopped = !diverged && value < logistic(skill + 0.9) - 0.22;
      return {
        hyperparameters: { learningRate: 10 ** rate, weightDecay: decay === 0 ? 0 : 10 ** decay },
        status: diverged ? 'diverged' : stopped ? 'stopped' : 'finished',
        validation: diverged ? null : stopped ? value * 0.7 : value,
        steps: diverged ? 12 : stopped ? 100 : 400,
        seconds: diverged ? 1 : stopped ? 9 : 36,
      };
    }),
  );
}

function curve(id: string, skill: number, setting: Setting, learningRate: number): CellResult['curve'] {
  const steps = setting === 'finetune' ? 400 : 800;
  return Array.from({ length: steps / 10 }, (_, i) => {
    const progress = (i + 1) / (steps / 10);
    const speed = setting === 'finetune' ? 6 : 2.2;
    const floor = logistic(-skill) * 0.9;
    const loss = floor + (2.3 - floor) * Math.exp(-speed * progress) + 0.05 * normal(`${id}/curve/${i}`);
    return {
      step: (i + 1) * 10,
      loss: Math.max(0.01, loss),
      trainAccuracy: Math.min(1, Math.exp(-Math.max(0, loss) * 0.9) + 0.02),
      learningRate: learningRate * 0.5 * (1 + Math.cos(Math.PI * progress)),
    };
  });
}

/** Small drawn pictures for every test image of the sample. */
export function sampleThumbnails(input: CompareInput): Map<string, Map<string, string>> {
  const result = new Map<string, Map<string, string>>();
  for (const { cell, ...rest } of input.outcomes) {
    if (rest.status !== 'done') continue;
    const images = result.get(cell.dataset) ?? new Map<string, string>();
    for (const { image } of rest.result.predictions) images.set(image, picture(image));
    result.set(cell.dataset, images);
  }
  return result;
}

function picture(image: string): string {
  const hue = Math.round(360 * uniform(`${image}/hue`));
  const petals = 4 + Math.floor(6 * uniform(`${image}/petals`));
  return flower({ petals, hue, background: (hue + 120) % 360 });
}
