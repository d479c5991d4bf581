/**
 * A network while its graph is being built: it makes the parameters and buffers that layers ask for, as
 * inputs of the graph, and remembers their names (the checkpoint keys), shapes and initial values.
 */
import type { Graph, Value } from '../graph/graph.ts';
import type { Shape } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import type { Initializer } from './init.ts';

/**
 * How batch normalisation behaves in training. `batch`: with the statistics of the batch that the graph holds.
 * `frozen`: with the stored ones, as at inference. `ghost`: with statistics of each `size` successive images alone,
 * as if each lot were on a device of its own (Hoffer et al., arXiv 1705.08741). `synchronised`: with those of the
 * whole batch, however a training step divides it.
 */
export type NormPhase =
  | 'batch'
  | 'frozen'
  | 'synchronised'
  | { readonly kind: 'ghost'; readonly size: number };

export interface Phase {
  /** `train`: dropout is active. */
  readonly mode: 'train' | 'inference';
  /** The same for all norms, or by the name of the layer. Ignored at inference, where stored statistics are used. */
  readonly norm: NormPhase | ((layer: string) => NormPhase);
}

export const TRAIN: Phase = { mode: 'train', norm: 'batch' };
export const INFERENCE: Phase = { mode: 'inference', norm: 'frozen' };

/** What ablations switch for a whole network; what is absent is as the layers say. */
export interface NetworkSwitches {
  /** What stands where an architecture has batch norms: they, or group norms. */
  readonly norm?: 'batch' | 'group';
  /** Whether norms have a trained scale (gamma). */
  readonly gamma?: boolean;
  /** Rate of the dropout before the classifier; 0: no dropout anywhere in the network. */
  readonly dropout?: number;
  /** Whether auxiliary classifiers branch off where the architecture has them; absent: no. */
  readonly auxiliary?: boolean;
}

/** A parameter (trained) or buffer (running statistic) that a layer declared. */
export interface Variable {
  readonly name: string;
  readonly kind: 'parameter' | 'buffer';
  readonly shape: Shape;
  readonly initializer: Initializer;
  readonly value: Value;
}

export class Network {
  readonly #variables = new Map<string, Variable>();
  /** Batch statistics of each train-mode batch norm: buffer name -> statistic of this batch. */
  readonly batchStatistics = new Map<string, Value>();
  /** Logits [N, K] of auxiliary classifiers, whose losses a training step adds with their weights. */
  readonly auxiliaryLogits: { readonly logits: Value; readonly weight: number }[] = [];
  #switches: NetworkSwitches = {};

  constructor(
    readonly graph: Graph,
    readonly phase: Phase,
  ) {}

  get switches(): NetworkSwitches {
    return this.#switches;
  }

  /** What `build` makes with `switches`; what is switched around it has precedence. */
  switched<T>(switches: NetworkSwitches, build: () => T): T {
    const outer = this.#switches;
    this.#switches = { ...switches, ...outer };
    try {
      return build();
    } finally {
      this.#switches = outer;
    }
  }

  /** How the batch norm of a layer behaves. */
  normPhase(layer: string): NormPhase {
    const { mode, norm } = this.phase;
    if (mode === 'inference') return 'frozen';
    return typeof norm === 'function' ? norm(layer) : norm;
  }

  /** A trained variable. Its name is its checkpoint key. */
  parameter(name: string, shape: Shape, initializer: Initializer): Value {
    return this.#declare('parameter', name, shape, initializer);
  }

  /** A variable that is carried along but not trained. */
  buffer(name: string, shape: Shape, initializer: Initializer): Value {
    return this.#declare('buffer', name, shape, initializer);
  }

  /** Parameters and buffers in the order of declaration. */
  get variables(): readonly Variable[] {
    return [...this.#variables.values()];
  }

  #declare(kind: Variable['kind'], name: string, shape: Shape, initializer: Initializer): Value {
    invariant(!this.#variables.has(name), `variable "${name}" declared twice`);
    const role = kind === 'parameter' ? 'parameter' : 'state';
    const value = this.graph.input(name, shape, { role });
    this.#variables.set(name, { name, kind, shape, initializer, value });
    return value;
  }
}
