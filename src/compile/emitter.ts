/**
 * Collects ONNX nodes while a graph is lowered, and knows under which name and in which layout each value
 * of the graph is to be had. Rules (`rules/`) ask for operands in the layout they want and say in which one
 * their result is.
 */
import type { Node, Value } from '../graph/graph.ts';
import type { OnnxAttribute, OnnxNode } from '../onnx/model.ts';
import { type Shape, type Tensor, tensor, zeros } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import type { Extents } from './conv/extents.ts';
import {
  CHANNELS_FIRST,
  type Form,
  type Layout,
  movesNothing,
  permutationBetween,
  physicalShape,
} from './layout.ts';
import type { ValueType } from './shapes.ts';
import { type ConvOp, type Formulations, shapeKey } from './tune.ts';

interface Placed {
  readonly name: string;
  readonly layout: Layout;
}

export type Attributes = Record<string, OnnxAttribute>;

/** An activation that the runtime's convolutions can apply to what they write. */
export interface Activation {
  readonly name: 'Relu' | 'Clip' | 'LeakyRelu';
  readonly parameters: readonly number[];
}

/** What is done to a result while it is written, in this order. */
export interface Epilogue {
  /** A number per channel, [C], is added. */
  readonly bias?: string;
  /** Another image of the same layout is added. */
  readonly plus?: string;
  readonly activation?: Activation;
}

/** Makes a value that nobody has used yet. */
export type Make = (epilogue: Epilogue) => string;

interface Deferred {
  /** What the maker can do besides. */
  readonly takes: readonly (keyof Epilogue)[];
  readonly make: Make;
}

/** An image in channels-first memory and a number per channel that it is yet to be multiplied by. */
export interface Scaled {
  readonly name: string;
  readonly factors: string;
}

export interface EmitterOptions {
  readonly form: Form;
  readonly layouts: ReadonlyMap<Value, Layout>;
  /** How often a value is read, by nodes and as an output. */
  readonly uses: ReadonlyMap<Value, number>;
  /** When set, the first extent of every value that has this extent is written as symbolic. */
  readonly symbolicBatch?: number;
  /** Channels in a block of the runtime's blocked kernels; 0 where there are none. */
  readonly channelBlock?: number;
  readonly formulations?: Formulations;
  /** Whether images may stay in blocks between operators (`LowerOptions.blockedImages`). */
  readonly blockedImages?: boolean;
}

