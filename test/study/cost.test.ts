/** The estimate of a cell's cost: the protocol's arithmetic, worked out by hand for small numbers. */
import { describe, expect, it } from 'vitest';
import { cellCost, findProtocol } from '../../src/study/index.ts';
import type { CostValue, Protocol, TuningProtocol } from '../../src/transfer/index.ts';

const COST: CostValue = {
  trainSecondsPerImage: 3,
  evaluationSecondsPerImage: 2,
  inferenceSecondsPerImage: 1,
  regressionSecondsPerImage: 0.01,
  trainingSetupSeconds: 70,
  inferenceSetupSeconds: 7,
  runSetupSeconds: 5,
  bytes: 1000,
  inferenceBytes: 500,
  batch: 8,
  microBatches: 1,
  timedBatch: 8,
  classes: 10,
  features: 4,
};
const IMAGES = { train: 100, validation: 20, test: 30, classes: 10 };

const SMOKE = findProtocol('smoke');
const tuning = (change: Partial<TuningProtocol>): Protocol => ({
  ...SMOKE,
  finetune: { ...SMOKE.finetune, giveUp: null, ...change },
});
const GRID = { steps: 10, batchSize: 8, learningRates: [0.1, 0.2, 0.3], weightDecays: [0, 1] };

describe('the cost of a cell', () => {
  it('of fine-tuning is that of all trials to their end, validation, the final fit and the test part', () => {
    // Six trials and a fit of 10 steps of 8 images; 6 times 20 validation images; 30 test images.
    const plain = 70 + 7 + 14 * 5 + 7 * 10 * 8 * 3 + 6 * 20 * 2 + 30 * 1;
    expect(cellCost(tuning(GRID), 'finetune', COST, IMAGES)).toEqual({
      seconds: plain,
      trials: 6,
      bytes: 1000,
    });
    const giveUp = { after: [0.5], margin: 0.1 };
    expect(cellCost(tuning({ ...GRID, giveUp }), 'finetune', COST, IMAGES).seconds).toBe(
      plain + 6 * (20 * 2 + 5),
    );
  });

  it('counts no image twice in a batch', () => {
    const few = { ...IMAGES, train: 5 };
    expect(cellCost(tuning(GRID), 'finetune', COST, few).seconds).toBe(
      77 + 14 * 5 + 7 * 10 * 5 * 3 + 6 * 20 * 2 + 30,
    );
  });

  it('of halving is what its rungs run', () => {
    const search = { kind: 'halving', first: 0.1, eta: 3 } as const;
    // Rungs: 6 trials to step 1, 2 to step 3, 1 to the end.
    const steps = 6 * 1 + 2 * 2 + 1 * 7 + 10;
    const { seconds, trials } = cellCost(tuning({ ...GRID, search }), 'finetune', COST, IMAGES);
    expect(seconds).toBe(77 + (6 + 9 + 2) * 5 + steps * 8 * 3 + (6 + 2 + 1) * 20 * 2 + 30);
    expect(trials).toBe(6);
  });

  it('of fixed features is features once, a path and a fit', () => {
    const protocol = { ...SMOKE, fixed: { ...SMOKE.fixed, lambdas: [1, 2, 3] } };
    const { seconds, trials, bytes } = cellCost(protocol, 'fixed', COST, IMAGES);
    const evaluated = 20 * (3 * 100 + 120);
    expect(seconds).toBeCloseTo(2 * 7 + 3 * 5 + 150 * 1 + evaluated * 0.01, 9);
    expect(trials).toBe(3);
    expect(bytes).toBe(500 + 2 * 4 * 120 * 4);
    const more = cellCost(protocol, 'fixed', COST, { ...IMAGES, classes: 20 });
    expect(more.seconds - seconds).toBeCloseTo(evaluated * 0.01, 9);
  });
});
