/** ONNX ops as functions of the IR: one rule per op, the formula of the ONNX specification above or in it. */
import {
  abs,
  add,
  averagePool2d,
  clip,
  concat,
  conv2d,
  div,
  erf,
  exp,
  leakyRelu,
  log,
  logSoftmax,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  mul,
  neg,
  pad,
  reciprocal,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  tanh,
  transpose,
} from '../../graph/build.ts';
import type { Value } from '../../graph/graph.ts';
import { batchNorm, heNormal, type Initializer, onesInit, uniformFanIn, zerosInit } from '../../nn/index.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import { type Shape, sizeOf } from '../../tensor/tensor.ts';
import type { Call } from './call.ts';
import { canFold } from './fold.ts';
import { axisOf, isConstant, numbersOf, unsupported } from './operand.ts';
import { reshapedShape, slicedRanges, squeezedShape, unsqueezedShape } from './shapes.ts';
import { windowOf } from './windows.ts';

type Rule = (call: Call) => Value | readonly Value[];

/** The bounds of Clip and the like that stand for "no bound". */
const LARGEST = 3.4028234663852886e38;

const unary =
  (op: (x: Value) => Value): Rule =>
  (call) =>
    op(call.value(0));
const variadic =
  (op: (a: Value, b: Value) => Value): Rule =>
  (call) =>
    call.values().reduce(op);
const identity = unary((x) => x);

/** Weights stored [in, out]: uniform in +-sqrt(1 / in). */
const uniformColumns: Initializer = (shape, random) => {
  const bound = Math.sqrt(1 / shape[shape.length - 2]);
  return Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
};

/**
 * Add or Mul: a stored array is a trained bias or scale, unless it is a single number or comes before every
 * weight (then it belongs to the preprocessing of the image).
 */
function affine(op: (a: Value, b: Value) => Value, initializer: Initializer): Rule {
  return (call) => {
    const [a, b] = [0, 1].map((index) => {
      const operand = call.operands[index];
      const trained = operand && isConstant(operand) && sizeOf(operand.tensor.shape) > 1 && call.learned;
      return trained ? call.weight(index, initializer) : call.value(index);
    });
    return op(a, b);
  };
}

function pow(call: Call): Value {
  const x = call.value(0);
  const exponent = call.scalar(1);
  if (exponent === 0.5) return sqrt(x);
  if (exponent === -1) return reciprocal(x);
  if (exponent === 1) return x;
  if (exponent === 2) return mul(x, x);
  if (exponent === 3) return mul(mul(x, x), x);
  throw unsupported(call.node, `raises to the power ${exponent}; known are -1, 0.5, 1, 2 and 3`);
}

function clipRule(call: Call): Value {
  const bound = (index: number, name: string, none: number) => {
    const value = call.has(index) ? call.scalar(index) : call.attributes.float(name, none);
    return Math.min(Math.max(value, -LARGEST), LARGEST);
  };
  return clip(call.value(0), bound(1, 'min', -LARGEST), bound(2, 'max', LARGEST));
}

/** max(0, min(1, alpha x + beta)) */
const hardSigmoid = (x: Value, alpha: number, beta: number): Value => clip(add(mul(x, alpha), beta), 0, 1);

function conv(call: Call): Value {
  const x = call.value(0);
  const weight = call.weight(1, heNormal());
  const { kernel: _, ...window } = windowOf(call, x.shape, weight.shape.slice(2));
  const y = conv2d(x, weight, { ...window, groups: call.attributes.int('group', 1) });
  if (!call.has(2)) return y;
  return add(y, reshape(call.weight(2, zerosInit), [1, weight.shape[0], 1, 1]));
}

/** alpha A B + beta C */
function gemm(call: Call): Value {
  const transposeA = call.attributes.int('transA', 0) === 1;
  const transposeB = call.attributes.int('transB', 0) === 1;
  const scaled = (x: Value, factor: number) => (factor === 1 ? x : mul(x, factor));
  const weight = call.weight(1, transposeB ? uniformFanIn : uniformColumns);
  const product = scaled(
    matmul(call.value(0), weight, { transposeA, transposeB }),
    call.attributes.float('alpha', 1),
  );
  if (!call.has(2)) return product;
  return add(product, scaled(call.weight(2, zerosInit), call.attributes.float('beta', 1)));
}

/** NumPy's matmul for operands of two axes or more. */
function matMul(call: Call): Value {
  const a = call.value(0);
  const b = call.weight(1, uniformColumns);
  if (a.shape.length === b.shape.length) return matmul(a, b);
  if (b.shape.length !== 2 || a.shape.length < 2) {
    throw unsupported(call.node, `multiplies ${a.shape.length} axes with ${b.shape.length}`);
  }
  const rows = a.shape.slice(0, -1);
  const product = matmul(reshape(a, [sizeOf(rows), b.shape[0]]), b);
  return reshape(product, [...rows, b.shape[1]]);
}