export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly form: Form;
  readonly layouts: ReadonlyMap<Value, Layout>;
  readonly symbolicBatch: number | undefined;
  /** Channels in a block of the runtime's blocked kernels; 0 where there are none. */
  readonly channelBlock: number;
  /** Whether images may stay in blocks between operators. */
  readonly blockedImages: boolean;
  /** Names of the same images in blocks, [1, C, N H, W] to the runtime, by their names as [C, N, H, W]. */
  readonly #blocks = new Map<string, string>();
  readonly #made = new Set<string>();
  readonly #uses: ReadonlyMap<Value, number>;
  readonly #formulations: Formulations;
  readonly #places = new Map<Value, Placed[]>();
  readonly #deferred = new Map<Value, Deferred>();
  readonly #scaled = new Map<Value, Scaled>();
  readonly #constants = new Map<string, string>();
  #scope = '';
  #count = 0;

  constructor(options: EmitterOptions) {
    this.form = options.form;
    this.layouts = options.layouts;
    this.symbolicBatch = options.symbolicBatch;
    this.channelBlock = options.channelBlock ?? 0;
    this.blockedImages = options.blockedImages ?? false;
    this.#uses = options.uses;
    this.#formulations = options.formulations ?? new Map();
  }

  /** The name of the formulation that was measured to be fastest for an op and a shape, if any was. */
  choice(op: ConvOp, s: Extents): string | undefined {
    return this.#formulations.get(shapeKey(op, s));
  }

  /** Names of the nodes that follow begin with the layer of `node`. */
  enter(node: Node): void {
    this.#scope = node.scope || node.op;
  }

  layoutOf(value: Value): Layout {
    return this.layouts.get(value) ?? 'logical';
  }

  /** Whether any node or output needs `value`; a second result that nobody reads need not be made. */
  isUsed(value: Value): boolean {
    return this.#uses.has(value);
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
    for (const name of names) this.#made.add(name);
    this.nodes.push({ op, domain, name: `${this.#scope}/${op}_${id}`, inputs, outputs: names, attributes });
    return names;
  }

  /** Emits an operator with one output. */
  emit(op: string, inputs: readonly string[], attributes: Attributes = {}, domain = ''): string {
    return this.emitAll(op, inputs, attributes, 1, domain)[0];
  }

  /** Whether an operator emitted here makes `name`. */
  isMade(name: string): boolean {
    return this.#made.has(name);
  }

  /** Says that the image `name`, [C, N, H, W], is to be had in blocks too, as [1, C, N H, W] to the runtime. */
  rememberBlocks(name: string, blocks: string): void {
    if (this.blockedImages) this.#blocks.set(name, blocks);
  }

  /** The image `name` in blocks, if it is to be had so. */
  blocksOf(name: string): string | undefined {
    return this.#blocks.get(name);
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

  /** A float32 vector of zeros, shared between uses. */
  zeros(count: number): string {
    return this.#shared(`zeros:${count}`, () => zeros('float32', [count]));
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

  /** One value after another along an axis of the memory order. */
  concat(parts: readonly string[], axis: number): string {
    return parts.length === 1 ? parts[0] : this.emit('Concat', parts, { axis: { int: axis } });
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

  /**
   * Says how the image `value` is made, as [C, N, H, W], when somebody first uses it. Until then whoever is its only
   * reader can have it made with more done to it, which saves a pass over memory. An image that is to lie otherwise,
   * or whose maker can do nothing more, is made at once.
   */
  defer(value: Value, takes: readonly (keyof Epilogue)[], make: Make): void {
    if (takes.length === 0 || this.layoutOf(value) !== CHANNELS_FIRST) {
      this.define(value, make({}), CHANNELS_FIRST);
      return;
    }
    const scope = this.#scope;
    const inItsScope: Make = (epilogue) => {
      const now = this.#scope;
      this.#scope = scope;
      const made = make(epilogue);
      this.#scope = now;
      return made;
    };
    this.#deferred.set(value, { takes, make: inItsScope });
  }

  /**
   * Says that the image `value` is `name`, [C, N, H, W], times one of `factors`, [C], per channel. The product is
   * made for whoever reads the value; a convolution's gradients can take the factors into their weights instead.
   */
  defineScaled(value: Value, name: string, factors: string): void {
    this.#scaled.set(value, { name, factors });
  }

  /** What `value` is a product of, if that has not been made and it is read only once. */
  takeScaled(value: Value): Scaled | undefined {
    return this.#uses.get(value) === 1 && !this.#places.has(value) ? this.#scaled.get(value) : undefined;
  }

  /** What `value` was said to be a product of. */
  scaled(value: Value): Scaled | undefined {
    return this.#scaled.get(value);
  }

  /** How to make `value` with `kind` done to it, if it has not been made and is read only once. */
  take(value: Value, kind: keyof Epilogue): Deferred | undefined {
    const deferred = this.#deferred.get(value);
    if (!deferred?.takes.includes(kind) || this.#uses.get(value) !== 1) return undefined;
    this.#deferred.delete(value);
    return deferred;
  }

  /** Types of the values of the graph, by the names under which they are to be had. */
  types(): Map<string, ValueType> {
    return new Map(
      [...this.#places].flatMap(([{ dtype, shape }, places]) =>
        places.map(({ name, layout }) => [name, { dtype, shape: physicalShape(shape, layout) }] as const),
      ),
    );
  }

  /** The name of `value` in `layout` (its assigned one unless another is wanted), transposed if need be. */
  use(value: Value, layout: Layout = this.layoutOf(value)): string {
    const deferred = this.#deferred.get(value);
    if (deferred) {
      this.#deferred.delete(value);
      this.define(value, deferred.make({}));
    }
    const scaled = this.#scaled.get(value);
    if (scaled && !this.#places.has(value)) {
      const factors = this.reshape(scaled.factors, [value.shape[1], 1, 1, 1]);
      this.define(value, this.emit('Mul', [scaled.name, factors]), CHANNELS_FIRST);
    }
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
