/** Lowering of what reads images between their pixels: resizing, RoIAlign, and transposed convolution at inference. */
import type { NodeOf } from '../../graph/graph.ts';
import type { Op, ResizeAttributes } from '../../graph/ops.ts';
import { float32, type Tensor } from '../../tensor/tensor.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import { CHANNELS_FIRST, type Layout, physicalShape } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { convRules } from './conv.ts';

/** Height and width are the last two axes, which those of a kernel would not be. */
const imageLayout = (e: Emitter): Layout => (e.form === 'training' ? CHANNELS_FIRST : 'logical');

/** Resize where the runtime's arithmetic cannot miss a pixel: linearly, or by repeating each a whole number of times. */
function resize2d({ inputs: [x], outputs: [y], attributes }: NodeOf<'resize2d'>, e: Emitter): void {
  const layout = imageLayout(e);
  const image = e.use(x, layout);
  const [h, w] = x.shape.slice(2);
  const [oh, ow] = attributes.size;
  if (
    attributes.mode === 'nearest' &&
    !(isRepetition(attributes, h, oh) && isRepetition(attributes, w, ow))
  ) {
    const rows = take(e, image, 2, nearestPixels(h, oh, attributes));
    e.define(y, take(e, rows, 3, nearestPixels(w, ow, attributes)), layout);
    return;
  }
  // Factors, not sizes, as those would name the batch.
  const factors = e.constant(float32([4], [1, 1, factorOf(h, oh), factorOf(w, ow)]));
  const options: Attributes = {
    mode: { string: attributes.mode },
    coordinate_transformation_mode: { string: attributes.coordinates },
    nearest_mode: { string: attributes.rounding },
  };
  e.define(y, e.emit('Resize', [image, '', factors], options), layout);
}

const take = (e: Emitter, image: string, axis: number, pixels: readonly number[]): string =>
  e.emit('Gather', [image, e.ints(pixels)], { axis: { int: axis } });

/** The factor that makes `to` of `from` when the product is rounded down. */
function factorOf(from: number, to: number): number {
  const factor = Math.fround(to / from);
  return Math.floor(factor * from) === to ? factor : Math.fround(factor * (1 + 2 ** -22));
}

/** Where output pixel `i` of `to` lies among `from` pixels. */
function sourceOf(i: number, from: number, to: number, coordinates: ResizeAttributes['coordinates']): number {
  if (coordinates === 'align_corners') return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  return coordinates === 'half_pixel' ? ((i + 0.5) * from) / to - 0.5 : (i * from) / to;
}

const ROUND: Record<ResizeAttributes['rounding'], (position: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (position) => Math.ceil(position - 0.5),
  round_prefer_ceil: (position) => Math.floor(position + 0.5),
};

/** The pixel that each output pixel repeats. */
function nearestPixels(from: number, to: number, a: ResizeAttributes): number[] {
  return Array.from({ length: to }, (_, i) => {
    const pixel = ROUND[a.rounding](sourceOf(i, from, to, a.coordinates));
    return Math.min(Math.max(pixel, 0), from - 1);
  });
}

/** How much each input pixel counts in each output pixel: [to, from]. */
function interpolation(from: number, to: number, a: ResizeAttributes): Tensor<'float32'> {
  const matrix = new Float32Array(to * from);
  const inside = (index: number) => Math.min(Math.max(index, 0), from - 1);
  if (a.mode === 'nearest') {
    nearestPixels(from, to, a).forEach((pixel, i) => {
      matrix[i * from + pixel] = 1;
    });
    return float32([to, from], matrix);
  }
  for (let i = 0; i < to; i++) {
    const position = sourceOf(i, from, to, a.coordinates);
    const low = Math.floor(position);
    matrix[i * from + inside(low)] += low + 1 - position;
    matrix[i * from + inside(low + 1)] += position - low;
  }
  return float32([to, from], matrix);
}

/** dX = R^T dY C, with the interpolation matrices R of the rows and C of the columns. */
function resize2dGradient(
  { inputs: [dy], outputs: [dx], attributes }: NodeOf<'resize2dGradient'>,
  e: Emitter,
): void {
  const layout = imageLayout(e);
  const [a, b, h, w] = physicalShape(attributes.inputShape, layout);
  const [oh, ow] = dy.shape.slice(2);
  const gradient = e.use(dy, layout);
  const shares = isRepetition(attributes, h, oh) && isRepetition(attributes, w, ow);
  if (shares) {
    const window = { ints: [oh / h, ow / w] };
    const means = e.emit('AveragePool', [gradient], { kernel_shape: window, strides: window });
    e.define(dx, e.emit('Mul', [means, e.float((oh / h) * (ow / w))]), layout);
    return;
  }
  const columns = e.constant(interpolation(w, ow, attributes));
  const rows = e.transpose(e.constant(interpolation(h, oh, attributes)), [1, 0]);
  const narrow = e.emit('MatMul', [e.reshape(gradient, [a * b * oh, ow]), columns]);
  const product = e.emit('MatMul', [rows, e.reshape(narrow, [a * b, oh, w])]);
  e.define(dx, e.reshape(product, [a, b, h, w]), layout);
}

/** Whether each pixel is repeated a whole number of times. */
function isRepetition({ mode, coordinates, rounding }: ResizeAttributes, from: number, to: number): boolean {
  return mode === 'nearest' && coordinates === 'asymmetric' && rounding === 'floor' && to % from === 0;
}

function roiAlign(
  { inputs: [x, boxes, images], outputs: [y], attributes }: NodeOf<'roiAlign'>,
  e: Emitter,
): void {
  const indices = e.use(images);
  const operands = [
    e.use(x, 'logical'),
    e.use(boxes),
    images.dtype === 'int64' ? indices : e.emit('Cast', [indices], { to: { int: 7 } }),
  ];
  const options: Attributes = {
    mode: { string: 'avg' },
    output_height: { int: attributes.size[0] },
    output_width: { int: attributes.size[1] },
    sampling_ratio: { int: attributes.samplingRatio },
    spatial_scale: { float: attributes.spatialScale },
    coordinate_transformation_mode: { string: attributes.aligned ? 'half_pixel' : 'output_half_pixel' },
  };
  e.define(y, e.emit('RoiAlign', operands, options), 'logical');
}

/** At inference this is a transposed convolution of a network, one operator; in training a gradient among others. */
function conv2dInputGradient(node: NodeOf<'conv2dInputGradient'>, e: Emitter): void {
  if (e.form === 'training') {
    convRules.conv2dInputGradient(node, e);
    return;
  }
  const { inputs, outputs, attributes: a } = node;
  const [dy, w] = inputs;
  const missing = (axis: 0 | 1) =>
    a.inputShape[2 + axis] -
    ((dy.shape[2 + axis] - 1) * a.strides[axis] -
      (a.padding[axis] + a.padding[2 + axis]) +
      (w.shape[2 + axis] - 1) * a.dilations[axis] +
      1);
  const options: Attributes = {
    strides: { ints: a.strides },
    pads: { ints: a.padding },
    dilations: { ints: a.dilations },
    group: { int: a.groups },
    output_padding: { ints: [missing(0), missing(1)] },
  };
  e.define(
    outputs[0],
    e.emit('ConvTranspose', [e.use(dy, 'logical'), e.use(w, 'logical')], options),
    'logical',
  );
}

export const resampleRules = {
  resize2d,
  resize2dGradient,
  roiAlign,
  conv2dInputGradient,
} satisfies { [O in Op]?: LowerRule<O> };
