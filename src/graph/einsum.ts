/** Einstein's summation, composed of transpositions and one matrix product per pair of operands. */
import { sizeOf } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import { expand, matmul, mul, reshape, sum, transpose } from './build.ts';
import type { Value } from './graph.ts';

/** A value whose axes have labels. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/**
 * NumPy's `einsum`: `einsum('bhqd,bhkd->bhqk', queries, keys)`. Labels are letters, `...` stands for the axes before
 * or between them, spaces do not count; without `->` the labels that occur once are the result's, in alphabetical
 * order. Axes of one entry broadcast. Operands are contracted from left to right.
 * @throws UserError EINSUM when the equation does not fit the operands, or repeats a label within one of them
 */
export function einsum(equation: string, ...values: readonly Value[]): Value {
  const { operands, result } = parse(equation, values);
  let [left] = operands;
  operands.slice(1).forEach((right, index) => {
    const later = new Set([...result, ...operands.slice(index + 2).flatMap(({ labels }) => labels)]);
    left = contract(left, right, later);
  });
  return arranged(summed(left, new Set(result)), result);
}

/** Says what is wrong with an equation. */
type Refuse = (reason: string) => never;

function parse(equation: string, values: readonly Value[]): { operands: Labelled[]; result: string[] } {
  const refuse: Refuse = (reason) => {
    const shapes = values.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ');
    throw new UserError(
      'EINSUM',
      `The summation "${equation}" of values of shape ${shapes} ${reason}.`,
      'Write one label per axis, for example "bhqd,bhkd->bhqk".',
    );
  };
  const [inputs, output, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = inputs.split(',');
  const isTerm = (term: string) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term);
  if (more.length > 0 || ![...terms, output ?? ''].every(isTerm)) refuse('cannot be read');
  if (terms.length !== values.length) refuse(`names ${terms.length} operands`);
  const operands = terms.map((term, index) => labelled(term, values[index], index + 1, refuse));
  requireExtents(operands, refuse);
  return { operands, result: resultOf(output, operands, refuse) };
}

function labelled(term: string, value: Value, place: number, refuse: Refuse): Labelled {
  const labels = labelsOf(term, value.shape.length);
  if (labels.length !== value.shape.length) refuse(`names the axes ${term} of operand ${place}`);
  if (new Set(labels).size !== labels.length) refuse(`repeats a label in operand ${place}`);
  return { value, labels };
}

function requireExtents(operands: readonly Labelled[], refuse: Refuse): void {
  for (const label of new Set(operands.flatMap(({ labels }) => labels))) {
    const long = new Set(
      operands.map((operand) => extentOf(operand, label)).filter((extent) => extent !== 1),
    );
    if (long.size > 1) refuse(`gives ${label} the extents ${[...long].join(' and ')}`);
  }
}

function resultOf(output: string | undefined, operands: readonly Labelled[], refuse: Refuse): string[] {
  const all = operands.flatMap(({ labels }) => labels);
  const unnamed = [...new Set(all.filter(isUnnamed))].sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  if (output === undefined) {
    const once = all.filter((label) => !isUnnamed(label) && all.indexOf(label) === all.lastIndexOf(label));
    return [...unnamed, ...once.sort()];
  }
  const result = labelsOf(output, output.replace('...', '').length + unnamed.length);
  if (result.some((label) => !all.includes(label)))
    refuse('has a result with other labels than its operands');
  if (new Set(result).size !== result.length) refuse('repeats a label in its result');
  return result;
}

/** `a...b` with five axes: a, .3, .2, .1, b. Unnamed axes count from the last, by which they broadcast. */
function labelsOf(term: string, rank: number): string[] {
  if (!term.includes('...')) return [...term];
  const [before, after] = term.split('...');
  const count = Math.max(rank - before.length - after.length, 0);
  return [...before, ...Array.from({ length: count }, (_, i) => `.${count - i}`), ...after];
}

const isUnnamed = (label: string) => label.startsWith('.');

const extentOf = ({ value, labels }: Labelled, label: string) => value.shape[labels.indexOf(label)] ?? 1;

/** Summed over the axes that are not `wanted`. */
function summed({ value, labels }: Labelled, wanted: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((label, axis) => (wanted.has(label) ? [] : [axis]));
  if (axes.length === 0) return { value, labels };
  return { value: sum(value, axes), labels: labels.filter((label) => wanted.has(label)) };
}

/** With its axes in the order of `labels`; axes that it does not have get one entry. */
function arranged(operand: Labelled, labels: readonly string[]): Value {
  const present = labels.filter((label) => operand.labels.includes(label));
  const permutation = present.map((label) => operand.labels.indexOf(label));
  const isInOrder = permutation.every((axis, position) => axis === position);
  const turned = isInOrder ? operand.value : transpose(operand.value, permutation);
  if (present.length === labels.length) return turned;
  return reshape(
    turned,
    labels.map((label) => extentOf(operand, label)),
  );
}

/** The product of two operands, summed over the labels that neither the result nor an operand behind them needs. */
function contract(first: Labelled, second: Labelled, later: ReadonlySet<string>): Labelled {
  const a = summed(first, new Set([...later, ...second.labels]));
  const b = summed(second, new Set([...later, ...first.labels]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const inner = shared.filter((label) => !later.has(label));
  const batch = shared.filter((label) => later.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  if (inner.length === 0) return { value: mul(arranged(a, labels), arranged(b, labels)), labels };
  const left = matrices(a, b, batch, rows, inner);
  const right = matrices(b, a, batch, columns, inner);
  const product = matmul(left.value, right.value, {
    transposeA: left.isTurned,
    transposeB: !right.isTurned,
  });
  const extent = (label: string) => Math.max(extentOf(a, label), extentOf(b, label));
  return { value: reshape(product, labels.map(extent)), labels };
}

/** [batch, own, inner] as matrices; `isTurned`: [batch, inner, own], where it lies so already. */
function matrices(
  operand: Labelled,
  other: Labelled,
  batch: readonly string[],
  own: readonly string[],
  inner: readonly string[],
): { value: Value; isTurned: boolean } {
  const liesTurned = [...batch, ...inner, ...own].every((label, axis) => operand.labels[axis] === label);
  const isTurned = liesTurned && own.length > 0;
  const order = isTurned ? [...batch, ...inner, ...own] : [...batch, ...own, ...inner];
  const shape = order.map((label) => Math.max(extentOf(operand, label), extentOf(other, label)));
  const value = arranged(operand, order);
  const whole = value.shape.every((extent, axis) => extent === shape[axis]) ? value : expand(value, shape);
  const [count, wide, deep] = [batch, own, inner].map((part) =>
    sizeOf(part.map((label) => Math.max(extentOf(operand, label), extentOf(other, label)))),
  );
  const matrix = isTurned ? [deep, wide] : [wide, deep];
  return { value: reshape(whole, batch.length === 0 ? matrix : [count, ...matrix]), isTurned };
}
