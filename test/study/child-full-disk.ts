/**
 * Pre-trains twice with a work folder on the small disk that is mounted at the folder given, which has no room for the
 * weights, and reports as JSON how it ended. Arguments: the disk, a data set, a folder with room.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { measureAll, openDataset, planMeasurement } from '../../src/study/index.ts';
import { UserError } from '../../src/util/errors.ts';
import { openModel } from '../../src/weights/index.ts';

const [, , disk, spec, folder] = process.argv;
writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 ** 19));
const environment = { cacheFolder: join(folder, 'cache'), threads: 1, device: 'cpu' } as const;
const dataset = await openDataset(spec, { splitSeed: 0, ...environment });
const model = 'cifar_resnet20@16';
const inputs = {
  dataset: { spec, dataset },
  model: { spec: model, opened: await openModel(model) },
  environment,
};
const tasks = [1, 2].map((steps) =>
  planMeasurement(
    'pretraining',
    { ...inputs, splitSeed: 0, seed: 0 },
    { steps, batchSize: 4, learningRate: 0.01, weightDecay: 0 },
  ),
);
const store = await openEmbeddedStore(join(folder, 'store'));
const begun: number[] = [];
const ended = await measureAll(
  store,
  tasks,
  { ...environment, workFolder: join(disk, 'work') },
  { onBegin: (_, index) => begun.push(index) },
).then(
  (outcomes) => outcomes.map(({ status }) => status),
  (error: unknown) => (error instanceof UserError ? error.code : String(error)),
);
await store.close();
process.stdout.write(JSON.stringify({ ended, begun, left: readdirSync(disk) }));
