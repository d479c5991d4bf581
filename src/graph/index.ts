/** Build graphs: the ops as functions, printing and checking. */
export * from './functions.ts';
export { Graph, type Node, type NodeOf, type Value } from './graph.ts';
export type {
  ConvAttributes,
  InputRole,
  Op,
  OpAttributes,
  Padding,
  Pair,
  PoolAttributes,
  ResizeAttributes,
  RoiAlignAttributes,
  ScatterReduction,
} from './ops.ts';
export { printGraph, printNode } from './print.ts';
export { simplify } from './simplify.ts';
export { specialize } from './specialize.ts';
export { verify } from './verify.ts';
