/** Lowering of convolutions and their gradients: which formulation (`../conv/formulations.ts`) is taken. */
import type { NodeOf, Value } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { type Shape, sizeOf } from '../../tensor/tensor.ts';
import { convAttributes, type Extents, extents } from '../conv/extents.ts';
import {
  FORWARD,
  type Formulation,
  INPUT_GRADIENT,
  type Operand,
  WEIGHT_GRADIENT,
} from '../conv/formulations.ts';
import type { Emitter, Scaled } from '../emitter.ts';
import { CHANNELS_FIRST, WEIGHT_ROWS } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import type { ConvOp } from '../tune.ts';

const operand =
  (e: Emitter, value: Value): Operand =>
  (layout) =>
    e.use(value, layout);

const TABLES: Readonly<Record<ConvOp, readonly Formulation[]>> = {
  conv2d: FORWARD,
  conv2dInputGradient: INPUT_GRADIENT,
  conv2dWeightGradient: WEIGHT_GRADIENT,
};

/** The formulations that are correct for a shape, and the one that is taken where nothing was measured. */
export function formulationsFor(op: ConvOp, s: Extents, e: Emitter) {
  const applicable = TABLES[op].filter((candidate) => candidate.applies(e, s));
  return { applicable, usual: applicable.find((candidate) => candidate.usual(s, e)) ?? applicable[0] };
}

/** The formulation that was measured to be fastest, or else the usual one. */
function choose(op: ConvOp, s: Extents, e: Emitter): Formulation {
  const { applicable, usual } = formulationsFor(op, s, e);
  const measured = e.choice(op, s);
  return applicable.find(({ name }) => name === measured) ?? usual;
}

function conv2d({ inputs: [x, w], outputs: [y], attributes: a }: NodeOf<'conv2d'>, e: Emitter): void {
  if (e.form === 'inference') {
    const operands = [e.use(x, 'logical'), e.use(w, 'logical')];
    e.define(y, e.emit('Conv', operands, convAttributes(a)), 'logical');
    return;
  }
  const s = extents(x.shape, w.shape, a);
  const { emit, takes } = choose('conv2d', s, e);
  e.defer(y, takes, (epilogue) => emit(e, s, operand(e, x), operand(e, w), epilogue));
}

/** dY as a product per channel, where its factors are cheaper to apply to the weights: those are fewer by far. */
function scaledGradient(dy: Value, weights: Shape, e: Emitter): Scaled | undefined {
  return sizeOf(dy.shape) >= 4 * sizeOf(weights) ? e.scaled(dy) : undefined;
}

/** Weights, or their gradient, times a number per filter. */
const perFilter = (e: Emitter, weights: string, factors: string, filters: number) =>
  e.emit('Mul', [weights, e.reshape(factors, [filters, 1, 1, 1])]);

function inputGradient(
  { inputs: [dy, w], outputs: [dx], attributes: a }: NodeOf<'conv2dInputGradient'>,
  e: Emitter,
): void {
  const s = extents(a.inputShape, w.shape, a);
  const { emit } = choose('conv2dInputGradient', s, e);
  const scaled = scaledGradient(dy, w.shape, e);
  const made = scaled
    ? emit(
        e,
        s,
        () => scaled.name,
        (layout) => perFilter(e, e.use(w, layout), scaled.factors, s.o),
        {},
      )
    : emit(e, s, operand(e, dy), operand(e, w), {});
  e.define(dx, made, CHANNELS_FIRST);
}

function weightGradient(
  { inputs: [x, dy], outputs: [dw], attributes: a }: NodeOf<'conv2dWeightGradient'>,
  e: Emitter,
): void {
  const s = extents(x.shape, a.weightShape, a);
  const { emit } = choose('conv2dWeightGradient', s, e);
  const scaled = scaledGradient(dy, a.weightShape, e);
  const made = emit(e, s, operand(e, x), scaled ? () => scaled.name : operand(e, dy), {});
  e.define(dw, scaled ? perFilter(e, made, scaled.factors, s.o) : made, WEIGHT_ROWS);
}

export const convRules = {
  conv2d,
  conv2dInputGradient: inputGradient,
  conv2dWeightGradient: weightGradient,
} satisfies { [O in Op]?: LowerRule<O> };
