/** Stored arrays as variables of a network: their names, which are checkpoint keys, and the file's numbers. */
import type { Value } from '../../graph/graph.ts';
import type { Initializer, Network } from '../../nn/index.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Constant, unsupported } from './operand.ts';

/**
 * A variable has the name of its array. Two rules for arrays that several nodes use: kernels and matrices are
 * one variable (the network shares weights), while vectors are one variable per node, because optimizers of
 * ONNX files merge vectors that merely hold equal numbers, such as the untrained scales of batch norms.
 */
export class Variables {
  /** The file's numbers under each variable's name, for every variable declared so far. */
  readonly numbers = new Map<string, Tensor<'float32'>>();
  readonly #users = new Map<string, number>();
  readonly #renamed = new Map<string, string>();

  /** @param stored names under which the file stores arrays that it re-orders before their use */
  constructor(
    nodes: readonly OnnxNode[],
    private readonly stored: ReadonlyMap<string, string>,
  ) {
    for (const name of nodes.flatMap((node) => [...new Set(node.inputs)])) {
      this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    }
  }

  /** Gives a variable another name from now on. */
  rename(name: string, other: string): void {
    this.#renamed.set(name, other);
  }

  /** The name of the variable for `constant` as an operand of `node`. */
  nameOf({ name, tensor }: Constant, node: OnnxNode): string {
    const isVector = tensor.shape.filter((extent) => extent > 1).length <= 1;
    const shared = isVector && (this.#users.get(name) ?? 0) > 1;
    const said = shared ? `${name}/${node.outputs[0]}` : (this.stored.get(name) ?? name);
    // Such names are those of values that a compiled graph computes, as in files of our own.
    const own = said.startsWith('#') ? `array${said}` : said;
    return this.#renamed.get(own) ?? own;
  }

  /** The trained variable of `constant`; the same value again where the network shares it. */
  parameter(net: Network, constant: Constant, node: OnnxNode, initializer: Initializer): Value {
    const name = this.record(constant, node);
    const declared = net.variables.find((variable) => variable.name === name);
    return declared?.value ?? net.parameter(name, constant.tensor.shape, initializer);
  }

  /** Remembers the numbers of a variable that is declared elsewhere, and returns its name. */
  record(constant: Constant, node: OnnxNode): string {
    const { dtype, shape, data } = constant.tensor;
    if (dtype !== 'float32') throw unsupported(node, `has weights of type ${dtype} ("${constant.name}")`);
    const name = this.nameOf(constant, node);
    this.numbers.set(name, { dtype, shape, data: data as Float32Array });
    return name;
  }
}
