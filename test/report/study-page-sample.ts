/**
 * Plausible outcomes of a whole study, for tests of its page and for looking at it: better networks transfer better,
 * most clearly with fixed features and hardly from scratch; images that are hard for one network are hard for the
 * others. Deterministic; options make it as large as the paper's.
 */
import { createHash } from 'node:crypto';
import type { DatasetSummary } from '../../src/report/schema.ts';
import type {
  EmbeddingInput,
  PanelInput,
  StudyInput,
  StudyModelInput,
} from '../../src/report/study/input.ts';
import type { Cell, CellOutcome, CellResult, Prediction, Setting } from '../../src/store/records.ts';
import { flower } from './flower.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** Numbers in 0..1 that depend on the text alone. */
function uniform(text: string): number {
  return Number.parseInt(hash(text).slice(0, 12), 16) / 2 ** 48;
}

function normal(text: string): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(`${text}/a`))) * Math.cos(2 * Math.PI * uniform(`${text}/b`));
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const logit = (p: number) => Math.log(p / (1 - p));

const SETTINGS: readonly Setting[] = ['fixed', 'finetune', 'scratch'];

/** Names and accuracies on the source set of the paper's sixteen networks. */
const NETWORKS: readonly (readonly [string, number])[] = [
  ['Inception v1', 0.736],
  ['BN-Inception', 0.753],
  ['Inception v3', 0.786],
  ['Inception v4', 0.799],
  ['Inception-ResNet v2', 0.803],
  ['ResNet-50', 0.769],
  ['ResNet-101', 0.786],
  ['ResNet-152', 0.793],
  ['DenseNet-121', 0.756],
  ['DenseNet-169', 0.767],
  ['DenseNet-201', 0.771],
  ['MobileNet v1', 0.724],
  ['MobileNet v2', 0.716],
  ['MobileNet v2 (1.4)', 0.747],
  ['NASNet-A Mobile', 0.736],
  ['NASNet-A Large', 0.808],
];

/** Name, training images, ease in logits. */
const TARGETS: readonly (readonly [string, number, number])[] = [
  ['Food-101', 75750, 0.6],
  ['CIFAR-10', 50000, 1.9],
  ['CIFAR-100', 50000, 0.9],
  ['Birdsnap', 47386, 0.4],
  ['SUN397 (split 1)', 19850, 0.3],
  ['Stanford Cars', 8144, 0.8],
  ['FGVC Aircraft (variant)', 6667, 0.6],
  ['PASCAL VOC 2007', 5011, 1.2],
  ['Describable Textures (split 1)', 3760, 0.7],
  ['Oxford-IIIT Pets', 3680, 1.7],
  ['Caltech-101', 3060, 1.8],
  ['Oxford 102 Flowers', 2040, 2.0],
];

const CLASSES = [
  'daisy',
  'foxglove',
  'iris',
  'lily',
  'poppy',
  'rose',
  'tulip',
  'veined orchid',
  'yarrow',
  'zinnia',
];

export interface StudyPageOptions {
  readonly models?: number;
  readonly datasets?: number;
  readonly seeds?: readonly number[];
  /** Test images of each data set. */
  readonly images?: number;
  /** Names of the first networks, data sets and all classes, for hostile ones. */
  readonly names?: readonly string[];
  /** Without further experiments, scores and pictures. */
  readonly settingsOnly?: boolean;
}

