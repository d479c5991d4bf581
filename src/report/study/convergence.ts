/** Accuracy against the number of training steps: how much sooner a pre-trained network converges. */
import { stepsToOdds } from '../../stats/index.ts';
import type { FinishedCell } from '../../store/records.ts';
import { mean, testEstimate } from '../accuracy.ts';
import type { ConvergenceRun, StudyInput } from './input.ts';
import { meanDifference } from './paired.ts';
import { finishedByKey, grouped, meanTest } from './results.ts';
import type { Convergence } from './schema.ts';

/** The paper's figure of merit. */
const SHARE_OF_ODDS = 0.9;

type Curve = Convergence['curves'][number];
type Run = ConvergenceRun & { readonly outcome: FinishedCell };

export function convergence({ experiments, outcomes }: StudyInput): Convergence | null {
  if (!experiments.convergence) return null;
  const { runs } = experiments.convergence;
  const finished = finishedByKey(outcomes);
  const known = runs.flatMap((run) => {
    const outcome = finished.get(run.key);
    return outcome ? { ...run, outcome } : [];
  });
  const curves = grouped(known, (run) => [run.model, run.dataset, run.setting]).map(curveOf);
  const ratios = ratiosOf(curves);
  return { shareOfOdds: SHARE_OF_ODDS, curves, ratios, ratio: meanRatio(ratios) };
}

function curveOf(runs: readonly Run[]): Curve {
  const budgets = grouped(runs, ({ steps }) => [steps]).sort((a, b) => a[0].steps - b[0].steps);
  const tests = budgets.map((budget) => meanTest(budget.map(({ outcome }) => outcome)));
  const points = budgets.map((budget, i) => {
    const results = budget.map(({ outcome }) => outcome.result);
    const { low, high } = testEstimate(results);
    return {
      steps: budget[0].steps,
      epochs: budget[0].epochs,
      value: tests[i].value,
      low,
      high,
      odds: Math.exp(tests[i].logit),
      runs: budget.length,
      seconds: mean(results.map(({ seconds }) => seconds.total)),
    };
  });
  const { model, dataset, setting, steps, epochs } = runs[0];
  const found = stepsToOdds(
    points.map((point) => point.steps),
    tests.map((test) => test.logit),
    SHARE_OF_ODDS,
  );
  return {
    model,
    dataset,
    setting,
    points,
    maximumOdds: Math.max(...points.map(({ odds }) => odds)),
    steps: found.steps,
    epochs: (found.steps * epochs) / steps,
    atMost: found.atMost,
    stillRising: found.stillRising,
    settled: points.length > 1 && tests[points.length - 2].logit >= found.target,
  };
}

/** From scratch against fine-tuned, of every network and data set that has both. */
function ratiosOf(curves: readonly Curve[]): Convergence['ratios'] {
  return curves
    .filter(({ setting }) => setting === 'scratch')
    .flatMap((scratch) => {
      const finetune = curves.find(
        ({ setting, model, dataset }) =>
          setting === 'finetune' && model === scratch.model && dataset === scratch.dataset,
      );
      if (!finetune) return [];
      return {
        model: scratch.model,
        dataset: scratch.dataset,
        scratch: scratch.steps,
        finetune: finetune.steps,
        ratio: scratch.steps / finetune.steps,
        bound: boundOf(scratch, finetune),
      };
    });
}

/**
 * Fewer steps might do where the smallest budget is enough already; more may be needed where the odds still grow at the
 * largest one. A curve whose odds fall at the end counts as one that does not grow.
 */
function boundOf(scratch: Curve, finetune: Curve): Convergence['ratios'][number]['bound'] {
  const grows = ({ stillRising, settled }: Curve) => stillRising && !settled;
  const atLeast = finetune.atMost || grows(scratch);
  const atMost = scratch.atMost || grows(finetune);
  if (atLeast && atMost) return 'unknown';
  if (atLeast) return 'at least';
  return atMost ? 'at most' : 'exact';
}

/** Geometric mean, with the interval of the mean logarithm; ratios of which nothing is known are left out. */
function meanRatio(ratios: Convergence['ratios']): Convergence['ratio'] {
  const known = ratios.filter(({ bound }) => bound !== 'unknown');
  if (known.length === 0) return null;
  const { n, mean: centre, interval } = meanDifference(known.map(({ ratio }) => Math.log(ratio)));
  return {
    value: Math.exp(centre),
    interval: interval && { low: Math.exp(interval.low), high: Math.exp(interval.high) },
    n,
  };
}
