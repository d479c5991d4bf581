/**
 * What the tuner measures: every convolution of a graph alone, with the sums and activations that directly follow it,
 * because some formulations apply them while they write.
 */
import { Graph, type Node, type NodeOf, type Value } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { reachable } from '../graph/specialize.ts';
import { sameShape } from '../tensor/tensor.ts';
import { contentHash } from '../util/hash.ts';
import { fillsBlocks, fillsBlocksDepthwise, readsFew } from './conv/blocked.ts';
import { type Extents, extents } from './conv/extents.ts';
import { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT } from './conv/formulations.ts';
import { Emitter } from './emitter.ts';
import { type LoweredModel, lower } from './lower.ts';
import { formulationsFor } from './rules/conv.ts';
import { type ConvOp, shapeKey } from './tune.ts';

type ConvNode = { [O in ConvOp]: NodeOf<O> }[ConvOp];

export interface Convolution {
  readonly op: ConvOp;
  readonly extents: Extents;
  /** `shapeKey` of op and extents. */
  readonly key: string;
  /** How often the graphs compute it. */
  readonly count: number;
  /** Of one. */
  readonly multiplyAdds: number;
  readonly node: ConvNode;
  /** Nodes that only apply something to its result, in their order. */
  readonly followers: readonly Node[];
}

/**
 * Raise when a formulation changes under its name, or how it is timed, so that what was measured before is measured
 * again.
 */
const VERSION = 2;

/** Changes with what there is to choose from. */
export function formulationsVersion(): string {
  const names = [FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT].map((table) => table.map(({ name }) => name));
  return contentHash({ version: VERSION, names }).slice(0, 12);
}

/** The different convolutions of some graphs, those first whose computations take most multiply-adds in all. */
export function convolutionsOf(graphs: Iterable<ReadonlyMap<string, Value>>): Convolution[] {
  const found = new Map<string, Convolution>();
  for (const outputs of graphs) {
    const nodes = reachable([...outputs.values()]);
    const readers = readersOf(nodes, outputs);
    for (const node of nodes) {
      if (!isConvolution(node)) continue;
      const made = convolution(node, readers);
      found.set(made.key, { ...made, count: (found.get(made.key)?.count ?? 0) + 1 });
    }
  }
  const cost = ({ count, multiplyAdds }: Convolution) => count * multiplyAdds;
  return [...found.values()].sort((a, b) => cost(b) - cost(a));
}

/**
 * Whether a network's images can stay in blocks of channels from its first convolution on: all others, the grouped
 * ones too, read and write whole blocks. Then the training form without a gradient is the fastest for inference.
 */
export function staysInBlocks(outputs: ReadonlyMap<string, Value>, channelBlock: number): boolean {
  const e = new Emitter({ form: 'training', layouts: new Map(), uses: new Map(), channelBlock });
  const convolutions = convolutionsOf([outputs]);
  return (
    convolutions.length > 0 &&
    convolutions.every(
      ({ op, extents: s }) =>
        op === 'conv2d' && (fillsBlocks(e, s) || fillsBlocksDepthwise(e, s) || readsFew(e, s)),
    )
  );
}

function isConvolution(node: Node): node is ConvNode {
  return node.op === 'conv2d' || node.op === 'conv2dInputGradient' || node.op === 'conv2dWeightGradient';
}

function convolution(
  node: ConvNode,
  readers: ReadonlyMap<Value, readonly (Node | undefined)[]>,
): Omit<Convolution, 'count'> {
  const s = extentsOf(node);
  const multiplyAdds = s.n * s.o * s.oh * s.ow * s.i * s.kh * s.kw;
  const followers = node.op === 'conv2d' ? followersOf(node.outputs[0], readers) : [];
  return { op: node.op, extents: s, key: shapeKey(node.op, s), multiplyAdds, node, followers };
}

function extentsOf(node: ConvNode): Extents {
  const [first, second] = node.inputs;
  const { op, attributes } = node;
  if (op === 'conv2d') return extents(first.shape, second.shape, attributes);
  if (op === 'conv2dInputGradient') return extents(attributes.inputShape, second.shape, attributes);
  return extents(first.shape, attributes.weightShape, attributes);
}

/** Who reads each value; an output of the graph has `undefined` among its readers. */
function readersOf(
  nodes: readonly Node[],
  outputs: ReadonlyMap<string, Value>,
): Map<Value, (Node | undefined)[]> {
  const readers = new Map<Value, (Node | undefined)[]>();
  const add = (value: Value, reader: Node | undefined) =>
    readers.set(value, [...(readers.get(value) ?? []), reader]);
  for (const node of nodes) for (const value of node.inputs) add(value, node);
  for (const value of outputs.values()) add(value, undefined);
  return readers;
}

const ACTIVATIONS: ReadonlySet<Op> = new Set<Op>(['relu', 'leakyRelu', 'clip']);

function followersOf(
  value: Value,
  readers: ReadonlyMap<Value, readonly (Node | undefined)[]>,
): readonly Node[] {
  const [reader, ...others] = readers.get(value) ?? [];
  if (!reader || others.length > 0) return [];
  if (ACTIVATIONS.has(reader.op)) return [reader];
  if (reader.op !== 'add' || !sameShape(reader.outputs[0].shape, value.shape)) return [];
  return [reader, ...followersOf(reader.outputs[0], readers)];
}

/** Names of the formulations of a convolution that apply where blocks have so many channels, and the usual one. */
export function candidatesOf(
  { op, extents: s }: Convolution,
  channelBlock: number,
): { names: readonly string[]; usual: string } {
  const e = new Emitter({ form: 'training', layouts: new Map(), uses: new Map(), channelBlock });
  const { applicable, usual } = formulationsFor(op, s, e);
  return { names: applicable.map(({ name }) => name), usual: usual.name };
}

/** A model of the convolution alone in one formulation; its output is `y`. */
export function lowerAlone(
  { node, followers, key }: Convolution,
  formulation: string,
  channelBlock: number,
): LoweredModel {
  const graph = new Graph();
  const copies = new Map<Value, Value>();
  const operand = (value: Value): Value => {
    const copy = copies.get(value) ?? graph.input(`x${copies.size}`, value.shape);
    copies.set(value, copy);
    return copy;
  };
  for (const part of [node, ...followers]) {
    const [made] = graph.emit(part.op, part.inputs.map(operand), part.attributes as never);
    copies.set(part.outputs[0], made);
  }
  const last = [node, ...followers].at(-1)!.outputs[0];
  return lower(new Map([['y', operand(last)]]), {
    form: 'training',
    channelBlock,
    formulations: new Map([[key, formulation]]),
  });
}
