/** ONNX ops as functions of the IR: one rule per op, the formula of the ONNX specification above or in it. */
import {
  add,
  averagePool2d,
  concat,
  conv2d,
  convTranspose2d,
  einsum,
  expand,
  gather,
  log,
  logSumExp,
  lpPool2d,
  matmul,
  max,
  maxPool2d,
  mean,
  min,
  mul,
  norm,
  pad,
  prod,
  reshape,
  resize2d,
  slice,
  sum,
  transpose,
} from '../../graph/functions.ts';
import type { Value } from '../../graph/graph.ts';
import { broadcastShapes } from '../../graph/infer.ts';
import { heNormal, type Initializer, uniformFanIn, zerosInit } from '../../nn/index.ts';
import { type Shape, sizeOf, tensor } from '../../tensor/tensor.ts';
import type { Call, Rule } from './call.ts';
import { axisOf, numbersOf, unsupported } from './operand.ts';
import { ELEMENTWISE } from './rules-elementwise.ts';
import { NORMS } from './rules-norms.ts';
import { reshapedShape, slicedRanges, splitExtents, squeezedShape, unsqueezedShape } from './shapes.ts';
import { windowOf } from './windows.ts';

const unary =
  (op: (x: Value) => Value): Rule =>
  (call) =>
    op(call.value(0));
/** Weights stored [in, out]: uniform in +-sqrt(1 / in). */
const uniformColumns: Initializer = (shape, random) => {
  const bound = Math.sqrt(1 / shape[shape.length - 2]);
  return Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
};

function conv(call: Call): Value {
  const x = call.value(0);
  const weight = call.weight(1, heNormal());
  const { kernel: _, ...window } = windowOf(call, x.shape, weight.shape.slice(2));
  const y = conv2d(x, weight, { ...window, groups: call.attributes.int('group', 1) });
  if (!call.has(2)) return y;
  return add(y, reshape(call.weight(2, zerosInit), [1, weight.shape[0], 1, 1]));
}

/** The weights are [I, O / groups, KH, KW]; `output_padding` chooses among the sizes that give one input size. */
function convTranspose(call: Call): Value {
  if (Object.hasOwn(call.node.attributes, 'output_shape'))
    throw unsupported(call.node, 'has an output_shape');
  const mode = call.attributes.string('auto_pad', 'NOTSET');
  if (mode !== 'NOTSET' && mode !== 'VALID') throw unsupported(call.node, `has auto_pad=${mode}`);
  const x = call.value(0);
  const weight = call.weight(1, heNormal());
  const { kernel: _, ...window } = windowOf(call, x.shape, weight.shape.slice(2));
  const [height, width] = call.attributes.ints('output_padding') ?? [0, 0];
  const groups = call.attributes.int('group', 1);
  const y = convTranspose2d(x, weight, { ...window, groups, outputPadding: [height, width] });
  if (!call.has(2)) return y;
  return add(y, reshape(call.weight(2, zerosInit), [1, y.shape[1], 1, 1]));
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

/** NumPy's matmul for operands of two axes or more: axes before the last two broadcast. */
function matMul(call: Call): Value {
  const a = call.value(0);
  const b = call.weight(1, uniformColumns);
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw unsupported(call.node, `multiplies ${a.shape.length} axes with ${b.shape.length}`);
  }
  if (b.shape.length === 2 && a.shape.length > 2) {
    const rows = a.shape.slice(0, -1);
    const product = matmul(reshape(a, [sizeOf(rows), a.shape[a.shape.length - 1]]), b);
    return reshape(product, [...rows, b.shape[1]]);
  }
  const outer = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return matmul(spread(a, [...outer, ...a.shape.slice(-2)]), spread(b, [...outer, ...b.shape.slice(-2)]));
}

/** `x` broadcast to `shape`, where it is not of that shape already. */
function spread(x: Value, shape: Shape): Value {
  return x.shape.length === shape.length && x.shape.every((extent, axis) => extent === shape[axis])
    ? x
    : expand(x, shape);
}

/** A stored operand is a weight, uniform in +-sqrt(1 / n) where n numbers are summed up. */
function einsumRule(call: Call): Value {
  const equation = call.attributes.string('equation', '');
  const [, result = ''] = equation.split('->');
  const values = call.operands.map((_, index) => {
    const labels = [...(equation.split(/,|->/)[index] ?? '').replace(/[ .]/g, '')];
    const bySum: Initializer = (shape, random) => {
      const summed = shape.filter((_, axis) => !result.includes(labels[axis] ?? ''));
      const bound = Math.sqrt(1 / sizeOf(summed));
      return Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
    };
    return call.weight(index, bySum);
  });
  return einsum(equation, ...values);
}

