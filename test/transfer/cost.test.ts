/** Measuring what a network costs, on the real engine: what is planned and timed; no time is judged. */
import { beforeAll, describe, expect, it } from 'vitest';
import { openProceduralDataset } from '../../src/data/index.ts';
import { findModel } from '../../src/models/index.ts';
import { type CostOptions, measureCost, type SettingInputs } from '../../src/transfer/index.ts';
import { smallInputs } from './small-inputs.ts';

let inputs: SettingInputs;

beforeAll(async () => {
  inputs = await smallInputs(openProceduralDataset('procedural/fine'), { weights: undefined });
});

const cost = async (change: Partial<SettingInputs> = {}, options: Partial<CostOptions> = {}) =>
  (await measureCost({ ...inputs, ...change }, { batchSize: 32, ...options })).value;

describe('the cost of a network', () => {
  it('is of steps with the batch asked for, and of the classes of the data set', async () => {
    const value = await cost();
    expect(value).toMatchObject({ batch: 32, timedBatch: 32, microBatches: 1, classes: 8, features: 64 });
    for (const number of Object.values(value)) expect(number).toBeGreaterThanOrEqual(0);
    expect(await cost({}, { classes: 2, batchSize: 4 })).toMatchObject({ classes: 2, batch: 4 });
  });

  it('keeps within the memory that is allowed, by parts of the batch', async () => {
    const [{ bytes: few }, { bytes: many }] = [await cost({}, { batchSize: 2 }), await cost()];
    const memory = (few + many) / 2;
    const value = await cost({ memory });
    expect(value.microBatches).toBeGreaterThan(1);
    expect(value.bytes).toBeLessThanOrEqual(memory);
    expect(value.timedBatch).toBeLessThanOrEqual(32 / value.microBatches);
    await expect(cost({ memory: 2 ** 20 })).rejects.toMatchObject({ code: 'MEMORY' });
  });

  it('is timed on fewer images where a step would take long', async () => {
    const model = findModel('resnet18');
    const value = await cost({ model }, { batchSize: 4096 });
    expect(value.batch).toBe(4096);
    expect(value.timedBatch).toBe(Math.floor(2e10 / (3 * model.multiplyAdds)));
  });

  it('is measured for sets with several classes per image', async () => {
    const dataset = { ...inputs.dataset, task: 'multi-label' } as const;
    expect((await cost({ dataset })).trainSecondsPerImage).toBeGreaterThan(0);
  });
});
