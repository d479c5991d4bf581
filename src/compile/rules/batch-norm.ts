/** Lowering of batch normalisation, its gradient, and the affine map per channel. */
import type { NodeOf, Value } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { scaleBlocks, throughBlocks } from '../conv/blocked.ts';
import type { Emitter, Epilogue } from '../emitter.ts';
import { CHANNELS_FIRST } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { affineRows, dotRows, rateOf } from '../rows.ts';

const times = (e: Emitter, a: string, b: string) => e.emit('Mul', [a, b]);

/** Per channel, [C]: the mean, and the sum of squares. */
interface Moments {
  readonly average: string;
  readonly squares: string;
}

/** Of all images that were normalised: in dense blocks each layer normalises what all before it have, too. */
const MOMENTS = new WeakMap<Emitter, Map<Value, Moments>>();

/** The moments of an image; of several side by side, those of each. */
function momentsOf(x: Value, e: Emitter): Moments {
  const known = MOMENTS.get(e) ?? new Map<Value, Moments>();
  MOMENTS.set(e, known);
  const found = known.get(x) ?? (isSideBySide(x) ? momentsOfParts(x.node.inputs, e) : makeMoments(x, e));
  known.set(x, found);
  return found;
}

const isSideBySide = ({ node }: Value) => node.op === 'concat' && node.attributes.axis === 1;

function momentsOfParts(parts: readonly Value[], e: Emitter): Moments {
  const moments = parts.map((part) => momentsOf(part, e));
  return {
    average: e.concat(
      moments.map(({ average }) => average),
      0,
    ),
    squares: e.concat(
      moments.map(({ squares }) => squares),
      0,
    ),
  };
}

function makeMoments(x: Value, e: Emitter): Moments {
  const [n, c, h, w] = x.shape;
  const image = e.use(x, CHANNELS_FIRST);
  const mean = (name: string, axis: number) =>
    e.emit('ReduceMean', [name], { axes: { ints: [axis] }, keepdims: { int: 0 } });
  // The mean of the images' means: its error, squared with the mean, is that of the variance.
  const average = mean(mean(e.reshape(image, [c, n, h * w]), 2), 1);
  return { average, squares: dotRows(e, image, image, [c, n * h * w]) };
}

function batchNorm(
  { inputs: [x, scale, bias], outputs: [y, mean, variance], attributes }: NodeOf<'batchNorm'>,
  e: Emitter,
): void {
  const [n, c, h, w] = x.shape;
  const count = n * h * w;
  const { average, squares } = momentsOf(x, e);
  const image = e.use(x, CHANNELS_FIRST);
  // Var = E[x^2] - E[x]^2, not below 0 whatever the rounding.
  const raw = e.emit('Sub', [times(e, squares, e.float(1 / count)), times(e, average, average)]);
  const spread = e.emit('Relu', [raw]);
  const deviation = e.emit('Sqrt', [e.emit('Add', [spread, e.float(attributes.epsilon)])]);
  const factor = e.emit('Div', [e.use(scale), deviation]);
  const shift = e.emit('Sub', [e.use(bias), times(e, average, factor)]);
  const make = (epilogue: Epilogue) =>
    e.reshape(affineRows(e, image, [c, count], factor, shift, epilogue), [c, n, h, w]);
  e.defer(y, ['plus', 'activation'], make);
  e.define(mean, average);
  e.define(variance, spread);
}

/**
 * With r = 1 / sqrt(var + eps) and sums over the batch: dbias = sum dy, dscale = r (sum dy x - mean dbias), and
 * dx = scale r h with h = dy - (r dscale / n) x - (dbias / n - (r dscale / n) mean).
 */
function batchNormGradient({ inputs, outputs, attributes }: NodeOf<'batchNormGradient'>, e: Emitter): void {
  const [dy, x, mean, variance, scale] = inputs;
  const [n, c, h, w] = x.shape;
  const count = n * h * w;
  const [image, gradient] = [e.use(x, CHANNELS_FIRST), e.use(dy, CHANNELS_FIRST)];
  const flat = e.reshape(gradient, [c, count]);
  const average = e.use(mean);
  const rate = rateOf(e, e.use(variance), attributes.epsilon);
  const dbias = e.emit('ReduceSum', [flat, e.ints([1])], { keepdims: { int: 0 } });
  const products = dotRows(e, gradient, image, [c, count]);
  const dscale = times(e, rate, e.emit('Sub', [products, times(e, average, dbias)]));
  const slope = times(e, rate, times(e, dscale, e.float(-1 / count)));
  const offset = e.emit('Sub', [times(e, dbias, e.float(-1 / count)), times(e, slope, average)]);
  const centred = affineRows(e, image, [c, count], slope, offset, { plus: gradient });
  e.defineScaled(outputs[0], e.reshape(centred, [c, n, h, w]), times(e, e.use(scale), rate));
  e.define(outputs[1], dscale);
  e.define(outputs[2], dbias);
}

function channelAffine(
  { inputs: [x, scale, bias], outputs: [y] }: NodeOf<'channelAffine'>,
  e: Emitter,
): void {
  const [n, c, h, w] = x.shape;
  if (e.form === 'training') {
    const [image, factor, shift] = [e.use(x, CHANNELS_FIRST), e.use(scale), e.use(bias)];
    if (e.blocksOf(image)) {
      const factors = e.reshape(factor, [c, 1, 1, 1]);
      const scaled =
        ({ activation }: Epilogue) =>
        (blocks: readonly string[]) =>
          scaleBlocks(e, blocks[0], c, factors, { bias: shift, activation });
      e.defer(y, ['activation'], (epilogue) => throughBlocks(e, y.shape, [image], scaled(epilogue))!);
      return;
    }
    e.defer(y, ['plus', 'activation'], (epilogue) =>
      e.reshape(affineRows(e, image, [c, n * h * w], factor, shift, epilogue), [c, n, h, w]),
    );
    return;
  }
  const channel = (name: string) => e.emit('Reshape', [name, e.ints([c, 1, 1])]);
  const scaled = times(e, e.use(x, 'logical'), channel(e.use(scale)));
  e.define(y, e.emit('Add', [scaled, channel(e.use(bias))]), 'logical');
}

export const batchNormRules = {
  batchNorm,
  batchNormGradient,
  channelAffine,
} satisfies { [O in Op]?: LowerRule<O> };
