/**
 * Collects ONNX nodes while a graph is lowered, and knows under which name and in which layout each value
 * of the graph is to be had. Rules (`rules/`) ask for operands in the layout they want and say in which one
 * their result is.
 */
import type { Node, Value } from '../graph/graph.ts';
import type { OnnxAttribute, OnnxNode } from '../onnx/model.ts';
import { type Shape, type Tensor, tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { type Form, type Layout, movesNothing, permutationBetween, physicalShape } from './layout.ts';

interface Placed {
  readonly name: string;
  readonly layout: Layout;
}

export type Attributes = Record<string, OnnxAttribute>;

export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly #places = new Map<Value, Placed[]>();
  readonly #constants = new Map<string, string>();
  #scope = '';
  #count = 0;

  constructor(
    readonly form: Form,
    readonly layouts: ReadonlyMap<Value, Layout>,
    readonly used: ReadonlySet<Value>,
    /** When set, the first extent of every value that has this extent is written as symbolic. */
    readonly symbolicBatch: number | undefined,
  ) {}

  /** Names of the nodes that follow begin with the layer of `node`. */
  enter(node: Node): void {
    this.#scope = node.scope || node.op;
  }

  layoutOf(value: Value): Layout {
    return this.layouts.get(value) ?? 'logical';
  }

  /** Whether any node or output needs `value`; a second result that nobody reads need not be made. */
  isUsed(value: Value): boolean {
    return this.used.has(value);
  }

  /** Emits an ONNX operator and returns the names of its outputs, `#` and a number, which no layer is called. */
  emitAll(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs: number,
    domain = '',
  ): string[] {
    const id = this.#count++;
    const names = Array.from({ length: outputs }, (_, index) =>
      outputs === 1 ? `#${id}` : `#${id}.${index}`,
    );
    this.nodes.push({ op, domain, name: `${this.#scope}/${op}_${id}`, inputs, outputs: names, attributes });
    return names;
  }

  /** Emits an operator with one output. */
  emit(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.emitAll(op, inputs, attributes, 1)[0];
  }

  /** An int64 vector, shared between uses. */
  ints(values: readonly number[]): string {
    return this.#shared(`ints:${values}`, () =>
      tensor('int64', [values.length], BigInt64Array.from(values.map(BigInt))),
    );
  }

  /** A float32 scalar, shared between uses. */
  float(value: number): string {
    return this.#shared(`float:${value}`, () => tensor('float32', [], Float32Array.of(value)));
  }

  /** A constant tensor under a name of its own. */
  constant(value: Tensor): string {
    const name = `#${this.#count++}`;
    this.initializers.set(name, value);
    return name;
  }

  reshape(x: string, shape: Shape): string {
    return this.emit('Reshape', [x, this.ints(this.batched(shape))]);
  }

  /**
   * `shape` with -1, which in ONNX is what is left, in place of the extent that holds a symbolic batch: the batch
   * itself, or the batch times something where axes were merged.
   */
  batched(shape: Shape): Shape {
    const batch = this.symbolicBatch;
    if (batch === undefined) return shape;
    const merged = shape.findIndex((extent) => extent > 0 && extent % batch === 0);
    return shape.map((extent, axis) => (axis === merged ? -1 : extent));
  }

  /** The int64 vector `shape`; an extent that holds a symbolic batch is computed from the graph's input. */
  extents(shape: Shape): string {
    const batch = this.symbolicBatch;
    const holdsBatch = (extent: number) => batch !== undefined && extent > 0 && extent % batch === 0;
    if (batch === undefined || !shape.some(holdsBatch)) return this.ints(shape);
    const [input, place] = [...this.#places].find(
      ([{ node, shape }]) => node.op === 'input' && shape[0] === batch,
    ) ?? [undefined, []];
    invariant(input, 'a symbolic batch without an input that has it');
    const count = this.emit('Shape', [place[0].name], { start: { int: 0 }, end: { int: 1 } });
    const parts = shape.map((extent) => {
      if (!holdsBatch(extent)) return this.ints([extent]);
      return extent === batch ? count : this.emit('Mul', [count, this.ints([extent / batch])]);
    });
    return this.emit('Concat', parts, { axis: { int: 0 } });
  }

  transpose(x: string, permutation: readonly number[]): string {
    return this.emit('Transpose', [x], { perm: { ints: permutation } });
  }

  /** ONNX `Slice` with steps along some axes of the memory order. */
  slice(
    x: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: readonly number[],
  ): string {
    const operands = [x, this.ints(starts), this.ints(ends), this.ints(axes)];
    return this.emit('Slice', steps?.some((step) => step !== 1) ? [...operands, this.ints(steps)] : operands);
  }

  /** Zero padding (or another value) before and after each axis of the memory order; nothing when there is none. */
  pad(x: string, before: readonly number[], after: readonly number[], value = 0): string {
    if (![...before, ...after].some((n) => n !== 0)) return x;
    const operands = [x, this.ints([...before, ...after])];
    return this.emit('Pad', value === 0 ? operands : [...operands, this.float(value)]);
  }

  /** Says that `value` is to be had under `name`, in its assigned layout unless another is given. */
  define(value: Value, name: string, layout: Layout = this.layoutOf(value)): void {
    const places = this.#places.get(value);
    if (places) places.push({ name, layout });
    else this.#places.set(value, [{ name, layout }]);
  }

  /** The name of `value` in `layout` (its assigned one unless another is wanted), transposed if need be. */
  use(value: Value, layout: Layout = this.layoutOf(value)): string {
    const places = this.#places.get(value);
    invariant(places, `value of node ${value.node.id} (${value.node.op}) used before it was lowered`);
    const rank = value.shape.length;
    const ready = places.find((place) => !permutationBetween(place.layout, layout, rank));
    if (ready) return ready.name;
    const permutation = permutationBetween(places[0].layout, layout, rank)!;
    const here = physicalShape(value.shape, places[0].layout);
    const moved = movesNothing(here, permutation)
      ? this.reshape(places[0].name, physicalShape(value.shape, layout))
      : this.transpose(places[0].name, permutation);
    places.push({ name: moved, layout });
    return moved;
  }

  #shared(key: string, make: () => Tensor): string {
    let name = this.#constants.get(key);
    if (!name) {
      name = this.constant(make());
      this.#constants.set(key, name);
    }
    return name;
  }
}
