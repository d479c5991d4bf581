/** How a training step is divided so that it fits into a limit of memory. */
import { Executable, type Footprint, peakBytes, Scratch, type SessionOptions } from '../runtime/index.ts';
import { UserError } from '../util/errors.ts';
import { buildStep, type Classifier, type StepDefinition, type StepGraph } from './step-graph.ts';

type Options = SessionOptions & StepDefinition;

/** How a step keeps within memory, and what it takes. */
export interface StepMemory {
  /** Parts of a batch that are computed one after another; norms that use the batch see a part. */
  readonly microBatches: number;
  /** Whether the backward pass computes again what is cheap to compute. */
  readonly recompute: boolean;
  /** Most memory of the process at one time, in bytes, as planned; only the processor is planned. */
  readonly plannedBytes: number;
}

/** Both executables of a step: what to compute, and how. */
export function executablesOf({ main, update }: StepGraph, { threads, device, formulations }: Options) {
  const session = { threads, device, formulations, scratch: new Scratch() };
  const programs = update ? [main, update] : [main];
  return programs.map((program, index) => {
    const { outputs, carried, overwritten } = program;
    const alongside = programs[1 - index]?.outputs;
    return { outputs, options: { ...session, carried, overwritten, alongside } };
  });
}

/** What a step would take that was compiled with these options. */
export async function memoryOf(graph: StepGraph, options: Options): Promise<StepMemory> {
  const footprints = await Promise.all(
    executablesOf(graph, options).map(({ outputs, options: how }) => Executable.footprint(outputs, how)),
  );
  return memoryWith(footprints, graph, options);
}

/** What a step takes whose executables take so much. */
export function memoryWith(
  footprints: readonly Footprint[],
  graph: StepGraph,
  options: StepDefinition,
): StepMemory {
  const values = graph.net.variables.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return {
    microBatches: graph.parts,
    recompute: options.recompute ?? false,
    // The weights that are loaded into the step are in memory as well.
    plannedBytes: peakBytes(footprints) + 4 * values,
  };
}

/**
 * The options with as few micro-batches as fit into `limit` bytes, no fewer than given; and without recomputation
 * where that fits as well.
 * @throws UserError MEMORY when not even single images fit
 */
export async function fitted(classifier: Classifier, options: Options, limit: number): Promise<Options> {
  const [count] = options.images;
  let least = Number.POSITIVE_INFINITY;
  for (let microBatches = options.microBatches ?? 1; microBatches <= count; microBatches++) {
    if (count % microBatches !== 0) continue;
    const frugal = { ...options, microBatches, recompute: true };
    const graph = buildStep(classifier, frugal);
    const { plannedBytes } = await memoryOf(graph, frugal);
    least = Math.min(least, plannedBytes);
    if (plannedBytes <= limit) {
      const plain = { ...frugal, recompute: options.recompute ?? false };
      const fits = (await memoryOf(buildStep(classifier, plain), plain)).plannedBytes <= limit;
      return fits ? plain : frugal;
    }
    // Norms that are synchronised tie the parts together.
    if (graph.parts < microBatches) break;
  }
  throw new UserError(
    'MEMORY',
    `A training step of this network takes at least ${show(least)}, one part of the batch after another; allowed are ${show(limit)}.`,
    'Allow more memory, or take smaller images or a smaller network.',
  );
}

const show = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
