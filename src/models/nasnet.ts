/**
 * NASNet-A: Zoph, Vasudevan, Shlens, Le, "Learning Transferable Architectures for Scalable Image Recognition"
 * (arXiv 1707.07012), figures 2 and 4 and appendix A, with TensorFlow's details: SAME padding, of which averages do not
 * count the zeros, batch norm epsilon 1e-3, pixels from -1 to 1. Names are those of the weights that circulate for
 * PyTorch (`nasnetalarge` and `nasnetamobile` of pretrainedmodels, the first of timm too). These lack the auxiliary
 * classifier, which is a switch here, as TF-Slim has it; its scheduled drop-path is not here.
 */
import { add, averagePool2d, concat, maxPool2d, pad, relu, slice } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal } from '../nn/init.ts';
import { batchNorm, conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel } from './define.ts';
import { linearHead } from './heads.ts';
import { AUXILIARY_LAYER, InceptionLayers } from './inception-layers.ts';
import type { BackboneOutput, Model } from './model.ts';
import { samePadding } from './same-padding.ts';

const EPSILON = 1e-3;

// Operations of a cell

/** ReLU, a convolution per channel and one that mixes channels, batch norm; twice, and the first has the stride. */
function separable(net: Network, name: string, x: Value, out: number, kernel: number, stride: number): Value {
  let y = x;
  for (const [position, strides] of [stride, 1].entries()) {
    const prefix = `${name}.separable_${position + 1}`;
    const channels = y.shape[1];
    y = relu(y);
    y = conv(net, `${prefix}.depthwise_conv2d`, y, {
      ...{ out: channels, groups: channels, kernel, strides },
      padding: samePadding(y, kernel, strides),
      // One input channel feeds each output, so the fan of the other direction would start far too small.
      initializer: heNormal('fanIn'),
    });
    const norm = `${name}.bn_sep_${position + 1}`;
    y = convNorm(net, `${prefix}.pointwise_conv2d`, norm, y, { out, kernel: 1, epsilon: EPSILON });
  }
  return y;
}

/** ReLU, 1x1 convolution, batch norm: gives an input of a cell its channels. */
function adjust(net: Network, name: string, x: Value, out: number): Value {
  return convNorm(net, `${name}.conv`, `${name}.bn`, relu(x), { out, kernel: 1, epsilon: EPSILON });
}

/** Every second pixel, from the first and from the second on, each to half the channels: gives an input half its size. */
function halve(net: Network, name: string, x: Value, out: number): Value {
  const y = relu(x);
  const [n, channels, height, width] = y.shape;
  const every2nd = (from: Value, start: number) =>
    slice(from, [0, 0, start, start], [n, channels, height + start, width + start], [1, 1, 2, 2]);
  const half = { out: out / 2, kernel: 1 };
  const even = conv(net, `${name}.path_1.conv`, every2nd(y, 0), half);
  const shifted = pad(y, [0, 0, 0, 0], [0, 0, 1, 1]);
  const odd = conv(net, `${name}.path_2.conv`, every2nd(shifted, 1), half);
  return batchNorm(net, `${name}.final_path_bn`, concat([even, odd], 1), { epsilon: EPSILON });
}

const pooled = (x: Value, kind: 'average' | 'max', stride: number): Value => {
  const options = { kernel: 3, strides: stride, padding: samePadding(x, 3, stride) };
  return kind === 'max' ? maxPool2d(x, options) : averagePool2d(x, options);
};

// Cells

/** An operation and what it is applied to: an input of the cell, or the sum with that number. */
type Branch = readonly [
  operation: 'same' | 'average' | 'max' | { readonly separable: number },
  of: 'current' | 'previous' | number,
];

/** A cell: sums of two branches each, and what of them lies side by side in the result. */
interface Cell {
  readonly sums: readonly (readonly [Branch, Branch])[];
  readonly joined: readonly ('previous' | number)[];
  /** Stride of the operations on the inputs of the cell. */
  readonly stride: number;
}

const separable3 = { separable: 3 };
const separable5 = { separable: 5 };
const separable7 = { separable: 7 };

const NORMAL: Cell = {
  stride: 1,
  sums: [
    [
      [separable5, 'current'],
      [separable3, 'previous'],
    ],
    [
      [separable5, 'previous'],
      [separable3, 'previous'],
    ],
    [
      ['average', 'current'],
      ['same', 'previous'],
    ],
    [
      ['average', 'previous'],
      ['average', 'previous'],
    ],
    [
      [separable3, 'current'],
      ['same', 'current'],
    ],
  ],
  joined: ['previous', 0, 1, 2, 3, 4],
};

const REDUCTION: Cell = {
  stride: 2,
  sums: [
    [
      [separable5, 'current'],
      [separable7, 'previous'],
    ],
    [
      ['max', 'current'],
      [separable7, 'previous'],
    ],
    [
      ['average', 'current'],
      [separable5, 'previous'],
    ],
    [
      ['same', 1],
      ['average', 0],
    ],
    [
      [separable3, 0],
      ['max', 'current'],
    ],
  ],
  joined: [1, 2, 3, 4],
};

