/**
 * The ways to compute each convolution and its gradients, by name. All of one table give the same values; which
 * is fastest depends on shape and machine (`../tune.ts`). In each table the first that applies and is usual for
 * the shape is taken where nothing was measured.
 */
import type { Emitter, Epilogue } from '../emitter.ts';
import { CHANNELS_FIRST, type Layout, WEIGHT_ROWS } from '../layout.ts';
import * as blocked from './blocked.ts';
import * as columns from './columns.ts';
import { type Extents, isDepthwise, isPointwise, isStrided, turned } from './extents.ts';
import * as gathered from './gathered.ts';
import * as tall from './tall.ts';
import * as winograd from './winograd.ts';

/** An operand's name in a memory layout. */
export type Operand = (layout: Layout) => string;

export interface Formulation {
  readonly name: string;
  /** Whether it is correct for the shape on this machine. */
  applies(e: Emitter, s: Extents): boolean;
  /** Whether it is taken for the shape where nothing was measured. */
  usual(s: Extents, e: Emitter): boolean;
  /**
   * Emits it. The operands are the op's: (x, weight), (dy, weight) or (x, dy); images come and go as [C, N, H, W],
   * weights as [O, KH, KW, I].
   */
  emit(e: Emitter, s: Extents, first: Operand, second: Operand, epilogue: Epilogue): string;
  /** What it can do to its result besides; `epilogue` has nothing else. */
  readonly takes: readonly (keyof Epilogue)[];
}

type Images = (e: Emitter, s: Extents, image: string, weight: string, epilogue: Epilogue) => string;

/** A formulation over an image in channels-first memory and a weight in the given layout. */
function overImage(
  name: string,
  applies: Formulation['applies'],
  usual: Formulation['usual'],
  weight: Layout,
  make: Images,
  takes: Formulation['takes'] = [],
): Formulation {
  const emit: Formulation['emit'] = (e, s, image, operand, epilogue) =>
    make(e, s, image(CHANNELS_FIRST), operand(weight), epilogue);
  return { name, applies, usual, emit, takes };
}

/** A formulation of a weight's gradient, over two images. */
function overImages(
  name: string,
  applies: Formulation['applies'],
  usual: Formulation['usual'],
  make: Images,
): Formulation {
  return overImage(name, applies, usual, CHANNELS_FIRST, make);
}

const always = () => true;
/** Pointwise convolutions are products as they are. */
const hasPatches = (s: Extents) => !isPointwise(s);
const dense = (_: Emitter, s: Extents) => s.groups === 1;
/** Few channels: copying the shifted images costs more than the products do. (Measured; see docs/decisions.) */
const isNarrow = (s: Extents) => s.o * s.i <= 4096;

/** Sums of rows cost the same for any number of channels on the other side. (Measured; see docs/decisions.) */
const paysTiles = (s: Extents) =>
  s.groups === 1 && s.o * s.i >= 4096 && Math.min(s.o, s.i) >= (s.oh >= 28 ? 32 : 64);
/** A weight's gradient adds up rows of both images, and brings both out of blocks again. */
const paysTilesOfBoth = (s: Extents) => paysTiles(s) && s.oh >= 7 && s.n * s.oh * s.ow >= 512;

export const FORWARD: readonly Formulation[] = [
  overImage('row tiles', winograd.hasRowTiles, paysTiles, WEIGHT_ROWS, winograd.winogradForward, [
    'bias',
    'activation',
  ]),
  overImage(
    'blocked',
    blocked.fillsBlocks,
    (s, e) => hasPatches(s) || e.blockedImages,
    WEIGHT_ROWS,
    blocked.blockedForward,
    ['bias', 'plus', 'activation'],
  ),
  overImage('depthwise', blocked.fillsBlocksDepthwise, always, WEIGHT_ROWS, blocked.depthwiseForward, [
    'bias',
    'activation',
  ]),
  {
    name: 'few channels',
    applies: blocked.readsFew,
    usual: hasPatches,
    emit: (e, s, image, weight, epilogue) =>
      blocked.fewChannelsForward(e, s, image('logical'), weight('logical'), epilogue),
    takes: ['bias', 'activation'],
  },
  overImage(
    'tall',
    always,
    (s) => s.groups > 1 || (isNarrow(s) && hasPatches(s)),
    'logical',
    tall.tallForward,
  ),
  overImage('columns', dense, always, WEIGHT_ROWS, columns.productForward),
];

/** Patches that are gathered all lie in memory, as does a table of their pixels. */
const LARGEST_PATCHES = 2 ** 23;
const LARGEST_TABLE = 2 ** 18;
const isGatherable = (_: Emitter, s: Extents) => {
  const reads = s.n * s.oh * s.ow * s.kh * s.kw;
  return s.groups === 1 && !isPointwise(s) && reads <= LARGEST_TABLE && reads * s.c <= LARGEST_PATCHES;
};
/** Rows of an image that are too short to be copied one by one. */
const hasShortRows = (s: Extents) => s.c >= 16 && (s.ow <= 16 || isStrided(s));

const pointwise = (_: Emitter, s: Extents) => isPointwise(s);
const denseTurned = (_: Emitter, s: Extents) => s.groups === 1 && turned(s) !== undefined;

export const INPUT_GRADIENT: readonly Formulation[] = [
  overImage('product', pointwise, (s) => !isStrided(s), WEIGHT_ROWS, columns.pointwiseInputGradient),
  overImage('row tiles', winograd.hasTurnedRowTiles, paysTiles, WEIGHT_ROWS, winograd.winogradInputGradient),
  overImage(
    'blocked',
    (e, s) => blocked.fillsBlocks(e, s) && blocked.hasTurned(s),
    always,
    WEIGHT_ROWS,
    blocked.blockedInputGradient,
  ),
  overImage(
    'depthwise',
    (e, s) => blocked.fillsBlocksDepthwise(e, s) && blocked.hasTurned(s),
    always,
    WEIGHT_ROWS,
    blocked.depthwiseInputGradient,
  ),
  overImage('turned tall', denseTurned, isNarrow, WEIGHT_ROWS, tall.turnedInputGradient),
  overImage('columns', denseTurned, always, WEIGHT_ROWS, columns.productInputGradient),
  overImage('tall', always, always, 'logical', tall.tallInputGradient),
];

export const WEIGHT_GRADIENT: readonly Formulation[] = [
  overImages('depthwise', blocked.fillsBlocksDepthwise, always, blocked.depthwiseWeightGradient),
  overImages('depthwise taps', (_, s) => isDepthwise(s), always, columns.depthwiseWeightGradient),
  // A product per tap has as many columns as there are channels: too few to be fast.
  overImages('columns', dense, (s) => s.i < 16 && s.kh * s.kw > 1, columns.columnWeightGradient),
  overImages('row tiles', winograd.hasTilesOfBoth, paysTilesOfBoth, winograd.winogradWeightGradient),
  overImages('gathered', isGatherable, hasShortRows, gathered.gatheredWeightGradient),
  overImages('shifted', (_, s) => s.groups === 1 && !isStrided(s), hasPatches, columns.shiftedWeightGradient),
  overImages('taps', always, always, columns.tapWeightGradient),
];
