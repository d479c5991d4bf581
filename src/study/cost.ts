/** What a cell costs, from the measured cost of its network: arithmetic on the protocol, nothing is run. */
import type { Setting } from '../store/index.ts';
import { type CostValue, type Protocol, plannedSteps, type TuningProtocol } from '../transfer/index.ts';

/** Images of a data set's parts, and its classes. */
interface DatasetSize {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly classes: number;
}

export interface CellCost {
  readonly seconds: number;
  readonly trials: number;
  /** Most memory of the process at one time. */
  readonly bytes: number;
}

/**
 * Evaluations of the loss for each strength of a regularisation path: the published path of 45 took 450 to 520
 * (docs/decisions/0006), and those of small sets take more, which cost little.
 */
const EVALUATIONS_PER_LAMBDA = 20;

/**
 * An upper bound as far as the search goes: every trial runs to its end, which those given up early or diverging do not.
 * Decoding images the first time is not counted.
 * @param cost measured with the batch size that the protocol has in this setting
 */
export function cellCost(
  protocol: Protocol,
  setting: Setting,
  cost: CostValue,
  images: DatasetSize,
): CellCost {
  return setting === 'fixed' ? fixedCost(protocol, cost, images) : tunedCost(protocol[setting], cost, images);
}

function tunedCost(protocol: TuningProtocol, cost: CostValue, images: DatasetSize): CellCost {
  const { search, final, trials, validations } = plannedSteps(protocol);
  const batch = Math.min(protocol.batchSize, images.train);
  const seconds =
    cost.trainingSetupSeconds +
    cost.inferenceSetupSeconds +
    (trials + validations + 2) * cost.runSetupSeconds +
    (search + final) * batch * cost.trainSecondsPerImage +
    validations * images.validation * cost.evaluationSecondsPerImage +
    images.test * cost.inferenceSecondsPerImage;
  return { seconds, trials, bytes: cost.bytes };
}

/** Features of every image once; the path on the training part, and one fit more on training and validation part. */
function fixedCost({ fixed }: Protocol, cost: CostValue, images: DatasetSize): CellCost {
  const { train, validation, test, classes } = images;
  const evaluated = EVALUATIONS_PER_LAMBDA * (fixed.lambdas.length * train + train + validation);
  const seconds =
    // One session for the features, and one of the network that is exported.
    2 * cost.inferenceSetupSeconds +
    3 * cost.runSetupSeconds +
    (train + validation + test) * cost.inferenceSecondsPerImage +
    // Products of features and weights grow with the classes.
    evaluated * cost.regressionSecondsPerImage * Math.max(1, classes / cost.classes);
  // Features as they were made, and in the coordinates of the fit.
  const features = 2 * 4 * (train + validation) * cost.features;
  return { seconds, trials: fixed.lambdas.length, bytes: cost.inferenceBytes + features };
}
