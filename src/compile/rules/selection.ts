/** Lowering of gathering, scattering and sorting, and of what keeps the best boxes. */
import type { NodeOf, Value } from '../../graph/graph.ts';
import type { Op, ScatterReduction } from '../../graph/ops.ts';
import { float32, tensor } from '../../tensor/tensor.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import { physicalAxis } from '../layout.ts';
import type { LowerRule } from '../lower.ts';

const INT64 = { to: { int: 7 } };

function gather({ inputs: [x, indices], outputs: [y], attributes }: NodeOf<'gather'>, e: Emitter): void {
  const layout = indices.shape.length === 1 ? e.layoutOf(y) : 'logical';
  const axis = { int: physicalAxis(attributes.axis, layout) };
  e.define(y, e.emit('Gather', [e.use(x, layout), e.use(indices, 'logical')], { axis }), layout);
}

function gatherElements({ inputs, outputs: [y], attributes }: NodeOf<'gatherElements'>, e: Emitter): void {
  const layout = e.layoutOf(y);
  const operands = inputs.map((value) => e.use(value, layout));
  e.define(
    y,
    e.emit('GatherElements', operands, { axis: { int: physicalAxis(attributes.axis, layout) } }),
    layout,
  );
}

const reductionOf = (reduction: ScatterReduction): Attributes => ({ reduction: { string: reduction } });

function scatterElements(
  { inputs, outputs: [y], attributes: { axis, reduction } }: NodeOf<'scatterElements'>,
  e: Emitter,
): void {
  const layout = e.layoutOf(y);
  const operands = inputs.map((value) => e.use(value, layout));
  const along = { axis: { int: physicalAxis(axis, layout) } };
  e.define(y, e.emit('ScatterElements', operands, { ...along, ...reductionOf(reduction) }), layout);
}

/** GatherND and ScatterND know no other indices. */
function wideIndices(indices: Value, e: Emitter): string {
  const name = e.use(indices, 'logical');
  return indices.dtype === 'int64' ? name : e.emit('Cast', [name], INT64);
}

function topK({ inputs: [x], outputs: [values, indices], attributes }: NodeOf<'topK'>, e: Emitter): void {
  const layout = e.layoutOf(values);
  const names = e.emitAll(
    'TopK',
    [e.use(x, layout), e.ints([attributes.k])],
    { axis: { int: physicalAxis(attributes.axis, layout) }, largest: { int: Number(attributes.largest) } },
    2,
  );
  e.define(values, names[0], layout);
  e.define(indices, names[1], layout);
}

/**
 * ONNX gives the kept boxes of all classes as rows (image, class, box), as many as there are. Each row's place in a
 * table of -1 is the start of its image and class plus its rank there, which is its number less the rows before.
 */
function nonMaxSuppression(
  { inputs: [boxes, scores], outputs: [y], attributes }: NodeOf<'nonMaxSuppression'>,
  e: Emitter,
): void {
  const [images, classes] = scores.shape;
  const { limit, overlap, minimumScore } = attributes;
  const groups = images * classes;
  const rows = groups * limit;
  const number = (value: number) => e.constant(float32([1], [value]));
  const operands = [e.use(boxes), e.use(scores), e.ints([limit]), number(overlap)];
  if (minimumScore !== Number.NEGATIVE_INFINITY) operands.push(number(minimumScore));
  const found = e.emit('NonMaxSuppression', operands);
  const none = e.emit('Expand', [e.reshape(e.ints([images, 0, -1]), [1, 3]), e.ints([rows, 3])]);
  const joined = e.emit('Concat', [found, none], { axis: { int: 0 } });
  const all = e.slice(joined, [0], [0], [rows]);
  const kept = e.reshape(e.slice(all, [1], [2], [3]), [rows]);
  e.define(
    y,
    e.reshape(groups === 1 ? kept : perGroup(e, all, kept, classes, groups, limit), y.shape),
    'logical',
  );
}

function perGroup(
  e: Emitter,
  all: string,
  kept: string,
  classes: number,
  groups: number,
  limit: number,
): string {
  const rows = groups * limit;
  const filled = (value: number, count: number) => e.emit('Expand', [e.ints([value]), e.ints([count])]);
  // image * classes + class; rows of the filler come to one group behind the last.
  const weighted = e.emit('Mul', [all, e.ints([classes, 1, 0])]);
  const group = e.emit('ReduceSum', [weighted, e.ints([1])], { keepdims: { int: 0 } });
  const counts = e.emit(
    'ScatterElements',
    [filled(0, groups + 1), group, filled(1, rows)],
    reductionOf('add'),
  );
  const axis = e.constant(tensor('int64', [], BigInt64Array.of(0n)));
  const starts = e.emit('CumSum', [counts, axis], { exclusive: { int: 1 } });
  const order = e.ints(Array.from({ length: rows }, (_, row) => row));
  const rank = e.emit('Sub', [order, e.emit('Gather', [starts, group])]);
  const place = e.emit('Add', [e.emit('Mul', [group, e.ints([limit])]), rank]);
  const inTable = e.emit('Min', [place, e.ints([rows])]);
  const table = e.emit('ScatterElements', [filled(-1, rows + 1), inTable, kept], { axis: { int: 0 } });
  return e.slice(table, [0], [0], [rows]);
}

export const selectionRules = {
  gather,
  gatherElements,
  scatterElements,
  gatherNd: ({ inputs: [x, indices], outputs: [y] }, e) =>
    e.define(y, e.emit('GatherND', [e.use(x, 'logical'), wideIndices(indices, e)]), 'logical'),
  scatterNd: ({ inputs: [x, indices, updates], outputs: [y], attributes: { reduction } }, e) => {
    const operands = [e.use(x, 'logical'), wideIndices(indices, e), e.use(updates, 'logical')];
    e.define(y, e.emit('ScatterND', operands, reductionOf(reduction)), 'logical');
  },
  topK,
  nonMaxSuppression,
} satisfies { [O in Op]?: LowerRule<O> };
