/** Which formulations a study takes: those of the convolutions that will run, in the parts that a limit of memory makes. */
import { expect, it } from 'vitest';
import { ProgressDisplay } from '../../src/cli/progress.ts';
import { studyFormulations } from '../../src/cli/study-formulations.ts';
import { convolutionsOf } from '../../src/compile/index.ts';
import { tuningPlace } from '../../src/runtime/index.ts';
import { writeTunedTable } from '../../src/runtime/tuned-table.ts';
import { findProtocol, openDataset, planCells } from '../../src/study/index.ts';
import { stepOutputs, TrainingStep } from '../../src/train/index.ts';
import { tunedStep } from '../../src/transfer/index.ts';
import { openModel } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';

const SET = 'procedural/shapes#per-class=6,seed=0';
const NETWORK = 'cifar_resnet20@64';
const ENGINE = { threads: 1, device: 'cpu' } as const;

it('are those of the parts that a limit of memory divides batches into', async () => {
  const cacheFolder = await temporaryFolder();
  const dataset = await openDataset(SET, { splitSeed: 0, cacheFolder });
  const opened = await openModel(NETWORK);
  const inputs = { datasets: [{ spec: SET, dataset }], models: [{ spec: NETWORK, opened }] };
  const protocol = findProtocol('smoke');
  const { classifier, definition } = tunedStep(dataset, opened.model, protocol.scratch);
  const keysOf = (microBatches: number) =>
    convolutionsOf(stepOutputs(classifier, { ...definition, microBatches })).map(({ key }) => key);
  const bytesOf = async (microBatches: number) =>
    (await TrainingStep.plan(classifier, { ...definition, microBatches, recompute: true })).plannedBytes;
  // The machine knows all shapes of the whole batch and of its halves.
  const known = { usual: 'a', chosen: 'b', seconds: { a: 2, b: 1 } };
  const table = new Map([...keysOf(1), ...keysOf(2)].map((key) => [key, known]));
  await writeTunedTable(cacheFolder, tuningPlace(ENGINE), table);
  const taken = async (memory?: number) => {
    const cells = planCells({ ...inputs, settings: ['scratch'], protocol, seeds: [0], splitSeed: 0, memory });
    const places = { out: await temporaryFolder(), cacheFolder, splitSeed: 0 };
    const options = { ...places, ...ENGINE, memory, tuneSeconds: 0 };
    const formulations = await studyFormulations(cells, inputs, options, new ProgressDisplay());
    return [...formulations.keys()].sort();
  };
  expect(await taken()).toEqual(keysOf(1).sort());
  expect(await taken(((await bytesOf(1)) + (await bytesOf(2))) / 2)).toEqual(keysOf(2).sort());
  // What fits in no way fails in its cells, and not here.
  expect(await taken(1)).toEqual([]);
});
