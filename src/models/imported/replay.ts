/** Runs nodes of an ONNX graph as functions of the IR, at any batch size, from given values to a wanted one. */
import type { Value } from '../../graph/graph.ts';
import type { Network } from '../../nn/index.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import { type Shape, sizeOf } from '../../tensor/tensor.ts';
import { invariant, UserError } from '../../util/errors.ts';
import { Call, type Lineage } from './call.ts';
import { foldOperands } from './fold.ts';
import type { FoldBudget } from './fold-call.ts';
import { guarded, isConstant, type Operand, requireAxes, titleOf, unsupported } from './operand.ts';
import type { Plan } from './plan.ts';
import { RULES } from './rules.ts';
import { NORMS } from './rules-norms.ts';

/** The ops that hold a network's weights: what comes before the first of them is preprocessing. */
const WEIGHT_OPS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Einsum', ...Object.keys(NORMS)]);

export class Replay {
  readonly #operands = new Map<string, Operand>();
  /** Names of values with a weight between them and the images. */
  readonly #learned = new Set<string>();
  /** Names of values that follow from the images. */
  readonly #ofImages = new Set<string>();
  readonly #budget: FoldBudget;

  constructor(
    readonly plan: Plan,
    readonly net: Network,
    readonly batch: number,
  ) {
    this.#budget = plan.budget.forReplay();
  }

  /** Gives the ONNX value `name`; what it is computed from is then not needed. */
  bind(name: string, value: Value, learned: boolean): void {
    this.#operands.set(name, value);
    this.#ofImages.add(name);
    if (learned) this.#learned.add(name);
  }

  /** A value that is bound or was computed on the way to another one. */
  find(name: string): Value | undefined {
    const operand = this.#operands.get(name);
    return operand && !isConstant(operand) ? operand : undefined;
  }

  /** Runs the nodes that `name` depends on, in the order of the file, which is topological. */
  value(name: string): Value {
    for (const node of this.#nodesFor(name)) {
      this.net.graph.scoped(node.name || node.outputs[0], () => this.#run(node));
    }
    const value = this.find(name);
    if (value) return value;
    throw new UserError(
      'ONNX_NOT_A_CLASSIFIER',
      `The value "${name}" does not depend on the image alone.`,
      'Give a network whose output follows from its image input.',
    );
  }

  #nodesFor(name: string): OnnxNode[] {
    const wanted = new Set([name]);
    const needed = this.plan.nodes.toReversed().filter((node) => {
      const isNeeded = node.outputs.some((output) => wanted.has(output) && !this.#operands.has(output));
      if (isNeeded) for (const input of node.inputs) wanted.add(input);
      return isNeeded;
    });
    return needed.toReversed();
  }

  #run(node: OnnxNode): void {
    const operands = node.inputs.map((name) => (name === '' ? undefined : this.#operand(name, node)));
    const lineage = {
      learned: node.inputs.some((name) => this.#learned.has(name)),
      ofImages: node.inputs.some((name) => this.#ofImages.has(name)),
    };
    const results = this.#evaluate(node, operands, lineage);
    node.outputs.forEach((name, index) => {
      if (!results[index]) return;
      this.#operands.set(name, results[index]);
      if (lineage.ofImages) this.#ofImages.add(name);
      if (lineage.learned || WEIGHT_OPS.has(node.op)) this.#learned.add(name);
    });
  }

  #operand(name: string, node: OnnxNode): Operand {
    const tensor = this.plan.constants.get(name);
    const operand = tensor ? { name, tensor } : this.#operands.get(name);
    if (operand) return operand;
    throw unsupported(node, `uses the value "${name}", which is not there at this point`);
  }

  #evaluate(
    node: OnnxNode,
    operands: readonly (Operand | undefined)[],
    lineage: Lineage,
  ): readonly Operand[] {
    if (this.plan.dropped.has(node)) {
      invariant(operands[0], `${titleOf(node)} has no operand`);
      return [operands[0]];
    }
    const computed = foldOperands(node, operands, this.plan.stored, this.#budget);
    if (computed) return computed;
    const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
    if (!rule) throw unsupported(node, 'is known for constants and shapes only, not for values of the image');
    const { opset, variables, fileBatch } = this.plan;
    const context = { net: this.net, opset, variables, batch: this.batch, fileBatch };
    const result = guarded(node, () => rule(new Call(node, context, operands, lineage)));
    const values: readonly Value[] = Array.isArray(result) ? result : [result as Value];
    for (const { shape } of values) requireExtents(node, shape);
    return values;
  }
}

/** More numbers than any value of a network has, for the batches that are replayed. */
const MOST_NUMBERS = 2 ** 46;

function requireExtents(node: OnnxNode, shape: Shape): void {
  requireAxes(node, shape);
  const legal = shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
  if (!legal || sizeOf(shape) > MOST_NUMBERS) {
    throw unsupported(node, `gives a value of the impossible shape [${shape.join(', ')}]`);
  }
}
