/** ONNX models as plain values: what `encode.ts` writes and `decode.ts` reads. Names follow the ONNX specification. */
import type { DType, Tensor } from '../tensor/tensor.ts';

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Tensor }
  /** What a file holds and this program does not: `a subgraph`, `a tensor of INT8`. It cannot be written. */
  | { readonly undecoded: string };

export interface OnnxNode {
  readonly op: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  readonly name: string;
  /** An empty string stands for an optional operand that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  /** A string is a symbolic extent such as `N`. */
  readonly shape: readonly (number | string)[];
  /** A sequence of such tensors instead of one. */
  readonly isSequence?: boolean;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order: a node's operands are made before it. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Names of stored arrays without a counterpart here, and what they are (`INT8`, `sparse FLOAT`). */
  readonly undecoded?: ReadonlyMap<string, string>;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  /** Version of the standard operator set. */
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  readonly graph: OnnxGraph;
  readonly metadata: Readonly<Record<string, string>>;
  /** Files with numbers of a decoded model, as paths from its folder; undefined where the model's file has them all. */
  readonly externalFiles?: readonly string[];
}

/** Version of Debian's and of the runtime's checker alike, and old enough for every consumer of an export. */
const OPSET = 17;
const IR_VERSION = 8;

/** A graph that this package made, as a model. */
export function modelOf(graph: OnnxGraph, metadata: OnnxModel['metadata'] = {}): OnnxModel {
  return { opset: OPSET, irVersion: IR_VERSION, producer: 'transferlab', graph, metadata };
}
