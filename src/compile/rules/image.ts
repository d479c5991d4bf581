/** Lowering of pooling. */
import type { NodeOf } from '../../graph/graph.ts';
import { dilatedWindow } from '../../graph/infer.ts';
import type { Op, PoolAttributes } from '../../graph/ops.ts';
import { type Shape, sizeOf } from '../../tensor/tensor.ts';
import { throughBlocks } from '../conv/blocked.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import { physicalShape } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { BLOCKED_DOMAIN } from '../rows.ts';

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

/** A pooling of an image that is to be had in blocks; every block of every image is a channel to itself. */
function poolBlocks(
  e: Emitter,
  op: 'MaxPool' | 'AveragePool',
  image: string,
  [n, c, h, w]: Shape,
  result: Shape,
  attributes: Attributes,
): string | undefined {
  return throughBlocks(e, result, [image], ([blocks]) =>
    e.emit(op, [e.reshape(blocks, [1, n * c, h, w])], attributes, BLOCKED_DOMAIN),
  );
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
    const attributes = { ...poolAttributes(a, x.shape, y.shape), ...count };
    const inBlocks = poolBlocks(e, 'AveragePool', image, x.shape, y.shape, attributes);
    e.define(y, inBlocks ?? e.emit('AveragePool', [image], attributes), layout);
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
    const image = e.use(x, layout);
    const inBlocks = remembers ? undefined : poolBlocks(e, 'MaxPool', image, x.shape, y.shape, window);
    if (inBlocks) {
      e.define(y, inBlocks, layout);
      return;
    }
    const names = e.emitAll('MaxPool', [image], window, remembers ? 2 : 1);
    e.define(y, names[0], layout);
    if (remembers) e.define(indices, names[1], layout);
  },
  maxPool2dGradient,
  averagePool2d,
} satisfies { [O in Op]?: LowerRule<O> };
