/**
 * Lowering: the nodes that the wanted outputs need become one ONNX model (opset 17). Parameters and state are
 * ordinary inputs and outputs; who carries them from step to step is the runtime's business.
 */
import type { Node, NodeOf, Value } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { reachable } from '../graph/specialize.ts';
import { modelOf, type OnnxModel, type OnnxNode, type OnnxValueInfo } from '../onnx/model.ts';
import type { DType, Shape } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { Emitter } from './emitter.ts';
import { assignLayouts, type Form, type Layout, physicalShape } from './layout.ts';
import { batchNormRules } from './rules/batch-norm.ts';
import { convRules } from './rules/conv.ts';
import { elementwiseRules } from './rules/elementwise.ts';
import { imageRules } from './rules/image.ts';
import { normalizationRules } from './rules/normalization.ts';
import { resampleRules } from './rules/resample.ts';
import { selectionRules } from './rules/selection.ts';
import { shapeRules } from './rules/shape.ts';
import type { ValueType } from './shapes.ts';
import type { Formulations } from './tune.ts';

export type LowerRule<O extends Op> = (node: NodeOf<O>, emitter: Emitter) => void;

/** A graph input or output as the ONNX model has it. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  /** In the order of the graph's axes. */
  readonly shape: Shape;
  /** How it lies in memory. */
  readonly layout: Layout;
}

export interface LoweredModel {
  readonly model: OnnxModel;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Inputs that the runtime fills with uniform random numbers; the name is the generator's key. */
  readonly randoms: readonly Port[];
  /** Types of those values of the model that are values of the graph. */
  readonly types: ReadonlyMap<string, ValueType>;
}

export interface LowerOptions {
  readonly form: Form;
  /** The batch size to write as the symbolic extent `N` (inference form). */
  readonly symbolicBatch?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Channels in a block of the runtime's blocked kernels, which the training form then uses. */
  readonly channelBlock?: number;
  /** What was measured to be fastest here; what it does not have takes the usual formulation. */
  readonly formulations?: Formulations;
  /**
   * Whether images may stay in the blocks of one operator for the next (training form). For graphs without a
   * gradient: in training it would keep images in two layouts from the forward pass to the backward pass.
   */
  readonly blockedImages?: boolean;
  /** Outputs that another model of the same graph computes: layouts are chosen for both, so that values agree. */
  readonly alongside?: ReadonlyMap<string, Value>;
}

const source = () => {
  throw new Error('internal: sources are placed before lowering');
};

const RULES: { [O in Op]: LowerRule<O> } = {
  input: source,
  constant: source,
  random: source,
  ...elementwiseRules,
  ...shapeRules,
  ...convRules,
  ...imageRules,
  ...batchNormRules,
  ...normalizationRules,
  ...selectionRules,
  ...resampleRules,
};

/** Lowers what `outputs` (name -> value) need of their graph. Inputs they do not need of the graph are left out. */
export function lower(outputs: ReadonlyMap<string, Value>, options: LowerOptions): LoweredModel {
  const nodes = reachable([...outputs.values()]);
  const both = options.alongside ? reachable([...outputs.values(), ...options.alongside.values()]) : nodes;
  const emitter = new Emitter({
    ...options,
    layouts: assignLayouts(both, options.form, options.blockedImages),
    uses: countUses(nodes, outputs),
  });
  const ports: { inputs: Port[]; randoms: Port[] } = { inputs: [], randoms: [] };
  for (const node of nodes) {
    if (!placeSource(node, emitter, ports)) {
      emitter.enter(node);
      (RULES[node.op] as LowerRule<typeof node.op>)(node as never, emitter);
    }
  }
  const named = nameOutputs(emitter, outputs);
  checkNames([...ports.inputs, ...ports.randoms, ...named.ports]);
  const read = new Set(named.nodes.flatMap((node) => node.inputs));
  const info = (port: Port): OnnxValueInfo => ({
    name: port.name,
    dtype: port.dtype,
    shape: physicalShape(port.shape, port.layout).map((extent, axis) =>
      axis === 0 && extent === options.symbolicBatch ? 'N' : extent,
    ),
  });
  const graph = {
    name: 'transferlab',
    nodes: named.nodes,
    initializers: new Map([...emitter.initializers].filter(([name]) => read.has(name))),
    inputs: [...ports.inputs, ...ports.randoms].map(info),
    outputs: named.ports.map(info),
  };
  const model = modelOf(graph, options.metadata);
  return { model, ...ports, outputs: named.ports, types: emitter.types() };
}

function checkNames(ports: readonly Port[]): void {
  const names = new Set<string>();
  for (const { name } of ports) {
    invariant(!names.has(name) && !name.startsWith('#'), `name "${name}" is given twice or begins with #`);
    names.add(name);
  }
}

function countUses(nodes: readonly Node[], outputs: ReadonlyMap<string, Value>): Map<Value, number> {
  const uses = new Map<Value, number>();
  const readers = [...nodes.flatMap((node) => node.inputs), ...outputs.values()];
  for (const value of readers) uses.set(value, (uses.get(value) ?? 0) + 1);
  return uses;
}

function placeSource(node: Node, emitter: Emitter, ports: { inputs: Port[]; randoms: Port[] }): boolean {
  const [value] = node.outputs;
  const { dtype, shape } = value;
  const layout = emitter.layoutOf(value);
  if (node.op === 'input') {
    ports.inputs.push({ name: node.attributes.name, dtype, shape, layout });
    emitter.define(value, node.attributes.name);
  } else if (node.op === 'random') {
    ports.randoms.push({ name: node.attributes.key, dtype, shape, layout });
    emitter.define(value, node.attributes.key);
  } else if (node.op === 'constant') {
    emitter.define(value, emitter.constant(node.attributes.value), 'logical');
  } else {
    return false;
  }
  return true;
}

/**
 * Gives each output its name where it is made, since an Identity behind it would be a full copy; only what
 * has a name already (an input, a constant, a value wanted twice) is copied.
 */
function nameOutputs(
  emitter: Emitter,
  outputs: ReadonlyMap<string, Value>,
): { nodes: OnnxNode[]; ports: Port[] } {
  const renamed = new Map<string, string>();
  const ports: Port[] = [];
  for (const [name, value] of outputs) {
    const layout = emitter.layoutOf(value);
    const made = emitter.use(value, layout);
    const producer = emitter.isMade(made);
    if (producer && !renamed.has(made)) renamed.set(made, name);
    else renamed.set(emitter.emit('Identity', [made]), name);
    ports.push({ name, dtype: value.dtype, shape: value.shape, layout });
  }
  invariant(renamed.size === outputs.size, 'an output was renamed twice');
  const rename = (name: string) => renamed.get(name) ?? name;
  const nodes = emitter.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
  return { nodes: neededFor(new Set(outputs.keys()), nodes), ports };
}

/** The nodes that the outputs need: images that stay in blocks have been brought out of them for nobody. */
function neededFor(outputs: ReadonlySet<string>, nodes: readonly OnnxNode[]): OnnxNode[] {
  const needed = new Set(outputs);
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}
