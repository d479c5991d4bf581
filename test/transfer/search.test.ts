/**
 * The search over the grid: what successive halving runs to the end is bit by bit what the whole grid has there, its
 * steps are those of the definition, and refinements try the points between.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  plannedSteps,
  type SettingInputs,
  type SettingResult,
  type TuningProtocol,
  tuned,
} from '../../src/transfer/index.ts';
import { colourInputs, SMALL_TUNING } from './small-inputs.ts';

const GRID: TuningProtocol = {
  ...SMALL_TUNING,
  steps: 12,
  learningRates: [0.0001, 0.003, 0.01, 0.03],
  weightDecays: [1e-5, 1e-3],
  dropout: 0.2,
};
const HALVING = { kind: 'halving', first: 0.25, eta: 2 } as const;

let inputs: SettingInputs;

beforeAll(async () => {
  inputs = await colourInputs(12);
});

const run = (change: Partial<TuningProtocol>, given = inputs) =>
  tuned(given, { ...GRID, ...change }, 'finetune');
/** What trials are, apart from how long they took. */
const facts = ({ trials }: SettingResult) => trials.map(({ seconds, ...rest }) => rest);

describe('successive halving', () => {
  let whole: SettingResult;
  let halved: SettingResult;
  const shares: number[] = [];
  beforeAll(async () => {
    whole = await run({});
    halved = await run(
      { search: HALVING },
      { ...inputs, onProgress: ({ phase, done, total }) => phase === 'train' && shares.push(done / total) },
    );
  });

  it('cuts trials where the definition says: eight to 3 of 12 steps, four to 6, two to the end', () => {
    const counts = [3, 6, 12].map((steps) => halved.trials.filter((trial) => trial.steps === steps).length);
    expect(counts).toEqual([4, 2, 2]);
    expect(halved.trials.map(({ status }) => status === 'finished')).toEqual(
      halved.trials.map(({ steps }) => steps === 12),
    );
    expect(halved.searchSteps).toEqual({ run: 8 * 3 + 4 * 3 + 2 * 6, wholeGrid: 8 * 12 });
    expect(whole.searchSteps).toEqual({ run: 8 * 12, wholeGrid: 8 * 12 });
  });

  it('has those go on that are better: by metrics of trials that were given up at the same step', async () => {
    // With this margin every trial but the first is given up at the checkpoint.
    const { trials } = await run({ giveUp: { after: [0.25], margin: -1 } });
    expect(trials.slice(1).map(({ steps }) => steps)).toEqual(Array(7).fill(3));
    const metrics = (goesOn: boolean) =>
      trials.flatMap(({ validation }, i) =>
        i > 0 && halved.trials[i].steps > 3 === goesOn ? [validation!] : [],
      );
    expect(Math.min(...metrics(true))).toBeGreaterThanOrEqual(Math.max(...metrics(false)));
    expect(halved.validation).toBe(
      Math.max(...halved.trials.map(({ steps, validation }) => (steps === 12 ? validation! : 0))),
    );
  });

  it('has, of trials that went through three rungs, the metric that the whole grid has', () => {
    const ended = halved.trials.flatMap((trial, i) => (trial.steps === 12 ? [i] : []));
    expect(ended.length).toBe(2);
    for (const i of ended) expect(facts(halved)[i]).toEqual(facts(whole)[i]);
    expect(new Set(whole.trials.map(({ validation }) => validation)).size).toBeGreaterThan(1);
  });

  it('gives the same bits again, also when no state is kept and trials are run from the start again', async () => {
    const again = await run({ search: HALVING }, { ...inputs, memory: 2 ** 40 });
    expect(facts(again)).toEqual(facts(halved));
    expect(again.testLogits).toEqual(halved.testLogits);
    expect(again.searchSteps!.run).toBe(8 * 3 + 4 * 6 + 2 * 12);
  });

  it('reports progress that grows up to the whole', () => {
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  it('gives the places of trials that diverge to others', async () => {
    const { trials } = await run({ search: HALVING, learningRates: [1e30, 1e29, 0.01, 0.003] });
    expect(trials.filter(({ status }) => status === 'diverged').length).toBe(4);
    expect(trials.filter(({ status }) => status === 'finished').length).toBe(2);
  });
});

it('plans the steps of the published grid: 56 points of 20,000 steps, quartered', () => {
  const protocol: TuningProtocol = {
    ...GRID,
    steps: 20_000,
    learningRates: [1, 2, 3, 4, 5, 6, 7],
    weightDecays: [0, 1, 2, 3, 4, 5, 6, 7],
  };
  const whole = { search: 1_120_000, wholeGrid: 1_120_000, final: 20_000 };
  expect(plannedSteps(protocol)).toEqual({ ...whole, trials: 56, validations: 56 });
  const giveUp = { after: [0.25, 0.5], margin: 0.1 };
  expect(plannedSteps({ ...protocol, giveUp }).validations).toBe(3 * 56);
  const search = { kind: 'halving', first: 1 / 16, eta: 4 } as const;
  expect(plannedSteps({ ...protocol, search })).toEqual({
    search: 56 * 1250 + 14 * 3750 + 4 * 15_000,
    wholeGrid: 1_120_000,
    final: 20_000,
    trials: 56,
    validations: 56 + 14 + 4,
  });
});

it('refinements try the points between those of the grid, around the best', async () => {
  const change = { learningRates: [0.0001, 0.01], weightDecays: [0], steps: 8 };
  const [plain, refined] = [
    await run(change),
    await run({ ...change, search: { kind: 'grid', refinements: 2 } }),
  ];
  expect(facts(refined).slice(0, 2)).toEqual(facts(plain));
  const rates = refined.trials.map((trial) => trial.hyperparameters.learningRate);
  const best = (trials: SettingResult['trials']) =>
    trials.reduce((a, b) => (b.validation! > a.validation! ? b : a)).hyperparameters.learningRate;
  // The grid's spacing is 100: half of it on the log scale is 10, a quarter the root of 10.
  const first = best(refined.trials.slice(0, 2));
  expect(rates[2]).toBeCloseTo(first * 10, 12);
  expect(rates[3]).toBeCloseTo(first / 10, 12);
  const second = best(refined.trials.slice(0, 4));
  expect(rates[4]).toBeCloseTo(second * Math.sqrt(10), 12);
  expect(rates[5]).toBeCloseTo(second / Math.sqrt(10), 12);
  expect(refined.searchSteps!.run).toBe(6 * 8);
  expect(refined.validation).toBe(Math.max(...refined.trials.map((trial) => trial.validation!)));
});
