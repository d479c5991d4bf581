/** Lowering of elementwise ops: one ONNX operator each, or a short exact formula. */
import type { NodeOf, Value } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { type DType, sameShape } from '../../tensor/tensor.ts';
import { multiplyBlocks, throughBlocks } from '../conv/blocked.ts';
import type { Activation, Emitter, Epilogue } from '../emitter.ts';
import { CHANNELS_FIRST } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { activate, affineRows } from '../rows.ts';

/** A power of two so large that `HardSigmoid`, clip(alpha x + beta, 0, 1), is an exact step in one pass. */
const STEEP = 2 ** 120;

function unary(op: string): (node: NodeOf<Op>, e: Emitter) => void {
  return ({ inputs: [x], outputs: [y] }, e) => e.define(y, e.emit(op, [e.use(x, e.layoutOf(y))]));
}

/** An operand of a broadcasting op, in the result's layout; one with fewer axes gets leading ones first. */
function operand(x: Value, result: Value, e: Emitter): string {
  const layout = e.layoutOf(result);
  if (layout === 'logical' || x.shape.length === 0) return e.use(x, 'logical');
  if (x.shape.length === result.shape.length) return e.use(x, layout);
  const shape = [...new Array(result.shape.length - x.shape.length).fill(1), ...x.shape];
  const widened = e.reshape(e.use(x), shape);
  return e.transpose(widened, layout);
}

function broadcasting(op: string): (node: NodeOf<Op>, e: Emitter) => void {
  return ({ inputs, outputs: [y] }, e) =>
    e.define(
      y,
      e.emit(
        op,
        inputs.map((x) => operand(x, y, e)),
      ),
    );
}

function hardSigmoid(e: Emitter, x: string, alpha: number, beta: number): string {
  return e.emit('HardSigmoid', [x], { alpha: { float: alpha }, beta: { float: beta } });
}

/** x^exponent; the powers of normalisations by roots, which are several times faster. */
export function power(e: Emitter, x: string, exponent: number): string {
  const root = () => e.emit('Sqrt', [x]);
  const threeQuarters = () => {
    const half = root();
    return e.emit('Mul', [half, e.emit('Sqrt', [half])]);
  };
  const known: Record<number, () => string> = { 0.5: root, 0.75: threeQuarters, 1: () => x };
  const make = known[Math.abs(exponent)];
  if (!make) return e.emit('Pow', [x, e.float(exponent)]);
  return exponent < 0 ? e.emit('Reciprocal', [make()]) : make();
}

/** Element types in ONNX's numbering. */
const ONNX_TYPE: Record<DType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

/** An activation, as part of what makes its operand where that is read by nobody else. */
function activation({ inputs: [x], outputs: [y] }: NodeOf<Op>, e: Emitter, which: Activation): void {
  const maker = e.take(x, 'activation');
  if (maker) {
    e.define(y, maker.make({ activation: which }));
    return;
  }
  const image = e.use(x, e.layoutOf(y));
  const inBlocks = throughBlocks(e, y.shape, [image], ([blocks]) => activate(e, blocks, which));
  e.define(y, inBlocks ?? activate(e, image, which));
}

/** Whether `x` is one number per channel of the images `like`. */
function isPerChannel(x: Value, like: Value): boolean {
  const rank = like.shape.length;
  return rank === 4 && sameShape(x.shape, [1, like.shape[1], 1, 1]);
}

type Sum = NodeOf<'add'>;

const bothWays = ({ inputs: [a, b] }: Sum) => [[a, b] as const, [b, a] as const];

/** A sum as part of what makes one operand, where that is read by nobody else. */
function sumInMaker(node: Sum, e: Emitter): boolean {
  const [y] = node.outputs;
  for (const [a, b] of bothWays(node)) {
    const kind = isPerChannel(b, a) ? 'bias' : sameShape(a.shape, b.shape) ? 'plus' : undefined;
    const maker = kind && sameShape(a.shape, y.shape) ? e.take(a, kind) : undefined;
    if (!kind || !maker) continue;
    const other = () => (kind === 'bias' ? e.reshape(e.use(b), [y.shape[1]]) : e.use(b, e.layoutOf(y)));
    const rest = maker.takes.filter((taken) => taken !== kind);
    e.defer(y, rest, (epilogue) => maker.make({ ...epilogue, [kind]: other() }));
    return true;
  }
  return false;
}

