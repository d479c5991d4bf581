/**
 * Planning is a pure function from what is to be compared to cells, and a cell's key is the address of what
 * determines its result: everything that does changes it, and nothing else.
 */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ImageDataset, openFolderDataset, openProceduralDataset } from '../../src/data/index.ts';
import type { Setting } from '../../src/store/index.ts';
import {
  allTasks,
  applyChanges,
  diffProtocols,
  distinctTasks,
  experimentCells,
  findProtocol,
  PROTOCOLS,
  planCells,
  readStudy,
  SETTINGS,
} from '../../src/study/index.ts';
import type { PlanInput } from '../../src/study/plan.ts';
import type { FixedProtocol, TuningProtocol } from '../../src/transfer/index.ts';
import { type OpenedModel, openModel } from '../../src/weights/index.ts';
import { classFiles, folderOf, temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';

const MODEL = 'cifar_resnet20';
/** Two classifiers of other programs, of different architectures. */
const FIXTURES = ['residual-17.onnx', 'convolutional-17.onnx'];

let opened: OpenedModel;
let input: PlanInput;

beforeAll(async () => {
  opened = await openModel(await smallWeightsFile(await temporaryFolder(), 'a', MODEL));
  const dataset = openProceduralDataset('procedural/fine');
  input = {
    datasets: [{ spec: dataset.name, dataset }],
    models: [{ spec: 'a', opened }],
    settings: SETTINGS,
    protocol: findProtocol('smoke'),
    seeds: [0],
    splitSeed: 0,
  };
});

/** The keys of a plan by setting. */
function keysOf(plan: PlanInput): Record<Setting, string[]> {
  const keys: Record<Setting, string[]> = { fixed: [], finetune: [], scratch: [] };
  for (const { cell } of planCells(plan)) keys[cell.setting].push(cell.key);
  return keys;
}

/** The settings whose keys differ between the plan of `input` and one with `change`. */
function changedBy(change: Partial<PlanInput>): Setting[] {
  const [before, after] = [keysOf(input), keysOf({ ...input, ...change })];
  return SETTINGS.filter((setting) => before[setting].join() !== after[setting].join());
}

const withDataset = (dataset: ImageDataset): Partial<PlanInput> => ({
  datasets: [{ spec: dataset.name, dataset }],
});
const withModel = (model: OpenedModel): Partial<PlanInput> => ({ models: [{ spec: 'x', opened: model }] });

describe('cells', () => {
  it('are the same for the same input, and all different', () => {
    const plan = { ...input, seeds: [0, 1, 2] };
    expect(planCells(plan)).toEqual(planCells(structuredCloneOf(plan)));
    const keys = planCells(plan).map(({ cell }) => cell.key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('are one per seed, but one only for fixed features, which draw nothing', () => {
    const keys = keysOf({ ...input, seeds: [0, 1, 2] });
    expect([keys.fixed.length, keys.finetune.length, keys.scratch.length]).toEqual([1, 3, 3]);
    expect(keys.fixed).toEqual(keysOf(input).fixed);
    expect(keys.finetune[0]).toBe(keysOf(input).finetune[0]);
  });

  it('are from scratch only for a network without weights', async () => {
    const bare = withModel(await openModel(MODEL));
    expect(planCells({ ...input, ...bare }).map(({ cell }) => cell.setting)).toEqual(['scratch']);
    expect(planCells({ ...input, ...bare, settings: ['fixed', 'finetune'] })).toEqual([]);
  });
});

/** The same values in other objects; opened models and data sets hold functions, so they stay. */
const structuredCloneOf = (plan: PlanInput): PlanInput => ({
  ...plan,
  protocol: structuredClone(plan.protocol),
  seeds: [...plan.seeds],
});

describe('keys', () => {
  /** For every field a value that `smoke` does not have. */
  const OTHER: { readonly fixed: FixedProtocol; readonly tuning: TuningProtocol } = {
    fixed: {
      lambdas: [1],
      tolerance: 1e-3,
      patience: 7,
      view: { kind: 'stretched', filter: 'bicubic' },
    },
    tuning: {
      steps: 7,
      batchSize: 9,
      learningRates: [0.5],
      weightDecays: [0],
      divideDecayByRate: false,
      momentum: 0.8,
      labelSmoothing: 0.1,
      dropout: 0.5,
      smallestCrop: 0.3,
      cropRatio: 1,
      filter: 'bicubic',
      giveUp: null,
      search: { kind: 'grid', refinements: 1 },
    },
  };

  for (const setting of SETTINGS) {
    it(`of ${setting} change with every field of the protocol's part for it, and no others do`, () => {
      const others = Object.entries(setting === 'fixed' ? OTHER.fixed : OTHER.tuning);
      expect(others.map(([field]) => field).sort()).toEqual(Object.keys(input.protocol[setting]).sort());
      for (const [field, value] of others) {
        const protocol = applyChanges(input.protocol, { [setting]: { [field]: value } });
        expect(diffProtocols(input.protocol, protocol), field).toMatchObject([{ part: setting, field }]);
        expect(changedBy({ protocol }), field).toEqual([setting]);
      }
    });
  }

  it('are those of a protocol from before searches had a choice, where the whole grid is run', () => {
    const [{ cell }] = planCells({ ...input, settings: ['finetune'] });
    expect(cell.determinedBy.protocol).not.toHaveProperty('search');
    expect(cell.determinedBy.protocol).toHaveProperty('giveUp');
  });

  it('do not change with names and descriptions', () => {
    const { datasets, models, protocol } = input;
    const renamed = {
      protocol: { ...protocol, name: 'other', description: 'other' },
      datasets: datasets.map(({ dataset }) => ({ spec: 'other', dataset: { ...dataset, name: 'other' } })),
      models: models.map(({ opened: model }) => ({ spec: 'other', opened: { ...model, label: 'other' } })),
    };
    expect(changedBy(renamed)).toEqual([]);
  });

  it('differ between the protocols that come with the program, and agree where two papers do', () => {
    const keys = PROTOCOLS.map((protocol) => keysOf({ ...input, protocol }));
    expect(new Set(keys.map((key) => key.fixed[0])).size).toBe(
      new Set(PROTOCOLS.map(({ fixed }) => JSON.stringify(fixed))).size,
    );
    const tuned = PROTOCOLS.filter(({ name }) => name !== 'simclr-2020');
    for (const setting of ['finetune', 'scratch'] as const) {
      const different = new Set(keys.map((key) => key[setting][0]));
      expect(different.size).toBe(tuned.length);
    }
  });

  it('change with the data, its split and its metric', async () => {
    expect(changedBy(withDataset(openProceduralDataset('procedural/shapes')))).toEqual(SETTINGS);
    expect(changedBy(withDataset(openProceduralDataset('procedural/fine', { seed: 1 })))).toEqual(SETTINGS);
    expect(changedBy(withDataset({ ...input.datasets[0].dataset, metric: 'meanPerClass' }))).toEqual(
      SETTINGS,
    );
    const folder = await folderOf(await classFiles({ a: 6, b: 6 }));
    const keys = async (seed: number) =>
      keysOf({ ...input, ...withDataset(await openFolderDataset(folder, { seed })) });
    expect(await keys(0)).toEqual(await keys(0));
    expect((await keys(0)).fixed).not.toEqual((await keys(1)).fixed);
  });

  it('change with the weights, except from scratch, which does not use them', async () => {
    const folder = await temporaryFolder();
    const other = await openModel(await smallWeightsFile(folder, 'a', MODEL, 2));
    expect(changedBy(withModel(other))).toEqual(['fixed', 'finetune']);
    const again = await openModel(await smallWeightsFile(folder, 'again', MODEL, 1));
    expect(changedBy(withModel(again))).toEqual([]);
  });

  it('change with architecture, switches and input size', async () => {
    const names = [
      ...[MODEL, 'cifar_resnet32', `${MODEL}@40`, 'cifar_resnet32@40'],
      ...[`${MODEL}-gamma`, `${MODEL}+dropout20`, `${MODEL}-gamma@40`, 'cifar_resnet32-gamma'],
    ];
    const keys = new Set<string>();
    for (const name of names) {
      keys.add(keysOf({ ...input, ...withModel(await openModel(name)) }).scratch[0]);
    }
    expect(keys.size).toBe(names.length);
    expect(keys).toContain(keysOf(input).scratch[0]);
  });

  it('tell apart two ONNX files of one name from scratch too: the file is the architecture', async () => {
    const scratchKeys = new Set<string>();
    for (const fixture of FIXTURES) {
      const path = join(await temporaryFolder(), 'network.onnx');
      await copyFile(join(import.meta.dirname, '../fixtures/onnx/classifiers', fixture), path);
      scratchKeys.add(keysOf({ ...input, ...withModel(await openModel(path)) }).scratch[0]);
    }
    expect(scratchKeys.size).toBe(2);
  });
});

it('two weights of one architecture are one cell from scratch, and each has it under its name', async () => {
  const other = await openModel(await smallWeightsFile(await temporaryFolder(), 'b', MODEL, 2));
  const path = join(await temporaryFolder(), 'study.yaml');
  await writeFile(
    path,
    'title: x\nprotocol: smoke\nmodels: [a, b]\ndatasets: [procedural/fine]\nexperiments: { settings: {} }\n',
  );
  const parts = {
    study: await readStudy(path),
    protocol: findProtocol('smoke'),
    datasets: input.datasets,
    models: [
      { spec: 'a', opened: { ...opened, label: 'a' } },
      { spec: 'b', opened: { ...other, label: 'b' } },
    ],
    variants: [],
  };
  const tasks = allTasks(experimentCells(parts));
  const names = (all: typeof tasks) => all.map(({ cell }) => `${cell.model} ${cell.setting}`);
  expect(names(tasks)).toEqual(['a fixed', 'a finetune', 'a scratch', 'b fixed', 'b finetune', 'b scratch']);
  expect(names(distinctTasks(tasks))).toEqual([
    'a fixed',
    'a finetune',
    'a scratch',
    'b fixed',
    'b finetune',
  ]);
});