function batchNormalization(call: Call): Value {
  call.expect('training_mode', 0);
  call.expect('spatial', 1);
  const { net, variables } = call.context;
  const x = call.value(0);
  const [weight, bias, average, variance] = [1, 2, 3, 4].map((index) =>
    variables.record(call.constant(index), call.node),
  );
  const options = {
    epsilon: call.attributes.float('epsilon', 1e-5),
    names: { weight, bias, mean: average, variance },
  };
  const name = call.node.name || call.node.outputs[0];
  if (x.shape.length === 4) return batchNorm(net, name, x, options);
  if (x.shape.length !== 2) throw unsupported(call.node, `normalises ${x.shape.length} axes`);
  return reshape(batchNorm(net, name, reshape(x, [...x.shape, 1, 1]), options), x.shape);
}

function maxPool(call: Call): Value {
  const x = call.value(0);
  const { dilations, ...window } = windowOf(call, x.shape, call.attributes.ints('kernel_shape') ?? []);
  if (dilations.some((dilation) => dilation !== 1)) throw unsupported(call.node, 'has dilations');
  return maxPool2d(x, { ...window, ceilMode: call.attributes.int('ceil_mode', 0) === 1 });
}

function averagePool(call: Call): Value {
  const x = call.value(0);
  const { dilations, ...window } = windowOf(call, x.shape, call.attributes.ints('kernel_shape') ?? []);
  if (dilations.some((dilation) => dilation !== 1)) throw unsupported(call.node, 'has dilations');
  return averagePool2d(x, {
    ...window,
    ceilMode: call.attributes.int('ceil_mode', 0) === 1,
    countIncludePad: call.attributes.int('count_include_pad', 0) === 1,
  });
}

const spatialAxes = (x: Value): number[] => x.shape.map((_, axis) => axis).slice(2);

function reduction(op: (x: Value, axes?: readonly number[], keepDims?: boolean) => Value): Rule {
  return (call) => {
    const x = call.value(0);
    const axes = call.numbers(1, 'axes')?.map((axis) => axisOf(call.node, axis, x.shape.length));
    if (!axes?.length && call.attributes.int('noop_with_empty_axes', 0) === 1) return x;
    return op(x, axes?.length ? axes : undefined, call.attributes.int('keepdims', 1) === 1);
  };
}

/** Since opset 13 over one axis; before, over all axes from `axis` on. */
function softmaxRule(op: (x: Value, axis?: number) => Value): Rule {
  return (call) => {
    const x = call.value(0);
    const modern = call.context.opset >= 13;
    const axis = axisOf(call.node, call.attributes.int('axis', modern ? -1 : 1), x.shape.length);
    if (modern) return op(x, axis);
    const rows = sizeOf(x.shape.slice(0, axis));
    return reshape(op(reshape(x, [rows, sizeOf(x.shape) / rows]), 1), x.shape);
  };
}

/**
 * A target that repeats the batch with which the file was traced means the batch of this replay: exporters
 * write `view(1, -1)` for `view(batch, -1)`.
 */
function reshapeRule(call: Call): Value {
  const x = call.value(0);
  const [first, ...rest] = numbersOf(call.constant(1).tensor);
  const { batch, fileBatch } = call.context;
  const traced = first === fileBatch && x.shape[0] === batch;
  const allowZero = call.attributes.int('allowzero', 0) === 1;
  return reshape(x, reshapedShape(call.node, x.shape, [traced ? batch : first, ...rest], allowZero));
}

function flatten(call: Call): Value {
  const x = call.value(0);
  const axis = call.attributes.int('axis', 1);
  const rows = sizeOf(x.shape.slice(0, axis));
  return reshape(x, [rows, sizeOf(x.shape) / rows]);
}

/** Two transposes that undo each other, as around a network in another layout, vanish. */
function transposeRule(call: Call): Value {
  const x = call.value(0);
  const permutation = call.attributes.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  if (x.node.op === 'transpose') {
    const before = x.node.attributes.permutation;
    if (permutation.every((axis, position) => before[axis] === position)) return x.node.inputs[0];
  }
  return transpose(x, permutation);
}

