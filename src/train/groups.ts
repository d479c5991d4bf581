/** Groups of parameters: who decays, who learns faster, who does not learn at all. */
import type { Variable } from '../nn/network.ts';

/** What is different for the parameters that `matches` accepts. A parameter may be in several groups. */
export interface ParameterGroup {
  readonly matches: (variable: Variable) => boolean;
  /** Factor on the learning rate, for example 10 for a new classifier. Factors of several groups multiply. */
  readonly learningRate?: number;
  /** Factor on the weight decay; 0: none. Factors of several groups multiply. */
  readonly weightDecay?: number;
  /** Neither trained nor differentiated: layers that only frozen ones precede have no backward graph. */
  readonly frozen?: boolean;
}

/** Scales and shifts of norms, and biases: the parameters that are vectors. */
export const isNormOrBias = ({ shape }: Variable): boolean => shape.length <= 1;

/** The usual group without weight decay (for example He et al., arXiv 1812.01187, section 3.1). */
export const NO_DECAY_ON_NORM_AND_BIAS: ParameterGroup = { matches: isNormOrBias, weightDecay: 0 };

/** What the groups say of one parameter together. */
export interface Treatment {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly frozen: boolean;
}

export function treatmentOf(variable: Variable, groups: readonly ParameterGroup[]): Treatment {
  const mine = groups.filter(({ matches }) => matches(variable));
  return {
    learningRate: mine.reduce((product, group) => product * (group.learningRate ?? 1), 1),
    weightDecay: mine.reduce((product, group) => product * (group.weightDecay ?? 1), 1),
    frozen: mine.some(({ frozen }) => frozen),
  };
}
