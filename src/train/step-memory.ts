/** How a training step is divided so that it fits into a limit of memory. */
import { reachable } from '../graph/specialize.ts';
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

/** What a step would take that was compiled with these options, on this machine or where blocks have so many channels. */
export async function memoryOf(
  graph: StepGraph,
  options: Options,
  channelBlock?: number,
): Promise<StepMemory> {
  const footprints = await Promise.all(
    executablesOf(graph, options).map(({ outputs, options: how }) =>
      Executable.footprint(outputs, { ...how, channelBlock }),
    ),
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
 * Channels in a block on the processors that there are (AVX-512, AVX, those without blocked kernels). The division of
 * a batch changes results, so it is planned for all of them and not for the machine that happens to run.
 */
const CHANNEL_BLOCKS = [16, 8, 0];

/**
 * The options with as few micro-batches as fit into `limit` bytes, no fewer than given; and without recomputation
 * where that fits as well. A limit divides a batch alike on every machine, as what batch norms see depends on it;
 * only recomputation, and whether the formulations that were measured fit, depend on the machine. Parts of which a
 * batch norm would get one number of each channel are left out.
 * @throws UserError MEMORY when not even the smallest parts fit; GHOST_BATCH when ghost batches do not divide the batch
 */
export async function fitted(classifier: Classifier, options: Options, limit: number): Promise<Options> {
  const [count] = options.images;
  const { microBatches: first = 1 } = options;
  let least = Number.POSITIVE_INFINITY;
  for (let microBatches = first; microBatches <= count; microBatches++) {
    if (count % microBatches !== 0) continue;
    const graph = partsGraph(classifier, { ...options, microBatches, recompute: true }, first);
    if (!graph) continue;
    const needed = await bytesAnywhere(graph, options, limit);
    least = Math.min(least, needed);
    if (needed <= limit) return fastest(classifier, { ...options, microBatches }, limit);
    // Norms that are synchronised tie the parts together.
    if (graph.parts < microBatches) break;
  }
  throw new UserError(
    'MEMORY',
    `A training step of this network takes at least ${show(least)}, one part of the batch after another; allowed are ${show(limit)}.`,
    'Allow more memory, or take smaller images or a smaller network.',
  );
}

/** The step in so many parts; undefined where more parts than the `first` number leave norms too few images. */
function partsGraph(
  classifier: Classifier,
  definition: StepDefinition,
  first: number,
): StepGraph | undefined {
  try {
    const graph = buildStep(classifier, definition);
    return definition.microBatches === first || !normalisesSingles(graph) ? graph : undefined;
  } catch (error) {
    const isIndivisible = error instanceof UserError && error.code === 'GHOST_BATCH';
    if (isIndivisible && definition.microBatches !== first) return undefined;
    throw error;
  }
}

/** Whether a batch norm has one number of each channel: what it makes of that is its bias, whatever the image. */
function normalisesSingles({ results }: StepGraph): boolean {
  return reachable(results).some(({ op, inputs }) => {
    if (op !== 'batchNorm') return false;
    const [n, , height, width] = inputs[0].shape;
    return n * height * width === 1;
  });
}

/** The most bytes that the step takes on any processor as usual, or the first number found to be above the limit. */
async function bytesAnywhere(graph: StepGraph, options: Options, limit: number): Promise<number> {
  let most = 0;
  for (const channelBlock of CHANNEL_BLOCKS) {
    const { plannedBytes } = await memoryOf(graph, { ...options, formulations: undefined }, channelBlock);
    most = Math.max(most, plannedBytes);
    if (most > limit) break;
  }
  return most;
}

/** Of what changes no result but in rounding, what is fastest and fits into `limit` on this machine. */
async function fastest(classifier: Classifier, options: Options, limit: number): Promise<Options> {
  for (const recompute of new Set([options.recompute ?? false, true])) {
    for (const formulations of new Set([options.formulations, undefined])) {
      const way = { ...options, recompute, formulations };
      if ((await memoryOf(buildStep(classifier, way), way)).plannedBytes <= limit) return way;
    }
  }
  return { ...options, recompute: true, formulations: undefined };
}

const show = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
