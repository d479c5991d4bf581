/** Every function from values to values: the ops, and what is composed of them. */

export * from './activations.ts';
export * from './build.ts';
export * from './einsum.ts';
export * from './normalization.ts';
export * from './reductions.ts';
export * from './selection.ts';