function padRule(call: Call): Value {
  const x = call.value(0);
  const mode = call.attributes.string('mode', 'constant');
  if (mode !== 'constant') throw unsupported(call.node, `pads by ${mode}`);
  const pads = call.numbers(1, 'pads') ?? [];
  const rank = x.shape.length;
  const axes = call.has(3) ? numbersOf(call.constant(3).tensor) : x.shape.map((_, axis) => axis);
  const value = call.has(2) ? call.scalar(2) : call.attributes.float('value', 0);
  const [before, after] = [0, axes.length].map((offset) => {
    const amounts = x.shape.map(() => 0);
    axes.forEach((axis, index) => {
      amounts[axisOf(call.node, axis, rank)] = pads[offset + index];
    });
    return amounts;
  });
  if ([...before, ...after].some((amount) => !(amount >= 0))) {
    throw unsupported(call.node, `pads by [${pads}]`);
  }
  return pad(x, before, after, { value });
}

function sliceRule(call: Call): Value {
  const x = call.value(0);
  const [starts, ends] = [call.numbers(1, 'starts'), call.numbers(2, 'ends')];
  if (!starts || !ends) throw unsupported(call.node, 'lacks its range');
  const ranges = slicedRanges(
    call.node,
    x.shape,
    starts,
    ends,
    call.numbers(3, 'axes'),
    call.numbers(4, 'steps'),
  );
  if (ranges.some(({ step }) => step < 0)) throw unsupported(call.node, 'slices the image backwards');
  return slice(
    x,
    ranges.map(({ start }) => start),
    ranges.map(({ end }) => end),
    ranges.map(({ step }) => step),
  );
}

function split(call: Call): Value[] {
  const x = call.value(0);
  const axis = axisOf(call.node, call.attributes.int('axis', 0), x.shape.length);
  const count = call.node.outputs.length;
  const even = Math.ceil(x.shape[axis] / count);
  const extents = call.numbers(1, 'split') ?? new Array<number>(count).fill(even);
  let start = 0;
  return extents.slice(0, count).map((extent) => {
    const from = start;
    start = Math.min(start + extent, x.shape[axis]);
    const bounds = (own: number, rest: (extent: number) => number): Shape =>
      x.shape.map((whole, other) => (other === axis ? own : rest(whole)));
    return slice(
      x,
      bounds(from, () => 0),
      bounds(start, (whole) => whole),
    );
  });
}

/** Numbers of the image stay float32, whichever precision the file computes with. */
function cast(call: Call): Value {
  const [FLOAT, FLOAT16, DOUBLE] = [1, 10, 11];
  const to = call.attributes.int('to', FLOAT);
  if (![FLOAT, FLOAT16, DOUBLE].includes(to)) throw unsupported(call.node, 'makes integers of the image');
  return call.value(0);
}

export const RULES: Readonly<Record<string, Rule>> = {
  // Elementwise
  Identity: identity,
  Dropout: identity,
  Cast: cast,
  Relu: unary(relu),
  LeakyRelu: (call) => leakyRelu(call.value(0), call.attributes.float('alpha', 0.01)),
  Clip: clipRule,
  Sigmoid: unary(sigmoid),
  HardSigmoid: (call) =>
    hardSigmoid(call.value(0), call.attributes.float('alpha', 0.2), call.attributes.float('beta', 0.5)),
  HardSwish: unary((x) => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Tanh: unary(tanh),
  Erf: unary(erf),
  Exp: unary(exp),
  Log: unary(log),
  Sqrt: unary(sqrt),
  Reciprocal: unary(reciprocal),
  Neg: unary(neg),
  Abs: unary(abs),
  Add: affine(add, zerosInit),
  Mul: affine(mul, onesInit),
  Sub: variadic(sub),
  Div: variadic(div),
  Sum: variadic(add),
  Max: variadic(maximum),
  Pow: pow,

  // Layers
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,

  // Pooling and reductions
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: unary((x) => mean(x, spatialAxes(x), true)),
  GlobalMaxPool: unary((x) => max(x, spatialAxes(x), true)),
  ReduceMean: reduction(mean),
  ReduceSum: reduction(sum),
  ReduceMax: reduction(max),
  Softmax: softmaxRule(softmax),
  LogSoftmax: softmaxRule(logSoftmax),

  // Shape
  Concat: (call) => {
    const values = call.values();
    return concat(values, axisOf(call.node, call.attributes.int('axis', 1), values[0].shape.length));
  },
  Flatten: flatten,
  Reshape: reshapeRule,
  Squeeze: (call) => {
    const x = call.value(0);
    return reshape(x, squeezedShape(call.node, x.shape, call.numbers(1, 'axes')));
  },
  Unsqueeze: (call) => {
    const x = call.value(0);
    return reshape(x, unsqueezedShape(call.node, x.shape, call.numbers(1, 'axes') ?? []));
  },
  Transpose: transposeRule,
  Pad: padRule,
  Slice: sliceRule,
  Split: split,
};

/** Whether some rule knows the op, on values or on constants. */
export const isKnown = (node: OnnxNode): boolean =>
  node.domain === '' && (Object.hasOwn(RULES, node.op) || canFold(node.op));
