/** Kernels, strides and padding of convolutions and poolings, from ONNX attributes. */
import type { Padding, Pair } from '../../graph/ops.ts';
import type { Shape } from '../../tensor/tensor.ts';
import type { Call } from './call.ts';
import { unsupported } from './operand.ts';

export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly padding: Padding;
}

/** The window of `call` over images of shape `input`; `kernel` is that of the weights, where there are any. */
export function windowOf(call: Call, input: Shape, kernel: readonly number[]): Window {
  const { attributes, node } = call;
  if (input.length !== 4 || kernel.length !== 2) {
    throw unsupported(node, `works on ${input.length} axes, only images with 4 axes are known`);
  }
  const pair = (name: string): Pair => {
    const [height, width] = attributes.ints(name) ?? [1, 1];
    return [height, width];
  };
  const window = {
    kernel: [kernel[0], kernel[1]] as Pair,
    strides: pair('strides'),
    dilations: pair('dilations'),
  };
  const mode = attributes.string('auto_pad', 'NOTSET');
  if (mode === 'VALID') return { ...window, padding: [0, 0, 0, 0] };
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    return { ...window, padding: samePadding(window, input, mode === 'SAME_UPPER') };
  }
  const [top, left, bottom, right] = attributes.ints('pads') ?? [0, 0, 0, 0];
  if (top < 0 || left < 0 || bottom < 0 || right < 0) throw unsupported(node, 'has negative padding');
  return { ...window, padding: [top, left, bottom, right] };
}

/** ceil(input / stride) outputs; an odd zero goes to the end (SAME_UPPER) or to the beginning (SAME_LOWER). */
function samePadding(window: Omit<Window, 'padding'>, input: Shape, upper: boolean): Padding {
  const [height, width] = ([0, 1] as const).map((axis) => {
    const outputs = Math.ceil(input[2 + axis] / window.strides[axis]);
    const span = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
    const total = Math.max((outputs - 1) * window.strides[axis] + span - input[2 + axis], 0);
    const less = Math.floor(total / 2);
    return upper ? [less, total - less] : [total - less, less];
  });
  return [height[0], width[0], height[1], width[1]];
}
