/** Lowering of pooling and normalisation. */
import type { NodeOf } from '../../graph/graph.ts';
import { dilatedWindow } from '../../graph/infer.ts';
import type { Op, PoolAttributes } from '../../graph/ops.ts';
import { type Shape, sizeOf } from '../../tensor/tensor.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import { CHANNELS_FIRST, physicalShape } from '../layout.ts';
import type { LowerRule } from '../lower.ts';

/**
 * ONNX attributes of a pooling. Rounding up is written as padding behind the image, since runtimes disagree on
 * whether a last window may begin in the padding.
 */
function poolAttributes(a: PoolAttributes, input: Shape, output: Shape): Attributes {
  const after = (axis: 0 | 1) =>
    a.ceilMode
      ? Math.max(
          0,
          (output[2 + axis] - 1) * a.strides[axis] + a.kernel[axis] - input[2 + axis] - a.padding[axis],
        )
      : a.padding[2 + axis];
  return {
    kernel_shape: { ints: a.kernel },
    strides: { ints: a.strides },
    pads: { ints: [a.padding[0], a.padding[1], after(0), after(1)] },
  };
}

/** Where padding counts and sizes round up, the padding is made and only what lies behind it does not count. */
function averagePool2d(
  { inputs: [x], outputs: [y], attributes: a }: NodeOf<'averagePool2d'>,
  e: Emitter,
): void {
  const layout = e.layoutOf(y);
  const image = e.use(x, layout);
  const [top, left, bottom, right] = a.padding;
  if (!(a.countIncludePad && a.ceilMode)) {
    const count = { count_include_pad: { int: Number(a.countIncludePad) } };
    e.define(y, e.emit('AveragePool', [image], { ...poolAttributes(a, x.shape, y.shape), ...count }), layout);
    return;
  }
  const padded = [x.shape[0], x.shape[1], x.shape[2] + top + bottom, x.shape[3] + left + right];
  const attributes = poolAttributes({ ...a, padding: [0, 0, 0, 0] }, padded, y.shape);
  e.define(
    y,
    e.emit('AveragePool', [e.pad(image, [0, 0, top, left], [0, 0, bottom, right])], attributes),
    layout,
  );
}

/** A per-channel vector as [C, 1], to meet an image as [C, N H W]. */
const column = (e: Emitter, vector: string, channels: number) => e.reshape(vector, [channels, 1]);

/**
 * x * scale + bias per channel of an image [C, N, H, W]: a depthwise 1x1 convolution, which the runtime does
 * in one pass and fuses with a ReLU behind it.
 */
function affine(
  e: Emitter,
  image: string,
  channels: number,
  rest: number,
  scale: string,
  bias: string,
): string {
  const flat = e.reshape(image, [1, channels, rest, 1]);
  return e.emit('Conv', [flat, e.reshape(scale, [channels, 1, 1, 1]), bias], { group: { int: channels } });
}