function maxPool(call: Call): Value {
  const x = call.value(0);
  const window = windowOf(call, x.shape, call.attributes.ints('kernel_shape') ?? []);
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

function lpPool(call: Call): Value {
  const x = call.value(0);
  const { dilations, ...window } = windowOf(call, x.shape, call.attributes.ints('kernel_shape') ?? []);
  if (dilations.some((dilation) => dilation !== 1)) throw unsupported(call.node, 'has dilations');
  const ceilMode = call.attributes.int('ceil_mode', 0) === 1;
  return lpPool2d(x, { ...window, ceilMode, p: call.attributes.int('p', 2) });
}

const spatialAxes = (x: Value): number[] => x.shape.map((_, axis) => axis).slice(2);

type Reduction = (x: Value, axes?: readonly number[], keepDims?: boolean) => Value;

function reduction(op: Reduction): Rule {
  return (call) => {
    const x = call.value(0);
    const axes = call.numbers(1, 'axes')?.map((axis) => axisOf(call.node, axis, x.shape.length));
    if (!axes?.length && call.attributes.int('noop_with_empty_axes', 0) === 1) return x;
    return op(x, axes?.length ? axes : undefined, call.attributes.int('keepdims', 1) === 1);
  };
}

/**
 * Exporters write the batch with which they traced into a target, `view(1, -1)` for `view(batch, -1)`: it means the
 * batch of this replay, for values that have one, unless the target as it is written takes just these numbers.
 */
function reshapeRule(call: Call): Value {
  const x = call.value(0);
  const target = call.numbers(1, 'shape') ?? [];
  const { batch, fileBatch } = call.context;
  const isWritten = !target.includes(-1) && !target.includes(0) && sizeOf(target) === sizeOf(x.shape);
  const isBatch = call.lineage.ofImages && target[0] === fileBatch && x.shape[0] === batch;
  const wanted = isBatch && !isWritten ? [batch, ...target.slice(1)] : target;
  const allowZero = call.attributes.int('allowzero', 0) === 1;
  return reshape(x, reshapedShape(call.node, x.shape, wanted, allowZero));
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
  const pads = call.numbers(1, 'pads') ?? [];
  const rank = x.shape.length;
  const axes = call.has(3) ? numbersOf(call.constant(3).tensor) : x.shape.map((_, axis) => axis);
  const [before, after] = [0, axes.length].map((offset) => {
    const amounts = x.shape.map(() => 0);
    axes.forEach((axis, index) => {
      amounts[axisOf(call.node, axis, rank)] = pads[offset + index];
    });
    return amounts;
  });
  if ([...before, ...after].some((amount) => !(amount >= 0 && amount <= MOST_PADDING))) {
    throw unsupported(call.node, `pads by [${pads}]`);
  }
  if (mode !== 'constant') return padByCopies(call, x, before, after, mode);
  const value = call.has(2) ? call.scalar(2) : call.attributes.float('value', 0);
  return pad(x, before, after, { value });
}

/** More pixels than an image has along one axis. */
const MOST_PADDING = 2 ** 16;

/** Padding with the image's own pixels: its border (`edge`), its mirror image (`reflect`), its other end (`wrap`). */
function padByCopies(call: Call, x: Value, before: Shape, after: Shape, mode: string): Value {
  const sources: Readonly<Record<string, (at: number, extent: number) => number>> = {
    edge: (at, extent) => Math.min(Math.max(at, 0), extent - 1),
    reflect: (at, extent) => (at < 0 ? -at : at >= extent ? 2 * (extent - 1) - at : at),
    wrap: (at, extent) => ((at % extent) + extent) % extent,
  };
  const source = Object.hasOwn(sources, mode) ? sources[mode] : undefined;
  if (!source) throw unsupported(call.node, `pads by ${mode}`);
  return x.shape.reduce((padded, extent, axis) => {
    if (before[axis] + after[axis] === 0) return padded;
    const positions = Array.from({ length: before[axis] + extent + after[axis] }, (_, to) =>
      axisOf(call.node, source(to - before[axis], extent), extent),
    );
    return take(padded, positions, axis);
  }, x);
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

/** The numbers from `start` up to `end` of one axis. */
function sliceAxis(x: Value, axis: number, start: number, end: number): Value {
  return slice(
    x,
    x.shape.map((_, other) => (other === axis ? start : 0)),
    x.shape.map((extent, other) => (other === axis ? end : extent)),
  );
}

function split(call: Call): Value[] {
  const x = call.value(0);
  const axis = axisOf(call.node, call.attributes.int('axis', 0), x.shape.length);
  let start = 0;
  return splitExtents(call.node, x.shape[axis], call.numbers(1, 'split')).map((extent) => {
    const from = start;
    start += extent;
    return sliceAxis(x, axis, from, start);
  });
}

/** One position without an axis of its own drops the axis. */
function gatherRule(call: Call): Value {
  const x = call.weight(0, zerosInit);
  const { tensor } = call.constant(1);
  const axis = axisOf(call.node, call.attributes.int('axis', 0), x.shape.length);
  const positions = numbersOf(tensor).map((at) => axisOf(call.node, at, x.shape[axis]));
  const shape = [...x.shape.slice(0, axis), ...tensor.shape, ...x.shape.slice(axis + 1)];
  const isRange = positions.every((at, index) => at === positions[0] + index);
  return reshape(
    isRange ? sliceAxis(x, axis, positions[0], positions[0] + positions.length) : take(x, positions, axis),
    shape,
  );
}

/** The parts of `x` at `positions` of an axis. */
function take(x: Value, positions: readonly number[], axis: number): Value {
  const indices = tensor('int64', [positions.length], BigInt64Array.from(positions, BigInt));
  return gather(x, x.graph.constant(indices), axis);
}

/** A stored array that is spread over the batch (a class token) is trained as it is stored. */
function expandRule(call: Call): Value {
  const x = call.weight(0, zerosInit);
  return spread(x, broadcastShapes(x.shape, numbersOf(call.constant(1).tensor)));
}

const RESIZE_MODES = { nearest: 'nearest', linear: 'linear', bilinear: 'linear' } as const;
const COORDINATES = {
  half_pixel: 'half_pixel',
  // The two differ for results of one pixel alone.
  pytorch_half_pixel: 'half_pixel',
  asymmetric: 'asymmetric',
  align_corners: 'align_corners',
} as const;
const ROUNDINGS = {
  floor: 'floor',
  ceil: 'ceil',
  round_prefer_floor: 'round_prefer_floor',
  round_prefer_ceil: 'round_prefer_ceil',
} as const;

/** The one of `known` that the attribute `name` says. */
function choice<T>(call: Call, name: string, fallback: string, known: Readonly<Record<string, T>>): T {
  const said = call.attributes.string(name, fallback);
  if (!Object.hasOwn(known, said)) throw unsupported(call.node, `has ${name}=${said}`);
  return known[said];
}

/** Resize, and Upsample of older opsets: to `sizes`, or by `scales`, which may change height and width alone. */
function resize(call: Call): Value {
  const x = call.value(0);
  const isResize = call.node.op === 'Resize' && call.context.opset >= 11;
  const sizes = call.has(3) ? call.numbers(3, 'sizes') : undefined;
  const scales = call.numbers(isResize ? 2 : 1, 'scales') ?? call.attributes.floats('scales') ?? [];
  const wanted = sizes ?? x.shape.map((extent, axis) => Math.floor(extent * scales[axis]));
  // The first extent is the batch that the file was traced with, whatever batch is replayed.
  const [, channels, height, width] = wanted;
  if (x.shape.length !== 4 || wanted.length !== 4 || channels !== x.shape[1]) {
    throw unsupported(call.node, `resizes [${x.shape.join(', ')}] to [${wanted}]`);
  }
  call.expect('antialias', 0);
  return resize2d(x, {
    size: [height, width],
    mode: choice(call, 'mode', 'nearest', RESIZE_MODES),
    coordinates: choice(
      call,
      'coordinate_transformation_mode',
      isResize ? 'half_pixel' : 'asymmetric',
      COORDINATES,
    ),
    rounding: choice(call, 'nearest_mode', isResize ? 'round_prefer_floor' : 'floor', ROUNDINGS),
  });
}

/** Blocks of b x b pixels become channels, and back; the order of the channels is that of ONNX. */
function spaceToDepth(call: Call): Value {
  const x = call.value(0);
  const [n, c, h, w] = x.shape;
  const b = call.attributes.int('blocksize', 1);
  const blocks = transpose(reshape(x, [n, c, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4]);
  return reshape(blocks, [n, c * b * b, h / b, w / b]);
}

function depthToSpace(call: Call): Value {
  const x = call.value(0);
  const [n, c, h, w] = x.shape;
  const b = call.attributes.int('blocksize', 1);
  const isColumnRow = call.attributes.string('mode', 'DCR') === 'CRD';
  const blocks = isColumnRow
    ? transpose(reshape(x, [n, c / (b * b), b, b, h, w]), [0, 1, 4, 2, 5, 3])
    : transpose(reshape(x, [n, b, b, c / (b * b), h, w]), [0, 3, 4, 1, 5, 2]);
  return reshape(blocks, [n, c / (b * b), h * b, w * b]);
}

export const RULES: Readonly<Record<string, Rule>> = {
  ...ELEMENTWISE,
  ...NORMS,

  // Layers
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matMul,
  Einsum: einsumRule,

  // Pooling and reductions
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: unary((x) => mean(x, spatialAxes(x), true)),
  GlobalMaxPool: unary((x) => max(x, spatialAxes(x), true)),
  GlobalLpPool: (call) => {
    const x = call.value(0);
    return norm(x, call.attributes.int('p', 2), spatialAxes(x), true);
  },
  ReduceMean: reduction(mean),
  ReduceSum: reduction(sum),
  ReduceMax: reduction(max),
  ReduceMin: reduction(min),
  ReduceProd: reduction(prod),
  ReduceL1: reduction((x, axes, keepDims) => norm(x, 1, axes, keepDims)),
  ReduceL2: reduction((x, axes, keepDims) => norm(x, 2, axes, keepDims)),
  ReduceLogSum: reduction((x, axes, keepDims) => log(sum(x, axes, keepDims))),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceSumSquare: reduction((x, axes, keepDims) => sum(mul(x, x), axes, keepDims)),

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
  Gather: gatherRule,
  Expand: expandRule,
  Resize: resize,
  Upsample: resize,
  SpaceToDepth: spaceToDepth,
  DepthToSpace: depthToSpace,
};
