/**
 * Measurements in a worker process of their own: computed once, kept with their files, computed for others although one
 * fails or kills its process; and their keys, the address of what determines them and nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import {
  type CellEnvironment,
  type MeasurementOutcome,
  type MeasurementTask,
  measureAll,
  openDataset,
  planMeasurement,
} from '../../src/study/index.ts';
import type { PlannedInputs } from '../../src/study/measure.ts';
import type { CostValue, PretrainingOptions, PretrainingValue } from '../../src/transfer/index.ts';
import { openModel } from '../../src/weights/index.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { canMount, onSmallDisk, skippedWithoutMount } from '../small-disk.ts';
import { smallWeightsFile } from '../small-weights.ts';

const TRAINING: PretrainingOptions = { steps: 3, batchSize: 8, learningRate: 0.05, weightDecay: 1e-4 };
const MODEL = 'cifar_resnet20-gamma@16';

let store: Store;
let folder: string;
let environment: CellEnvironment;
let inputs: PlannedInputs;

async function inputsOf(model = MODEL, data = inputs.dataset.spec): Promise<PlannedInputs> {
  const dataset = await openDataset(data, { splitSeed: 0, cacheFolder: environment.cacheFolder });
  const opened = await openModel(model);
  return {
    dataset: { spec: data, dataset },
    model: { spec: model, opened },
    splitSeed: 0,
    seed: 0,
    environment,
  };
}

beforeAll(async () => {
  folder = await temporaryFolder();
  environment = { cacheFolder: join(folder, 'cache'), threads: 1, device: 'cpu' };
  inputs = await inputsOf(MODEL, await colourFolder({ red: 9, green: 9, blue: 9 }));
  store = await openEmbeddedStore(join(folder, 'store'));
});
afterAll(() => store.close());

const pretraining = (change: Partial<PretrainingOptions> = {}, given = inputs) =>
  planMeasurement('pretraining', given, { ...TRAINING, ...change });

/** Runs the tasks, and says which were begun. */
async function run(tasks: readonly MeasurementTask[], onProgress?: () => void, onOutcome?: () => void) {
  const begun: number[] = [];
  const options = { ...environment, workFolder: join(folder, 'work') };
  const outcomes = await measureAll(store, tasks, options, {
    onBegin: (_, index) => begun.push(index),
    onProgress,
    onOutcome,
  });
  return { outcomes, begun };
}

function measurementOf(outcome: MeasurementOutcome) {
  if (outcome.status === 'failed') throw new Error(outcome.error);
  return outcome.measurement;
}

/** Processes whose parent is this one and that run the worker. */
function workers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return Number(parent) === process.pid && command.includes('study/worker') ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
}

