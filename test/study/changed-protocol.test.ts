/**
 * Changing a field of a protocol computes again exactly the cells that it concerns: real runs into one store, in which
 * what is not concerned stays as it is stored, up to the time at which it finished.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedStore, type Setting, type Store } from '../../src/store/index.ts';
import {
  applyChanges,
  findProtocol,
  openDataset,
  planCells,
  runCells,
  SETTINGS,
} from '../../src/study/index.ts';
import type { PlanInput } from '../../src/study/plan.ts';
import type { ProtocolChanges } from '../../src/study/protocol-changes.ts';
import type { Protocol } from '../../src/transfer/index.ts';
import { openModel } from '../../src/weights/index.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';

const BASE = applyChanges(findProtocol('smoke'), {
  finetune: { learningRates: [0.01] },
  scratch: { learningRates: [0.01] },
});

let store: Store;
let input: Omit<PlanInput, 'protocol'>;
let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  store = await openEmbeddedStore(join(folder, 'store'));
  const data = await colourFolder({ red: 9, green: 9, blue: 9 });
  const weights = await smallWeightsFile(folder, 'weights', 'cifar_resnet20@16');
  const cacheFolder = join(folder, 'cache');
  input = {
    datasets: [{ spec: data, dataset: await openDataset(data, { splitSeed: 0, cacheFolder }) }],
    models: [{ spec: weights, opened: await openModel(weights) }],
    settings: SETTINGS,
    seeds: [0],
    splitSeed: 0,
  };
});
afterAll(() => store.close());

/** Runs the cells under `protocol`; the settings that were computed, and when the result of each was. */
async function run(protocol: Protocol) {
  const computed: Setting[] = [];
  const outcomes = await runCells(
    store,
    planCells({ ...input, protocol }),
    { cacheFolder: join(folder, 'cache'), threads: 1, device: 'cpu', workFolder: join(folder, 'work') },
    { onBegin: ({ setting }) => computed.push(setting) },
  );
  const finishedAt = outcomes.map((outcome) =>
    outcome.status === 'done' ? outcome.result.finishedAt : outcome.error,
  );
  return { computed, finishedAt, outcomes };
}

describe('a changed protocol', () => {
  it('computes again the cells of the setting whose field was changed, and no other', async () => {
    const first = await run(BASE);
    expect(first.computed).toEqual(SETTINGS);
    expect(first.outcomes.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    const changes: readonly (readonly [ProtocolChanges, readonly Setting[]])[] = [
      [{}, []],
      [{ name: 'other', description: 'other' }, []],
      [{ fixed: { tolerance: 1e-2 } }, ['fixed']],
      [{ finetune: { dropout: 0.3 } }, ['finetune']],
      [{ finetune: { giveUp: null, search: { kind: 'halving', first: 0.5, eta: 2 } } }, ['finetune']],
      [{ scratch: { steps: 7 } }, ['scratch']],
    ];
    for (const [change, settings] of changes) {
      const { computed, finishedAt } = await run(applyChanges(BASE, change));
      expect(computed, JSON.stringify(change)).toEqual(settings);
      const anew = SETTINGS.filter((_, i) => finishedAt[i] !== first.finishedAt[i]);
      expect(anew).toEqual(settings);
    }
    // Back at the first protocol everything is there.
    expect((await run(BASE)).computed).toEqual([]);
  });

  it('states what the search cost in each result', async () => {
    const { outcomes } = await run(applyChanges(BASE, { scratch: { learningRates: [0.01, 0.02] } }));
    const steps = outcomes.map(
      (outcome) =>
        outcome.status === 'done' && [
          outcome.result.environment.searchSteps,
          outcome.result.environment.wholeGridSteps,
        ],
    );
    // One point of six steps for fine-tuning; from scratch two, of which the second may be given up at the third step.
    expect(steps[0]).toEqual([undefined, undefined]);
    expect(steps[1]).toEqual([6, 6]);
    const [searched, whole] = steps[2] as number[];
    expect(whole).toBe(12);
    expect([9, 12]).toContain(searched);
  });
});