export function studyPageSample(options: StudyPageOptions = {}): StudyInput {
  const { seeds = [0], images = 150, names = [], settingsOnly = false } = options;
  const models = NETWORKS.slice(0, options.models ?? 6).map(([name, accuracy], i) =>
    modelOf(names[i] ?? name, accuracy),
  );
  const targets = TARGETS.slice(0, options.datasets ?? 4).map(([name, train, ease], i) =>
    targetOf(names[i] ?? name, train, images, names.length > 1 ? names : CLASSES, ease),
  );
  const cells = targets.flatMap((target) =>
    models.flatMap((model) =>
      SETTINGS.flatMap((setting) => seeds.map((seed) => outcome({ target, model, setting, seed }))),
    ),
  );
  const further = settingsOnly ? null : furtherExperiments(models, targets);
  return {
    title: 'Do better source networks transfer better?',
    description: 'A generated study with the networks and data sets of the paper.',
    protocol: {
      name: 'quick',
      hash: hash('quick'),
      fields: { steps: 400, batch: 32, momentum: 0.9, learningRates: [0.0001, 0.001, 0.01, 0.1] },
    },
    command: 'npx transferlab report studies/sample.yaml',
    environment: { transferlab: '0.1.0', 'onnxruntime-node': '1.30.0', node: 'v20.19.4', threads: 2 },
    startedAt: '2025-03-04T09:12:45Z',
    correction: 'holm',
    models,
    datasets: targets.map(({ ease: _, ...dataset }) => dataset),
    outcomes: [...cells, ...(further?.outcomes ?? [])],
    experiments: {
      settings: { cells: cells.map(({ cell }) => cell) },
      regularisation: further?.regularisation ?? null,
      convergence: further?.convergence ?? null,
      datasetSize: further?.datasetSize ?? null,
    },
    scores: settingsOnly ? [] : scoresOf(models, targets),
    embeddings: settingsOnly ? [] : embeddingsOf(models, targets),
    panels: settingsOnly ? [] : panelsOf(models, targets),
  };
}

type Target = DatasetSummary & { readonly ease: number };

function modelOf(name: string, accuracy: number): StudyModelInput {
  return {
    name,
    family: name.split(/[ -]/)[0],
    parameters: 23_508_032,
    featureSize: 2048,
    inputSize: 224,
    source: 'retrained here',
    weightsHash: hash(name),
    sourceAccuracy: accuracy,
    sourceImages: 50_000,
  };
}

function targetOf(
  name: string,
  images: number,
  test: number,
  classes: readonly string[],
  ease: number,
): Target {
  const validation = Math.round(images / 5);
  return {
    name,
    classes,
    images: { train: images - validation, validation, test },
    metric: 'top1',
    fingerprint: hash(name),
    problems: [],
    ease,
  };
}

interface Run {
  readonly target: Target;
  readonly model: StudyModelInput;
  readonly setting: Setting;
  readonly seed?: number;
  /** Tells apart runs that agree in all else. */
  readonly variant?: string;
  /** In logits. */
  readonly lift?: number;
}

function outcome({ target, model, setting, seed = 0, variant = '', lift = 0 }: Run): CellOutcome {
  const own = `${target.name}/${model.name}/${setting}`;
  const id = `${own}/${seed}/${variant}`;
  const quality = logit(model.sourceAccuracy ?? 0.7) - logit(0.76);
  const slope = { fixed: 2.2, finetune: 1.6, scratch: 0.5 }[setting];
  const base = { fixed: 0, finetune: 0.7, scratch: -0.6 }[setting];
  const noise = 0.12 * normal(own) + 0.05 * normal(`${own}/${seed}`);
  const predictions = predict(target, id, target.ease + base + slope * quality + lift + noise);
  const correct = predictions.filter(({ label, predicted }) => label === predicted).length;
  const share = correct / predictions.length;
  const hyperparameters: CellResult['hyperparameters'] =
    setting === 'fixed' ? { lambda: 0.1 } : { learningRate: 0.01, weightDecay: 1e-4 };
  const { name: dataset, images } = target;
  return {
    cell: {
      key: hash(id),
      dataset,
      model: model.name,
      setting,
      protocol: 'quick',
      seed,
      determinedBy: { id },
    },
    status: 'done',
    result: {
      classes: target.classes,
      metric: 'top1',
      hyperparameters,
      validation: { value: share, n: images.validation },
      test: { value: share, top1: share, meanPerClass: share, correct, n: predictions.length },
      trainImages: images.train + images.validation,
      trials: [{ hyperparameters, status: 'finished', validation: share, steps: 400, seconds: 20 }],
      curve: [],
      predictions,
      seconds: { total: 30, search: 20, final: 8 },
      network: { sha256: hash(`${id}/network`), bytes: 94_000_000, mediaType: 'application/onnx' },
      environment: { node: 'v20.19.4' },
      finishedAt: '2025-03-04T10:00:00Z',
    },
  };
}

