/**
 * How much memory a process takes that runs compiled graphs on the processor: what this program has planned, and what
 * Node, the runtime and its sessions take besides, as measured.
 */
import { type LoweredModel, type MemoryPlan, type Port, physicalShape } from '../compile/index.ts';
import { bytesPerElement, sizeOf } from '../tensor/tensor.ts';

/** Bytes of a compiled graph. */
export interface Footprint {
  /** Of each input, by name: graphs that share an input hold it once. */
  readonly inputs: ReadonlyMap<string, number>;
  /** Of outputs with memory of their own. */
  readonly outputs: number;
  /** Of intermediate values; graphs with a common scratch hold the most that one of them needs. */
  readonly scratch: number;
  /** Of values too small to be placed, and of what the session knows of its nodes. */
  readonly session: number;
}

const bytesOf = ({ shape, layout, dtype }: Port) =>
  sizeOf(physicalShape(shape, layout)) * bytesPerElement(dtype);

/** Measured: what a session holds per node of its graph. */
const BYTES_PER_NODE = 9 * 2 ** 10;

/** Measured: Node with this package and the runtime, before the first session. */
const PROCESS_BYTES = 140 * 2 ** 20;

/** `overwriting`: outputs that lie where an input lies. */
export function footprint(
  { inputs, randoms, outputs, model }: LoweredModel,
  plan: MemoryPlan,
  overwriting: ReadonlySet<string>,
): Footprint {
  const own = outputs.filter(({ name }) => !overwriting.has(name));
  return {
    inputs: new Map([...inputs, ...randoms].map((port) => [port.name, bytesOf(port)])),
    outputs: own.reduce((sum, port) => sum + bytesOf(port), 0),
    scratch: plan.bytes,
    session: plan.smallBytes + BYTES_PER_NODE * model.graph.nodes.length,
  };
}

/** The most bytes at one time of a process that runs the graphs, which share inputs of one name and their scratch. */
export function peakBytes(footprints: readonly Footprint[]): number {
  const inputs = new Map(footprints.flatMap((each) => [...each.inputs]));
  const total = (values: Iterable<number>) => [...values].reduce((sum, bytes) => sum + bytes, 0);
  return (
    PROCESS_BYTES +
    total(inputs.values()) +
    total(footprints.map(({ outputs, session }) => outputs + session)) +
    Math.max(...footprints.map(({ scratch }) => scratch))
  );
}