/** A sum in the pass that multiplies one operand by its factors. */
function sumWhileScaled(node: Sum, e: Emitter): boolean {
  const [y] = node.outputs;
  for (const [a, b] of bothWays(node)) {
    const scaled = sameShape(a.shape, b.shape) ? e.takeScaled(a) : undefined;
    if (!scaled) continue;
    const [n, c, h, w] = y.shape;
    const plus = e.use(b, CHANNELS_FIRST);
    const made = affineRows(e, scaled.name, [c, n * h * w], scaled.factors, '', { plus });
    e.define(y, e.reshape(made, [c, n, h, w]), CHANNELS_FIRST);
    return true;
  }
  return false;
}

/** A sum of images that are to be had in blocks, together with an activation behind it. */
function sumInBlocks({ inputs, outputs: [y] }: Sum, e: Emitter): boolean {
  if (!e.blockedImages || !inputs.every((x) => sameShape(x.shape, y.shape))) return false;
  const images = inputs.map((x) => e.use(x, e.layoutOf(y)));
  if (!images.every((image) => e.blocksOf(image))) return false;
  const [n, c, h, w] = y.shape;
  const add =
    ({ activation }: Epilogue) =>
    ([a, b]: readonly string[]) =>
      activation ? multiplyBlocks(e, a, [c, n * h, w], 1, { plus: b, activation }) : e.emit('Add', [a, b]);
  e.defer(y, ['activation'], (epilogue) => throughBlocks(e, y.shape, images, add(epilogue))!);
  return true;
}

function sum(node: Sum, e: Emitter): void {
  if (sumInMaker(node, e) || sumWhileScaled(node, e) || sumInBlocks(node, e)) return;
  broadcasting('Add')(node as NodeOf<Op>, e);
}

export const elementwiseRules = {
  neg: unary('Neg'),
  exp: unary('Exp'),
  log: unary('Log'),
  sqrt: unary('Sqrt'),
  reciprocal: unary('Reciprocal'),
  abs: unary('Abs'),
  floor: unary('Floor'),
  round: unary('Round'),
  sigmoid: unary('Sigmoid'),
  hardSigmoid: ({ inputs: [x], outputs: [y], attributes: { alpha, beta } }, e) =>
    e.define(y, hardSigmoid(e, e.use(x, e.layoutOf(y)), alpha, beta)),
  softplus: unary('Softplus'),
  tanh: unary('Tanh'),
  erf: unary('Erf'),
  relu: (node, e) => activation(node, e, { name: 'Relu', parameters: [] }),
  leakyRelu: (node, e) => activation(node, e, { name: 'LeakyRelu', parameters: [node.attributes.slope] }),
  clip: (node, e) => {
    const { min, max } = node.attributes;
    activation(node, e, { name: 'Clip', parameters: [min, max] });
  },
  step: ({ inputs: [x], outputs: [y] }, e) => e.define(y, hardSigmoid(e, e.use(x, e.layoutOf(y)), STEEP, 0)),
  between: ({ inputs: [x], outputs: [y], attributes: { min, max } }, e) => {
    const name = e.use(x, e.layoutOf(y));
    const bounds = [
      ...(min === Number.NEGATIVE_INFINITY ? [] : [e.emit('Greater', [name, e.float(min)])]),
      ...(max === Number.POSITIVE_INFINITY ? [] : [e.emit('Less', [name, e.float(max)])]),
    ];
    // Truth values are a quarter as long as numbers, so that two bounds cost less than two steps.
    const inside = bounds.length === 2 ? e.emit('And', bounds) : bounds[0];
    const everywhere = () => hardSigmoid(e, name, 0, 1);
    e.define(y, inside ? e.emit('Cast', [inside], { to: { int: ONNX_TYPE.float32 } }) : everywhere());
  },
  cast: ({ inputs: [x], outputs: [y], attributes: { to } }, e) =>
    e.define(y, e.emit('Cast', [e.use(x, e.layoutOf(y))], { to: { int: ONNX_TYPE[to] } })),
  add: sum,
  sub: broadcasting('Sub'),
  mul: broadcasting('Mul'),
  div: broadcasting('Div'),
  pow: (node, e) => {
    const [x, exponent] = node.inputs;
    const { op, attributes } = exponent.node;
    const single = op === 'constant' && exponent.shape.length === 0;
    if (single)
      e.define(node.outputs[0], power(e, operand(x, node.outputs[0], e), Number(attributes.value.data[0])));
    else broadcasting('Pow')(node, e);
  },
  maximum: broadcasting('Max'),
  minimum: broadcasting('Min'),
  greater: broadcasting('Greater'),
  greaterEqual: broadcasting('GreaterOrEqual'),
  equal: broadcasting('Equal'),
  and: broadcasting('And'),
  or: broadcasting('Or'),
  not: unary('Not'),
  where: broadcasting('Where'),
} satisfies { [O in Op]?: LowerRule<O> };
