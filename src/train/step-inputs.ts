/** What a training step refuses: what would be computed with silently, and give numbers that mean nothing. */
import type { Variable } from '../nn/network.ts';
import { sameShape, showShape, sizeOf, type Tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import type { StepDefinition, StepGraph } from './step-graph.ts';

interface Batch {
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

/**
 * Whether a batch is one of the step. What labels mean to a loss of one's own is not known, so they may be any.
 * @throws UserError BATCH_MISFIT or LABEL_RANGE
 */
export function requireBatch(
  { images, labels }: Batch,
  graph: StepGraph,
  { task, loss }: StepDefinition,
): void {
  const { parts, classes } = graph;
  const expected = [parts * sizeOf(graph.images), parts * sizeOf(graph.labels)];
  if (images.length !== expected[0] || labels.length !== expected[1]) {
    throw new UserError(
      'BATCH_MISFIT',
      `A batch of this training step has ${expected[0]} numbers of images and ${expected[1]} labels, given were ${images.length} and ${labels.length}.`,
      'Give whole batches of the shape that the step was compiled for.',
    );
  }
  if (loss) return;
  const [least, most] = task === 'multi-label' ? [-1, 1] : [0, classes - 1];
  const bad = labels.findIndex((label) => label < least || label > most);
  if (bad < 0) return;
  throw new UserError(
    'LABEL_RANGE',
    `Label ${labels[bad]} at position ${bad} of the batch is none of ${least} to ${most}.`,
    task === 'multi-label'
      ? 'Give 1 for a class that is present, 0 for one that is absent and -1 for one that does not count.'
      : `Give the index of one of the ${classes} classes of the network.`,
  );
}

/**
 * Whether there is a value of the right shape for each variable.
 * @throws UserError WEIGHTS_MISFIT
 */
export function requireWeights(variables: readonly Variable[], weights: ReadonlyMap<string, Tensor>): void {
  const isGiven = ({ name, shape }: Variable) => sameShape(weights.get(name)?.shape ?? [Number.NaN], shape);
  const bad = variables.filter((variable) => !isGiven(variable));
  if (bad.length === 0) return;
  const [{ name, shape }] = bad;
  const given = weights.get(name);
  throw new UserError(
    'WEIGHTS_MISFIT',
    `${bad.length} of the ${variables.length} variables of the network are not given in their shape; the first is "${name}" (${showShape(shape)}), ${given ? `given as ${showShape(given.shape)}` : 'which is missing'}.`,
    'Give all its parameters and buffers, those of `initialize` where there are no others.',
  );
}
