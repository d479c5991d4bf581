/** The training loop: batches, schedule, steps, curve, checkpoints. */
import type { BatchLoader } from '../data/index.ts';
import { cosine } from '../nn/schedules.ts';
import type { UserError } from '../util/errors.ts';
import type { TrainingStep } from './step.ts';

export interface TrainOptions {
  readonly steps: number;
  /** The step to go on from, when a state is restored; default 0. The loader must begin there too. */
  readonly startStep?: number;
  readonly learningRate: number;
  /** The factor on the learning rate at a step, 0 <= step < steps; default: half a cosine from 1 to 0. */
  readonly schedule?: (step: number, steps: number) => number;
  readonly weightDecay: number;
  readonly statisticsDecay: number;
  /** Seeds dropout; the order and the crops of the images are the loader's. */
  readonly seed: number;
  /** Steps after which `onCheckpoint` is asked, ascending. */
  readonly checkpoints?: readonly number[];
  /** Called with the number of steps done; `stop` ends the run. */
  readonly onCheckpoint?: (step: number) => Promise<'go on' | 'stop'>;
  /** Called after every step. */
  readonly onStep?: (done: number, loss: number) => void;
}

export interface TrainingCurvePoint {
  readonly step: number;
  /** Means since the last point. */
  readonly loss: number;
  /** Of a multi-label step the share of classes told right. */
  readonly trainAccuracy: number;
  readonly learningRate: number;
}

export interface TrainingRun {
  /** `diverged`: the loss was not a number. */
  readonly status: 'finished' | 'stopped' | 'diverged';
  readonly steps: number;
  readonly curve: readonly TrainingCurvePoint[];
  /** Wall-clock time of the run, and the part of it in which the next batch was not ready. */
  readonly seconds: { readonly total: number; readonly waiting: number };
  /**
   * Of a diverged run: finds the layer that made the first number that is not finite (see `TrainingStep.diagnose`).
   * To be called before the step is loaded, run or closed, and before the loader's next batch.
   */
  readonly diagnose?: () => Promise<UserError | undefined>;
}

/** How many points a curve has at most. */
const CURVE_POINTS = 50;

/** Runs `steps` steps of `step` on the loader's batches. */
export async function train(
  step: TrainingStep,
  loader: BatchLoader,
  options: TrainOptions,
): Promise<TrainingRun> {
  const { steps, startStep = 0, learningRate, schedule = cosine, checkpoints = [] } = options;
  const every = Math.max(1, Math.ceil(steps / CURVE_POINTS));
  const curve: TrainingCurvePoint[] = [];
  let [lossSum, correct, seen, since] = [0, 0, 0, 0];
  const [begun, waitedBefore] = [performance.now(), loader.waitedSeconds];
  const ended = (status: TrainingRun['status'], done: number) => ({
    status,
    steps: done,
    curve,
    seconds: {
      total: (performance.now() - begun) / 1000,
      waiting: loader.waitedSeconds - waitedBefore,
    },
  });
  for (let index = startStep; index < steps; index++) {
    const rate = learningRate * schedule(index, steps);
    const { images, labels, indices } = await loader.next();
    const inputs = { ...options, images, labels, learningRate: rate, step: index };
    const result = await step.run(inputs);
    const done = index + 1;
    if (!Number.isFinite(result.loss)) {
      return { ...ended('diverged', done), diagnose: () => step.diagnose(inputs) };
    }
    options.onStep?.(done, result.loss);
    lossSum += result.loss;
    correct += result.correct;
    seen += indices.length;
    since++;
    if (done % every === 0 || done === steps) {
      curve.push({ step: done, loss: lossSum / since, trainAccuracy: correct / seen, learningRate: rate });
      [lossSum, correct, seen, since] = [0, 0, 0, 0];
    }
    if (checkpoints.includes(done) && (await options.onCheckpoint?.(done)) === 'stop') {
      return ended('stopped', done);
    }
  }
  return ended('finished', steps);
}