function predict(target: Target, id: string, skill: number): Prediction[] {
  const classes = target.classes.length;
  return Array.from({ length: target.images.test }, (_, i) => {
    const label = i % classes;
    const ability = 1.4 * skill - normal(`${target.name}/difficulty/${i}`);
    const right = uniform(`${id}/${i}`) < logistic(1.3 * ability);
    const other = (label + 1 + Math.floor(uniform(`${id}/twin/${i}`) * (classes - 1))) % classes;
    const predicted = right ? label : other;
    return {
      image: imageName(target, i),
      label,
      predicted,
      probability: 0.3 + 0.7 * uniform(`${id}/p/${i}`),
    };
  });
}

function imageName({ classes }: DatasetSummary, i: number): string {
  return `${classes[i % classes.length]}/${String(i).padStart(4, '0')}.jpg`;
}

function furtherExperiments([model]: readonly StudyModelInput[], targets: readonly Target[]) {
  const outcomes: CellOutcome[] = [];
  const add = (run: Run): Cell => {
    const made = outcome(run);
    outcomes.push(made);
    return made.cell;
  };
  const base = { gamma: false, labelSmoothing: true, dropout: true, auxiliary: true };
  const variants = [
    { ...base, model: `${model.name}, as published` },
    { ...base, gamma: true, model: `${model.name} with gamma` },
    { ...base, labelSmoothing: false, model: `${model.name} without label smoothing` },
    { ...base, dropout: false, model: `${model.name} without dropout` },
    { ...base, auxiliary: false, model: `${model.name} without auxiliary head` },
  ];
  const switched = variants.flatMap(({ model: name }, i) =>
    targets.flatMap((target) =>
      (['fixed', 'finetune'] as const).map((setting) => {
        const lift = [0, 0.25, 0.4, 0.1, 0.05][i] / (setting === 'fixed' ? 1 : 4);
        return add({ target, model: { ...model, name }, setting, variant: 'switches', lift });
      }),
    ),
  );
  const few = targets.slice(0, 3);
  const lengths = few.flatMap((target) =>
    (['finetune', 'scratch'] as const).flatMap((setting) =>
      [25, 50, 100, 200, 400, 800, 1600].map((steps) => {
        const lift = -3 * Math.exp(-steps / (setting === 'finetune' ? 60 : 500));
        const { key } = add({ target, model, setting, variant: `steps/${steps}`, lift });
        const epochs = (steps * 32) / target.images.train;
        return { key, model: model.name, dataset: target.name, setting, steps, epochs };
      }),
    ),
  );
  const sizes = few.flatMap((target) =>
    SETTINGS.flatMap((setting) =>
      [50, 100, 200, 400, 800, 1600].flatMap((images) =>
        [0, 1, 2].map((subset) => {
          const need = { fixed: 0.3, finetune: 0.75, scratch: 1.1 }[setting];
          const lift = need * Math.log(images / 1600);
          const { key } = add({ target, model, setting, variant: `size/${images}/${subset}`, lift });
          return {
            key,
            model: model.name,
            dataset: target.name,
            setting,
            images,
            perClass: images / 10,
            subset,
          };
        }),
      ),
    ),
  );
  return {
    outcomes,
    regularisation: { base: variants[0].model, variants, cells: switched },
    convergence: { runs: lengths },
    datasetSize: { runs: sizes },
  };
}

