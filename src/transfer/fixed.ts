/**
 * Fixed features: the pre-trained network stays as it is, and L2 logistic regression on its penultimate features takes
 * the place of its classifier: multinomial, or of a multi-label set one binary problem per class, all under one lambda
 * and without the images that are difficult for it. (Kornblith et al. 2019, section 3 and appendix A.)
 */
import { type ImageRecord, labelsOf, type SplitName, type View } from '../data/index.ts';
import { float32, type Shape, type Tensor } from '../tensor/tensor.ts';
import { compileImageFunction, type ImageFunction, openImageFunction } from '../train/index.ts';
import { invariant } from '../util/errors.ts';
import { engineObjective } from './engine-objective.ts';
import { passOverImages, requireFinite } from './image-pass.ts';
import { ImageClock } from './image-time.ts';
import type { LabelledFeatures } from './logistic-problem.ts';
import { fitLogisticRegression, type LogisticSolution, regularizationPath } from './logistic-regression.ts';
import type { FixedProtocol } from './protocol.ts';
import {
  classifierFile,
  LOGITS,
  metricOf,
  type SettingInputs,
  type SettingResult,
  stopwatch,
} from './setting.ts';

/** Images whose features are computed at a time. */
const BATCH = 16;

interface TimedInputs extends SettingInputs {
  readonly clock: ImageClock;
}

/**
 * Chooses lambda on the validation part, fits train and validation part together, and predicts the test part once.
 * @throws UserError FEATURES_NOT_FINITE where the network gives numbers that nothing can be fitted to
 */
export async function fixedFeatures(given: SettingInputs, protocol: FixedProtocol): Promise<SettingResult> {
  const inputs: TimedInputs = { ...given, clock: new ImageClock() };
  const { dataset, weights, threads, device, onProgress } = inputs;
  invariant(weights, 'fixed features need pre-trained weights');
  const total = stopwatch();
  const progress = progressOf(inputs, protocol);
  const { train, validation } = await featuresOf(inputs, protocol, progress);
  const createObjective = engineObjective({ threads, device });
  const classes = dataset.classes.length;
  const kind = dataset.task === 'multi-label' ? 'binary' : 'multinomial';
  const path = await regularizationPath({
    train,
    validation,
    classes,
    kind,
    score: metricOf(dataset),
    lambdas: protocol.lambdas,
    tolerance: protocol.tolerance,
    patience: protocol.patience ?? undefined,
    createObjective,
    onProgress: (event) => progress('logistic regression', event.done, event.note),
  });
  const search = total();
  const final = stopwatch();
  const together = joined(train, validation);
  const solution = await fitLogisticRegression(together, classes, path.best.lambda, {
    kind,
    tolerance: protocol.tolerance,
    createObjective,
  });
  const network = classifierFile(inputs, 'fixed', viewOf(inputs, protocol), weightsWith(solution, inputs));
  const classifier = (batch: Shape) => openImageFunction(network, LOGITS, batch, { threads, device });
  const testLogits = await runOver(inputs, protocol, classifier, ['test'], 'predict test images', progress);
  onProgress({ phase: 'done', done: 1, total: 1 });
  return {
    hyperparameters: { lambda: path.best.lambda },
    validation: path.best.validation,
    trials: path.trials.map(({ lambda, validation: value, iterations, seconds }) => ({
      hyperparameters: { lambda },
      status: 'finished',
      validation: value,
      steps: iterations,
      seconds,
    })),
    curve: [],
    testLogits,
    network,
    seconds: { total: total(), search, final: final() },
    imageSeconds: inputs.clock.seconds,
  };
}

type Progress = (phase: Phase, done: number, note?: string) => void;
type Phase = 'features' | 'logistic regression' | 'predict test images';

/** One count over all phases: images whose features are made, lambdas (at eight images each), test images. */
function progressOf(
  { dataset: { splits }, onProgress }: SettingInputs,
  { lambdas }: FixedProtocol,
): Progress {
  const sizes: Record<Phase, [start: number, unit: number]> = {
    features: [0, 1],
    'logistic regression': [splits.train.length + splits.validation.length, 8],
    'predict test images': [splits.train.length + splits.validation.length + 8 * lambdas.length, 1],
  };
  const total = sizes['predict test images'][0] + splits.test.length;
  return (phase, done, note) =>
    onProgress({ phase, done: sizes[phase][0] + sizes[phase][1] * done, total, note });
}

const viewOf = ({ model }: SettingInputs, { view }: FixedProtocol): View => ({
  ...view,
  size: model.input.size,
});

/** One row per image of the parts, from a network that is opened when the images are there. */
function runOver(
  inputs: TimedInputs,
  protocol: FixedProtocol,
  open: (batch: Shape) => Promise<ImageFunction>,
  parts: readonly SplitName[],
  phase: Phase,
  progress: Progress,
): Promise<Tensor<'float32'>> {
  const { dataset, model, cacheFolder, clock } = inputs;
  return passOverImages({
    dataset,
    records: parts.flatMap((part) => dataset.splits[part]),
    view: viewOf(inputs, protocol),
    cacheFolder,
    input: model.input,
    batchSize: BATCH,
    open,
    phase,
    onPreparing: (event) => progress(phase, 0, `${event.phase}: ${event.done} of ${event.total}`),
    onProgress: ({ done }) => progress(phase, done),
    clock,
  });
}

async function featuresOf(
  inputs: TimedInputs,
  protocol: FixedProtocol,
  progress: Progress,
): Promise<{ train: LabelledFeatures; validation: LabelledFeatures }> {
  const { dataset, model, weights, threads, device } = inputs;
  const { train, validation } = dataset.splits;
  const backbone = (batch: Shape) =>
    compileImageFunction((net, x) => model.backbone(net, x).features, batch, weights!, {
      threads,
      device,
    });
  const matrix = await runOver(inputs, protocol, backbone, ['train', 'validation'], 'features', progress);
  requireFinite(matrix, { model, dataset }, [...train, ...validation]);
  const part = (records: readonly ImageRecord[], start: number): LabelledFeatures => ({
    features: matrix.data.slice(start * model.featureSize, (start + records.length) * model.featureSize),
    labels: labelsOf(dataset, records),
  });
  return { train: part(train, 0), validation: part(validation, train.length) };
}

function joined(a: LabelledFeatures, b: LabelledFeatures): LabelledFeatures {
  const features = new Float32Array(a.features.length + b.features.length);
  features.set(a.features);
  features.set(b.features, a.features.length);
  return { features, labels: Int32Array.from([...a.labels, ...b.labels]) };
}

/** The backbone's weights with the logistic regression as the head's. */
function weightsWith(
  solution: LogisticSolution,
  { dataset, model, weights }: SettingInputs,
): Map<string, Tensor> {
  const classes = dataset.classes.length;
  const all = new Map<string, Tensor>(weights);
  all.set('head.weight', float32([classes, model.featureSize], solution.weights));
  all.set('head.bias', float32([classes], solution.bias));
  return all;
}