/** The cell on its inputs, which have `out` channels as its branches do (only the first stem cell's do not yet). */
function assemble(
  net: Network,
  name: string,
  cell: Cell,
  inputs: { current: Value; previous: Value },
  out: number,
): Value {
  const sums: Value[] = [];
  const operand = (of: Branch[1]) => (typeof of === 'number' ? sums[of] : inputs[of]);
  for (const [index, pair] of cell.sums.entries()) {
    const [left, right] = pair.map(([operation, of], side) => {
      const x = operand(of);
      const stride = typeof of === 'number' ? 1 : cell.stride;
      if (operation === 'same') return x;
      if (typeof operation === 'string') return pooled(x, operation, stride);
      const branch = `${name}.comb_iter_${index}_${side === 0 ? 'left' : 'right'}`;
      return separable(net, branch, x, out, operation.separable, stride);
    });
    sums.push(add(left, right));
  }
  return concat(cell.joined.map(operand), 1);
}

/** A cell behind two others. Where a reduction lies between these, the result of the previous one is halved first. */
function cellBehind(
  net: Network,
  name: string,
  cell: Cell,
  { current, previous, halved }: { current: Value; previous: Value; halved: boolean },
  out: number,
): Value {
  const inputs = {
    previous: halved ? halve(net, name, previous, out) : adjust(net, `${name}.conv_prev_1x1`, previous, out),
    current: adjust(net, `${name}.conv_1x1`, current, out),
  };
  return assemble(net, name, cell, inputs, out);
}

// Network

interface Variant {
  /** Channels of the first convolution. */
  readonly stem: number;
  /** Penultimate features; the cells of the first stack have a 24th of them per branch. */
  readonly features: number;
  /** Normal cells between two reductions. */
  readonly repeats: number;
  /** Whether the cell behind a reduction sees, beside it, what went into it before the last normal cell. */
  readonly skips: boolean;
}

/** Cells are numbered as if each stack had six. */
const NUMBERED = 6;

/** Features for which the auxiliary branch has its published channels; smaller networks have a share of them. */
const MOBILE_FEATURES = 1056;

function backbone(net: Network, images: Value, variant: Variant): BackboneOutput {
  const { stem, features, repeats, skips } = variant;
  const channels = features / 24;
  const first = { out: stem, kernel: 3, strides: 2, epsilon: EPSILON };
  const conv0 = convNorm(net, 'conv0.conv', 'conv0.bn', images, first);
  const narrow = adjust(net, 'cell_stem_0.conv_1x1', conv0, channels / 4);
  const stem0 = assemble(net, 'cell_stem_0', REDUCTION, { current: narrow, previous: conv0 }, channels / 4);
  const stemInputs = { current: stem0, previous: conv0, halved: true };
  const stem1 = cellBehind(net, 'cell_stem_1', REDUCTION, stemInputs, channels / 2);
  let [previous, current] = [stem0, stem1];
  const stages = [stem0];
  let auxiliary: BackboneOutput['auxiliary'];
  for (const stack of [0, 1, 2]) {
    const out = channels << stack;
    if (stack > 0) {
      const inputs = { current, previous, halved: false };
      const reduced = cellBehind(net, `reduction_cell_${stack - 1}`, REDUCTION, inputs, out);
      [previous, current] = [skips ? previous : current, reduced];
    }
    for (let index = 0; index < repeats; index++) {
      const inputs = { current, previous, halved: index === 0 };
      const cell = cellBehind(net, `cell_${NUMBERED * stack + index}`, NORMAL, inputs, out);
      [previous, current] = [current, cell];
    }
    stages.push(current);
    if (stack === 1) {
      const layers = new InceptionLayers(net, Math.min(1, features / MOBILE_FEATURES));
      auxiliary = layers.auxiliary('AuxLogits', relu(current), 'whole');
    }
  }
  const map = relu(current);
  return { map, stages: [...stages.slice(0, -1), map], features: globalMean(map), auxiliary };
}

// Variants

const DROPOUT = 0.5;

/** Any network of the family; tests make narrow ones. */
export function nasnet(name: string, size: number, variant: Variant): Model {
  return defineModel({
    name,
    family: 'NASNet',
    paper: 'Zoph et al. 2017, arXiv 1707.07012',
    input: { size, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    dropout: DROPOUT,
    backbone: (net, images) => backbone(net, images, variant),
    originalHead: linearHead('last_linear', { dropout: ['dropout', DROPOUT], auxiliary: AUXILIARY_LAYER }),
  });
}

export const NASNETS: readonly Model[] = [
  nasnet('nasnetalarge', 331, { stem: 96, features: 4032, repeats: 6, skips: true }),
  nasnet('nasnetamobile', 224, { stem: 32, features: 1056, repeats: 4, skips: false }),
  // Miniature: a quarter of the cells, about a quarter of the channels.
  nasnet('nasnet_mini', 64, { stem: 12, features: 288, repeats: 1, skips: false }),
];