function batchNorm(
  { inputs: [x, scale, bias], outputs: [y, mean, variance], attributes }: NodeOf<'batchNorm'>,
  e: Emitter,
): void {
  const [n, c, h, w] = x.shape;
  const count = n * h * w;
  const image = e.use(x, CHANNELS_FIRST);
  const flat = e.reshape(image, [c, count]);
  const average = e.emit('ReduceMean', [flat], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const squares = e.emit('ReduceSumSquare', [flat], { axes: { ints: [1] }, keepdims: { int: 0 } });
  // Var = E[x^2] - E[x]^2, not below 0 whatever the rounding.
  const raw = e.emit('Sub', [
    e.emit('Mul', [squares, e.float(1 / count)]),
    e.emit('Mul', [average, average]),
  ]);
  const spread = e.emit('Relu', [raw]);
  const deviation = e.emit('Sqrt', [e.emit('Add', [spread, e.float(attributes.epsilon)])]);
  const factor = e.emit('Div', [e.use(scale), deviation]);
  const shift = e.emit('Sub', [e.use(bias), e.emit('Mul', [average, factor])]);
  e.define(y, e.reshape(affine(e, image, c, count, factor, shift), [c, n, h, w]), CHANNELS_FIRST);
  e.define(mean, average);
  e.define(variance, spread);
}

/**
 * With r = 1 / sqrt(var + eps) and sums over the batch: dbias = sum dy, dscale = r (sum dy x - mean dbias),
 * dx = scale r dy - (scale r^2 dscale / n) x - (scale r dbias / n - (scale r^2 dscale / n) mean).
 */
function batchNormGradient({ inputs, outputs, attributes }: NodeOf<'batchNormGradient'>, e: Emitter): void {
  const [dy, x, mean, variance, scale] = inputs;
  const [n, c, h, w] = x.shape;
  const count = n * h * w;
  const [image, gradient] = [e.use(x, CHANNELS_FIRST), e.use(dy, CHANNELS_FIRST)];
  const flatGradient = e.reshape(gradient, [c, count]);
  const rowSum = (name: string) => e.emit('ReduceSum', [name, e.ints([1])], { keepdims: { int: 0 } });
  const times = (a: string, b: string) => e.emit('Mul', [a, b]);
  const average = e.use(mean);
  const rate = e.emit('Reciprocal', [
    e.emit('Sqrt', [e.emit('Add', [e.use(variance), e.float(attributes.epsilon)])]),
  ]);
  const dbias = rowSum(flatGradient);
  const products = rowSum(times(flatGradient, e.reshape(image, [c, count])));
  const dscale = times(rate, e.emit('Sub', [products, times(average, dbias)]));
  const gain = times(e.use(scale), rate);
  const slope = times(times(gain, rate), times(dscale, e.float(-1 / count)));
  const offset = e.emit('Sub', [times(times(gain, dbias), e.float(-1 / count)), times(slope, average)]);
  const fromImage = e.reshape(affine(e, image, c, count, slope, offset), [c, count]);
  const fromGradient = times(flatGradient, column(e, gain, c));
  e.define(outputs[0], e.reshape(e.emit('Add', [fromGradient, fromImage]), [c, n, h, w]), CHANNELS_FIRST);
  e.define(outputs[1], dscale);
  e.define(outputs[2], dbias);
}

function channelAffine(
  { inputs: [x, scale, bias], outputs: [y] }: NodeOf<'channelAffine'>,
  e: Emitter,
): void {
  const [n, c, h, w] = x.shape;
  if (e.form === 'training') {
    const name = affine(e, e.use(x, CHANNELS_FIRST), c, n * h * w, e.use(scale), e.use(bias));
    e.define(y, e.reshape(name, [c, n, h, w]), CHANNELS_FIRST);
    return;
  }
  const channel = (name: string) => e.emit('Reshape', [name, e.ints([c, 1, 1])]);
  const scaled = e.emit('Mul', [e.use(x, 'logical'), channel(e.use(scale))]);
  e.define(y, e.emit('Add', [scaled, channel(e.use(bias))]), 'logical');
}

/** Adds each gradient at the flat position that the pooling's second output remembers, in the same layout. */
function maxPool2dGradient(
  { inputs: [dy, indices], outputs: [dx], attributes }: NodeOf<'maxPool2dGradient'>,
  e: Emitter,
): void {
  const layout = e.layoutOf(indices);
  const size = sizeOf(attributes.inputShape);
  const empty = e.emit('ConstantOfShape', [e.ints([size])]);
  const flat = [e.use(indices, layout), e.use(dy, layout)].map((name) => e.reshape(name, [sizeOf(dy.shape)]));
  const scattered = e.emit('ScatterElements', [empty, ...flat], {
    axis: { int: 0 },
    reduction: { string: 'add' },
  });
  e.define(dx, e.reshape(scattered, physicalShape(attributes.inputShape, layout)), layout);
}

export const imageRules = {
  maxPool2d: ({ inputs: [x], outputs: [y, indices], attributes }, e) => {
    const layout = e.layoutOf(y);
    const remembers = e.isUsed(indices);
    const window = {
      ...poolAttributes(dilatedWindow(attributes), x.shape, y.shape),
      kernel_shape: { ints: attributes.kernel },
      dilations: { ints: attributes.dilations },
    };
    const names = e.emitAll('MaxPool', [e.use(x, layout)], window, remembers ? 2 : 1);
    e.define(y, names[0], layout);
    if (remembers) e.define(indices, names[1], layout);
  },
  maxPool2dGradient,
  averagePool2d,
  batchNorm,
  batchNormGradient,
  channelAffine,
} satisfies { [O in Op]?: LowerRule<O> };