/** A process that ended and of which nobody has asked how is a zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('measurements', () => {
  it('are computed once, and kept with their files', async () => {
    const tasks = [pretraining(), planMeasurement('cost', inputs, { batchSize: 8 }), pretraining()];
    const { outcomes, begun } = await run(tasks);
    expect(begun).toEqual([0, 1]);
    const [weights, cost, again] = outcomes.map(measurementOf);
    expect(again).toEqual(weights);
    expect(weights).toMatchObject({
      kind: 'pretraining',
      model: MODEL,
      dataset: inputs.dataset.dataset.name,
    });
    expect((weights.value as PretrainingValue).steps).toBe(3);
    const path = join(folder, 'weights.safetensors');
    await writeFile(path, await store.readArtifact(weights.artifact!));
    expect((await openModel(path)).model.name).toBe(inputs.model.opened.model.name);

    expect(cost.artifact).toBeNull();
    const { value } = cost as unknown as { value: CostValue };
    expect(value).toMatchObject({ batch: 8, microBatches: 1, timedBatch: 8, classes: 3, features: 64 });

    const later = await run(tasks);
    expect(later.begun).toEqual([]);
    expect(later.outcomes.map(measurementOf)).toEqual([weights, cost, weights]);
  });

  it('go on when one fails, which is told and tried again', async () => {
    const diverging = pretraining({ learningRate: 1e30, steps: 9 });
    const tasks = [diverging, pretraining({ steps: 2 })];
    const { outcomes } = await run(tasks);
    expect(outcomes[0]).toEqual({
      task: diverging,
      status: 'failed',
      error: expect.stringContaining('diverged'),
    });
    expect((measurementOf(outcomes[1]).value as PretrainingValue).steps).toBe(2);
    expect((await run(tasks)).begun).toEqual([0]);
  });

  it.skipIf(process.platform !== 'linux')(
    'go on when one kills its process (skipped where there is no /proc)',
    async () => {
      let killed = 0;
      const tasks = [pretraining({ steps: 2000 }), pretraining({ steps: 1 })];
      const { outcomes } = await run(tasks, () => {
        if (killed > 0) return;
        for (const worker of workers()) {
          process.kill(worker, 'SIGKILL');
          killed++;
        }
      });
      expect(killed).toBe(1);
      expect(outcomes[0]).toMatchObject({
        status: 'failed',
        error: expect.stringContaining('ended by SIGKILL'),
      });
      expect(measurementOf(outcomes[1]).kind).toBe('pretraining');
    },
  );

  it('go on when one has a number that the store does not keep', async () => {
    const whole = pretraining({ steps: 4 });
    const task = { ...whole, determinedBy: { ...whole.determinedBy, rate: Number.NaN } };
    const { outcomes } = await run([task, pretraining({ steps: 1 })]);
    expect(outcomes[0]).toMatchObject({ status: 'failed', error: expect.stringContaining('rate is NaN') });
    expect(measurementOf(outcomes[1]).kind).toBe('pretraining');
    expect(readdirSync(folder)).not.toContain('work');
  });

  it('go on when their process cannot be started, as after an upgrade of Node', async () => {
    const { execPath } = process;
    const tasks = [pretraining({ steps: 5 }), pretraining({ steps: 6 })];
    process.execPath = join(folder, 'no-such-node');
    const outcome = await run(tasks, undefined, () => {
      process.execPath = execPath;
    }).finally(() => {
      process.execPath = execPath;
    });
    expect(outcome.outcomes[0]).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/cannot be used: .*ENOENT/),
    });
    expect(measurementOf(outcome.outcomes[1]).kind).toBe('pretraining');
  });

  it.skipIf(process.platform !== 'linux')(
    'go on when their process died unnoticed between two (skipped where there is no /proc)',
    async () => {
      const tasks = [pretraining({ steps: 7 }), pretraining({ steps: 8 }), pretraining({ steps: 9 })];
      const killed: number[] = [];
      const { outcomes } = await run(tasks, undefined, () => {
        if (killed.length > 0) return;
        killed.push(...workers());
        for (const worker of killed) process.kill(worker, 'SIGKILL');
        // Until it is gone, without a chance to hear of it.
        while (killed.some(isRunning));
      });
      expect(killed).toHaveLength(1);
      expect(outcomes.map(({ status }) => status)).toEqual(['done', 'failed', 'done']);
    },
  );

  it('are not made of data that have changed since they were planned', async () => {
    const given = await inputsOf(MODEL, await colourFolder({ red: 9, green: 9, blue: 8 }));
    const task = { ...pretraining({}, given), dataset: inputs.dataset.spec };
    const { outcomes } = await run([task]);
    expect(outcomes[0]).toMatchObject({ error: expect.stringContaining('has changed since') });
  });
});

describe.skipIf(!canMount)(`a full disk${skippedWithoutMount}`, () => {
  it('ends the run, since all that is left to do would be computed and lost', async () => {
    const script = fileURLToPath(new URL('./child-full-disk.ts', import.meta.url));
    const run = `exec "${process.execPath}" --import tsx "${script}" "$0" "$1" "$2"`;
    const child = onSmallDisk(1, run, inputs.dataset.spec, await temporaryFolder());
    expect(child.status, child.stderr).toBe(0);
    expect(JSON.parse(child.stdout)).toEqual({ ended: 'STORE_FULL', begun: [0], left: ['ballast'] });
  });
});

describe('the key of a measurement', () => {
  it('changes with options, kind, architecture, seed and data', async () => {
    const keys = [
      pretraining(),
      pretraining({ learningRate: 0.1 }),
      pretraining({ average: 0.5 }),
      pretraining({}, await inputsOf('cifar_resnet20@16')),
      pretraining({}, await inputsOf('cifar_resnet20+dropout50@16')),
      pretraining({}, { ...inputs, seed: 1 }),
      pretraining({}, await inputsOf(MODEL, 'procedural/fine')),
      planMeasurement('cost', inputs, { batchSize: 8 }),
      planMeasurement('cost', inputs, { batchSize: 16 }),
      planMeasurement('cost', inputs, { batchSize: 8, classes: 4 }),
      planMeasurement('cost', { ...inputs, environment: { ...environment, threads: 2 } }, { batchSize: 8 }),
      planMeasurement(
        'cost',
        { ...inputs, environment: { ...environment, memory: 2 ** 30 } },
        { batchSize: 8 },
      ),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('does not change with what has no effect', async () => {
    const weights = await smallWeightsFile(folder, 'small', MODEL);
    const withWeights = await inputsOf(weights);
    expect(pretraining({}, withWeights).key).toBe(pretraining().key);
    const cost = (given: PlannedInputs) => planMeasurement('cost', given, { batchSize: 8, classes: 3 }).key;
    const elsewhere = { ...environment, cacheFolder: 'elsewhere' };
    expect(cost({ ...withWeights, seed: 7, environment: elsewhere })).toBe(cost(inputs));
    expect(cost(await inputsOf(MODEL, 'procedural/fine'))).toBe(cost(inputs));
    const placed = planMeasurement('cost', inputs, { batchSize: 8 }, { classes: 9 });
    expect(placed.key).toBe(planMeasurement('cost', inputs, { batchSize: 8 }).key);
    expect(placed.options).toEqual({ batchSize: 8, classes: 9 });
  });
});
