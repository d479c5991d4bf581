/** Networks of the rows as this package runs them. */
import { findModel, type Model, transferHead } from '../../src/models/index.ts';
import type { Variable } from '../../src/nn/index.ts';
import { Random, sizeOf, type Tensor, tensor } from '../../src/tensor/index.ts';
import { type Classifier, type StepInputs, TrainingStep } from '../../src/train/index.ts';

export interface NetworkTask {
  /** A registry name with input size, `resnet18@64`. */
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
}

export const CLASSES = 1000;

/** The model's backbone with a new head, as fine-tuning trains it. */
export function classifierOf(model: Model): Classifier {
  return (net, images) => transferHead(net, model.backbone(net, images), CLASSES);
}

const BLOCK = 1 << 16;

/**
 * Weights of the usual size for timing: kernels uniform with variance 2 / fan-in, norms the identity. Only so many
 * numbers are drawn and repeated, as VGG's 138 million would take longer than all its steps.
 */
export function weightsForTiming(variables: readonly Variable[]): Map<string, Tensor<'float32'>> {
  const random = new Random(1, 'bench');
  const block = Float32Array.from({ length: BLOCK }, () => random.uniform(-1, 1));
  return new Map(
    variables.map(({ name, shape }) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length > 1) {
        const bound = Math.sqrt((6 * shape[0]) / data.length);
        for (let i = 0; i < data.length; i++) data[i] = bound * block[i % BLOCK];
      } else if (/weight$|running_var$/.test(name)) data.fill(1);
      return [name, tensor('float32', shape, data)];
    }),
  );
}

/** Pixels as after normalisation. */
export function imagesForTiming(batch: number, size: number): Float32Array {
  const random = new Random(2, 'bench');
  return Float32Array.from({ length: batch * 3 * size * size }, () => random.normal());
}

/** A compiled step with its weights loaded, and what to run it with. */
export async function trainingStep(
  { model: name, batch, threads }: NetworkTask,
  classifier?: Classifier,
  classes = CLASSES,
): Promise<{ step: TrainingStep; inputs: (index: number) => StepInputs }> {
  const size = classifier ? Number(name.split('@')[1]) : findModel(name).input.size;
  const step = await TrainingStep.compile(classifier ?? classifierOf(findModel(name)), {
    threads,
    images: [batch, 3, size, size],
  });
  step.load(weightsForTiming(step.variables));
  const images = imagesForTiming(batch, size);
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 37) % classes);
  // So small that a network without batch norm stays where it is; every parameter is updated all the same.
  const rates = { learningRate: 1e-8, weightDecay: 1e-4, statisticsDecay: 0.9 };
  return { step, inputs: (index) => ({ images, labels, ...rates, seed: 0, step: index }) };
}