function scoresOf(models: readonly StudyModelInput[], targets: readonly Target[]): StudyInput['scores'] {
  return targets.flatMap((target) =>
    models.map((model) => {
      const quality = logit(model.sourceAccuracy ?? 0.7);
      const noise = (name: string) => normal(`${target.name}/${model.name}/${name}`);
      return {
        model: model.name,
        dataset: target.name,
        values: {
          logme: 0.3 + quality + 0.1 * noise('logme'),
          leep: -2 + quality + 0.2 * noise('leep'),
          nce: -1.5 + quality + 0.4 * noise('nce'),
          hscore: 40 + 10 * quality + 6 * noise('hscore'),
          gbc: -5 - 0.5 * noise('gbc'),
          transrate: 12 + quality + 1.5 * noise('transrate'),
        },
      };
    }),
  );
}

function embeddingsOf(models: readonly StudyModelInput[], targets: readonly Target[]): EmbeddingInput[] {
  const { name: dataset, classes } = targets[0];
  return models.slice(0, 2).flatMap(({ name: model }) =>
    ['pre-trained', 'fine-tuned', 'from scratch'].map(
      (setting, k): EmbeddingInput => ({
        model,
        dataset,
        setting,
        method: 'tsne',
        classes,
        knn: 0.8 - 0.1 * k,
        points: Array.from({ length: 150 }, (_, i) => {
          const label = i % classes.length;
          const angle = (2 * Math.PI * label) / classes.length;
          const off = (axis: string) => [9, 6, 14][k] * normal(`${model}/${setting}/${i}/${axis}`);
          return { x: 30 * Math.cos(angle) + off('x'), y: 30 * Math.sin(angle) + off('y'), label };
        }),
      }),
    ),
  );
}

function panelsOf(models: readonly StudyModelInput[], [target]: readonly Target[]): PanelInput[] {
  const { name: dataset, classes } = target;
  const labelOf = (i: number) => i % classes.length;
  return models.slice(0, 3).flatMap(({ name: model }): PanelInput[] => [
    {
      kind: 'neighbours',
      model,
      dataset,
      setting: 'fine-tuned',
      classes,
      rows: [3, 14, 25, 36].map((i) => ({
        image: imageName(target, i),
        label: labelOf(i),
        neighbours: [1, 2, 3, 4, 5].map((k) => {
          const other = i + classes.length * k + (uniform(`${model}/${i}/${k}`) < 0.3 ? 1 : 0);
          return { image: imageName(target, other), label: labelOf(other), similarity: 0.98 - 0.03 * k };
        }),
      })),
    },
    {
      kind: 'activation',
      model,
      dataset,
      setting: 'fine-tuned',
      classes,
      missing: model === 'Inception v3' ? 'its last map has been averaged away' : null,
      rows: [5, 16, 27, 38].map((i, row) => ({
        image: imageName(target, i),
        seen: `${imageName(target, i)}#seen`,
        overlay: `${imageName(target, i)}#overlay`,
        label: labelOf(i),
        predicted: labelOf(row === 2 ? i + 1 : i),
        probability: 0.6 + 0.1 * row,
        map: Array.from({ length: 7 }, (_, y) =>
          Array.from({ length: 7 }, (_, x) => Math.exp(-((x - 3 - row / 2) ** 2 + (y - 3) ** 2) / 4)),
        ),
      })),
    },
  ]);
}

/** Small drawn pictures for every test image of the sample. */
export function studyPageThumbnails(input: StudyInput): Map<string, Map<string, string>> {
  return new Map(
    input.datasets.map((dataset) => {
      const names = Array.from({ length: dataset.images.test }, (_, i) => imageName(dataset, i)).flatMap(
        (name) => [name, `${name}#seen`, `${name}#overlay`],
      );
      return [
        dataset.name,
        new Map(names.map((name, i) => [name, picture(name, Math.floor(i / 3) % dataset.classes.length)])),
      ];
    }),
  );
}

function picture(image: string, label: number): string {
  const background = Math.round(360 * uniform(image));
  return flower({ petals: 4 + (label % 6), hue: label * 36, background });
}
