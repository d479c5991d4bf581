/**
 * Training the whole network, from pre-trained weights (fine-tuning) or from random ones (from scratch): the
 * same loop and grid, another start. (Kornblith et al. 2019, section 3; Chen et al. 2020, appendix B.8.)
 */
import type { Tensor } from '../tensor/tensor.ts';
import { openImageFunction, type TrainingRun } from '../train/index.ts';
import { UserError } from '../util/errors.ts';
import { passOverImages } from './image-pass.ts';
import type { ImageClock } from './image-time.ts';
import type { TuningProtocol } from './protocol.ts';
import { plannedSteps, ranked, searchPoints, showNumber } from './search.ts';
import {
  classifierFile,
  LOGITS,
  type SettingInputs,
  type SettingResult,
  type SettingTrial,
  stopwatch,
} from './setting.ts';
import { Tuning, tunedView } from './tuning.ts';

/**
 * Searches on the training part, chooses on the validation part, trains once more on both and predicts the
 * test part once with the exported network.
 * @throws UserError ALL_TRIALS_DIVERGED when no trial's loss stayed finite
 */
export async function tuned(
  inputs: SettingInputs,
  protocol: TuningProtocol,
  setting: 'finetune' | 'scratch',
): Promise<SettingResult> {
  const total = stopwatch();
  const { fit, search, final, ...seeing } = await searchAndFit(inputs, protocol, setting);
  const testLogits = await predictTest(inputs, protocol, { ...seeing, network: fit.network });
  return {
    ...fit,
    testLogits,
    seconds: { total: total(), search, final: final() },
    imageSeconds: seeing.clock.seconds,
  };
}

/** Everything but the test part. What trains is closed in the end, so that it takes no memory beside the prediction. */
async function searchAndFit(
  inputs: SettingInputs,
  protocol: TuningProtocol,
  setting: 'finetune' | 'scratch',
) {
  const untilNow = stopwatch();
  const tuning = await Tuning.open(inputs, protocol);
  try {
    const planned = plannedSteps(protocol);
    tuning.plan(planned.search + planned.final);
    const trials = await searchPoints(tuning);
    const searchSteps = { run: tuning.stepsRun, wholeGrid: planned.wholeGrid };
    const search = untilNow();
    const final = stopwatch();
    const { trial, run } = await fitFinal(tuning, trials);
    await tuning.step.download();
    const fit = {
      hyperparameters: { ...trial.hyperparameters, steps: protocol.steps, batchSize: tuning.batchSize },
      validation: trial.validation!,
      trials,
      searchSteps,
      curve: run.curve,
      network: classifierFile(inputs, setting, tunedView(inputs, protocol), tuning.step.weights()),
      memory: await tuning.step.memory(),
    };
    return { fit, search, final, batchSize: tuning.evaluationBatch, clock: tuning.imageClock };
  } finally {
    await tuning.close();
  }
}

/** The chosen point on all training images; should it diverge there, the next best one, last those given up. */
async function fitFinal(
  tuning: Tuning,
  trials: readonly SettingTrial[],
): Promise<{ trial: SettingTrial; run: TrainingRun }> {
  const positions = [...tuning.trainPositions, ...tuning.validationPositions];
  const budget = tuning.protocol.steps;
  for (const trial of ranked(trials)) {
    const { learningRate, weightDecay } = trial.hyperparameters;
    const point = { learningRate, weightDecay };
    const run = await tuning.run({ point, positions, title: 'final fit', budget });
    if (run.status === 'finished') return { trial, run };
  }
  throw new UserError(
    'ALL_TRIALS_DIVERGED',
    `The loss of every trial became infinite or not a number (learning rates ${tuning.protocol.learningRates.map(showNumber).join(', ')}).`,
    'Give the protocol lower learning rates.',
  );
}

function predictTest(
  inputs: SettingInputs,
  protocol: TuningProtocol,
  { network, batchSize, clock }: { network: Uint8Array; batchSize: number; clock: ImageClock },
): Promise<Tensor<'float32'>> {
  const { dataset, model, cacheFolder, threads, device } = inputs;
  return passOverImages({
    dataset,
    records: dataset.splits.test,
    view: tunedView(inputs, protocol),
    cacheFolder,
    input: model.input,
    batchSize,
    open: (batch) => openImageFunction(network, LOGITS, batch, { threads, device }),
    phase: 'predict test images',
    clock,
  });
}
