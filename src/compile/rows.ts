/**
 * Passes over an image as a matrix with one row per channel, [C, N H W], which is how it lies in the training form.
 * Memory is what these passes cost, so each is as few operators as the runtime has for it.
 */
import type { Activation, Attributes, Emitter, Epilogue } from './emitter.ts';

/** Where the runtime has its kernels for blocked channels. */
export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

/** The runtime's operators for its own processor kernels are only named where it has told of their blocks. */
const hasKernels = (e: Emitter) => e.channelBlock > 0;

/** Attributes by which the runtime's convolutions apply an activation. */
export function activationAttributes({ name, parameters }: Activation): Attributes {
  return { activation: { string: name }, activation_params: { floats: parameters } };
}

/** An activation as an operator of its own. */
export function activate(e: Emitter, x: string, { name, parameters }: Activation): string {
  if (name === 'Clip') return e.emit('Clip', [x, ...parameters.map((bound) => e.float(bound))]);
  return e.emit(name, [x], name === 'LeakyRelu' ? { alpha: { float: parameters[0] } } : {});
}

/**
 * x * scale + bias per row, then the epilogue: a depthwise 1x1 convolution, which the runtime does in one pass.
 * `x` has `rows` times `length` numbers in whatever shape, scale and bias have `rows`; an empty bias is none.
 */
export function affineRows(
  e: Emitter,
  x: string,
  [rows, length]: readonly [number, number],
  scale: string,
  bias: string,
  { plus, activation }: Epilogue = {},
): string {
  const flat = (name: string) => e.reshape(name, [1, rows, length, 1]);
  const operands = [flat(x), e.reshape(scale, [rows, 1, 1, 1]), bias];
  const groups: Attributes = { group: { int: rows }, kernel_shape: { ints: [1, 1] } };
  if (hasKernels(e) && (plus || activation)) {
    const attributes = { ...groups, ...(activation && activationAttributes(activation)) };
    return e.emit('FusedConv', plus ? [...operands, flat(plus)] : operands, attributes, 'com.microsoft');
  }
  const mapped = e.emit('Conv', operands, groups);
  const summed = plus ? e.emit('Add', [mapped, flat(plus)]) : mapped;
  return activation ? activate(e, summed, activation) : summed;
}

/** Products per accumulator before partial sums are added up, which bounds the rounding. */
const LONGEST_SUM = 2048;

/** The inner products of the rows of a and b, [rows]. */
export function dotRows(e: Emitter, a: string, b: string, [rows, length]: readonly [number, number]): string {
  const lanes = e.channelBlock;
  const total = (name: string) => e.emit('ReduceSum', [name, e.ints([1])], { keepdims: { int: 0 } });
  if (lanes === 0 || length % lanes !== 0) {
    const flat = (name: string) => e.reshape(name, [rows, length]);
    return total(e.emit('Mul', [flat(a), flat(b)]));
  }
  // Lanes of one row stand for channels: a blocked depthwise convolution whose kernel is the other row.
  const steps = length / lanes;
  let parts = Math.ceil(steps / LONGEST_SUM);
  while (steps % parts !== 0) parts++;
  const channels = rows * parts * lanes;
  const products = e.emit(
    'Conv',
    [e.reshape(a, [1, channels, 1, steps / parts]), e.reshape(b, [channels, 1, 1, steps / parts])],
    { group: { int: channels }, kernel_shape: { ints: [1, steps / parts] } },
    BLOCKED_DOMAIN,
  );
  return total(e.reshape(products, [rows, parts * lanes]));
}

/** 1 / sqrt(variance + epsilon). */
export function rateOf(e: Emitter, variance: string, epsilon: number): string {
  return e.emit('Reciprocal', [e.emit('Sqrt', [e.emit('Add', [variance, e.float(epsilon)])])]);
}
