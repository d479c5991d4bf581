/**
 * Optimizers as graph: from a parameter, its gradient and the optimizer's slots to their next values. Learning rate
 * and weight decay are scalars of the graph, so that one compiled step serves every point of a hyper-parameter grid.
 *
 * On a processor an update is bound by memory, so formulas are arranged for few passes over full-size values: what
 * can be computed once on scalars is, and slots hold what saves a pass (said where they differ from the textbook).
 */
import { add, div, greater, minimum, mul, sqrt, step, sub, sum, where } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';

export interface SgdOptimizer {
  /** v' = m v + g + wd p;  p' = p - lr v', or with Nesterov p - lr (g + wd p + m v'), as PyTorch defines it. */
  readonly kind: 'sgd';
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default true where there is momentum. */
  readonly nesterov?: boolean;
}

/** Exponents of the moving averages of gradients and of their squares (0.9, 0.999), and the term in the root. */
interface Moments {
  readonly beta1?: number;
  readonly beta2?: number;
  /** Default 1e-8; of LAMB 1e-6. */
  readonly epsilon?: number;
}

export interface AdamOptimizer extends Moments {
  /** `adam`: decay is added to the gradient (Kingma & Ba, arXiv 1412.6980). `adamw`: to the update (1711.05101). */
  readonly kind: 'adam' | 'adamw';
}

export interface LarsOptimizer {
  /** You et al., arXiv 1708.03888: SGD whose rate is scaled per layer by trust |p| / (|g| + wd |p|). */
  readonly kind: 'lars';
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default 0.001. */
  readonly trust?: number;
}

export interface LambOptimizer extends Moments {
  /** You et al., arXiv 1904.00962, algorithm 2: AdamW whose update is scaled per layer by |p| / |update|. */
  readonly kind: 'lamb';
}

export type Optimizer = SgdOptimizer | AdamOptimizer | LarsOptimizer | LambOptimizer;

/** What the update of one parameter is made from. */
export interface UpdateInputs {
  readonly parameter: Value;
  readonly gradient: Value;
  /** In the order of the rule's slots. */
  readonly slots: readonly Value[];
  /** The advanced counters, in the order of the rule's counters. */
  readonly counters: readonly Value[];
  readonly learningRate: Value;
  /** Left out: the parameter does not decay. */
  readonly weightDecay?: Value;
  /** Whether LARS and LAMB scale the rate of this parameter; norms and biases are usually left as they are. */
  readonly adapt: boolean;
}

/** The next values of a parameter and of its slots, in their order. */
export interface Update {
  readonly parameter: Value;
  readonly slots: readonly Value[];
}

export interface OptimizerRule {
  /** Names of the values of a parameter's shape that are kept for every parameter; zero before the first step. */
  readonly slots: readonly string[];
  /** Scalars that are carried from step to step, zero before the first: name -> the next value. */
  readonly counters: ReadonlyMap<string, (value: Value) => Value>;
  update(inputs: UpdateInputs): Update;
}

export function optimizerRule(optimizer: Optimizer): OptimizerRule {
  switch (optimizer.kind) {
    case 'sgd':
      return sgd(optimizer);
    case 'lars':
      return lars(optimizer);
    case 'adam':
    case 'adamw':
      return adam(optimizer);
    case 'lamb':
      return lamb(optimizer);
  }
}

/** g + wd p, or g where there is no decay. */
function decayed({ parameter, gradient, weightDecay }: UpdateInputs): Value {
  return weightDecay ? add(gradient, mul(parameter, weightDecay)) : gradient;
}

/** p (1 - lr wd), or p where there is no decay. */
function decoupled({ parameter, learningRate, weightDecay }: UpdateInputs): Value {
  return weightDecay
    ? mul(parameter, sub(parameter.graph.scalar(1), mul(learningRate, weightDecay)))
    : parameter;
}

/**
 * The slot is m v, the share of the velocity that the next step takes over: with d = g + wd p, v' = slot + d and
 * slot' = m v', Nesterov's update is p' = p - lr (d + slot'), one pass less than from v.
 */
function sgd({ momentum = 0.9, nesterov = momentum > 0 }: SgdOptimizer): OptimizerRule {
  if (momentum === 0) {
    const update = (inputs: UpdateInputs): Update => ({
      parameter: sub(decoupled(inputs), mul(inputs.gradient, inputs.learningRate)),
      slots: [],
    });
    return { slots: [], counters: new Map(), update };
  }
  return {
    slots: ['velocity'],
    counters: new Map(),
    update(inputs) {
      const direction = decayed(inputs);
      const velocity = add(inputs.slots[0], direction);
      const kept = mul(velocity, momentum);
      const step = mul(nesterov ? add(direction, kept) : velocity, inputs.learningRate);
      return { parameter: sub(inputs.parameter, step), slots: [kept] };
    },
  };
}

/** v' = m v + lr lambda (g + wd p);  p' = p - v', with lambda = trust |p| / (|g| + wd |p|), or 1 where that is 0. */
function lars({ momentum = 0.9, trust = 0.001 }: LarsOptimizer): OptimizerRule {
  return {
    slots: ['velocity'],
    counters: new Map(),
    update(inputs) {
      const { parameter, gradient, weightDecay, learningRate, adapt, slots } = inputs;
      const size = norm(parameter);
      const bound = weightDecay ? add(norm(gradient), mul(size, weightDecay)) : norm(gradient);
      const rate = adapt ? mul(learningRate, ratioOrOne(mul(size, trust), bound)) : learningRate;
      const velocity = add(mul(slots[0], momentum), mul(decayed(inputs), rate));
      return { parameter: sub(parameter, velocity), slots: [velocity] };
    },
  };
}

/**
 * The moving averages of gradients and squared gradients. The slots are the averages of the papers divided by
 * 1 - beta: M' = beta1 M + g and V' = beta2 V + g^2 are a pass less each, and the factor is put into scalars.
 * The counters are 1 - beta^t: as c' = beta c + (1 - beta) they keep all digits, which powers of a step count would
 * not. `direction` is m^ / (sqrt v^ + epsilon) with the bias corrected m^ and v^, apart from the scalar `factor`.
 */
function moments({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: Moments) {
  const advance = (beta: number) => (value: Value) => add(mul(value, beta), 1 - beta);
  return {
    slots: ['firstMoment', 'secondMoment'],
    counters: new Map([
      ['correction1', advance(beta1)],
      ['correction2', advance(beta2)],
    ]),
    average(gradient: Value, slots: readonly Value[], [correction1, correction2]: readonly Value[]) {
      const first = add(mul(slots[0], beta1), gradient);
      const second = add(mul(slots[1], beta2), mul(gradient, gradient));
      // sqrt v^ = sqrt(V (1 - beta2) / correction2) = sqrt(V) / scale
      const scale = sqrt(mul(correction2, 1 / (1 - beta2)));
      const direction = div(first, add(sqrt(second), mul(scale, epsilon)));
      const factor = mul(div(scale, correction1), 1 - beta1);
      return { direction, factor, slots: [first, second] };
    },
  };
}

function adam(optimizer: AdamOptimizer): OptimizerRule {
  const { slots, counters, average } = moments(optimizer);
  const decayApart = optimizer.kind === 'adamw';
  return {
    slots,
    counters,
    update(inputs) {
      const gradient = decayApart ? inputs.gradient : decayed(inputs);
      const averaged = average(gradient, inputs.slots, inputs.counters);
      const step = mul(averaged.direction, mul(averaged.factor, inputs.learningRate));
      const kept = decayApart ? decoupled(inputs) : inputs.parameter;
      return { parameter: sub(kept, step), slots: averaged.slots };
    },
  };
}

/** u = m^ / (sqrt v^ + epsilon) + wd p;  p' = p - lr (|p| / |u|) u, with 1 for the ratio where a norm is 0. */
function lamb(optimizer: LambOptimizer): OptimizerRule {
  const { slots, counters, average } = moments({ ...optimizer, epsilon: optimizer.epsilon ?? 1e-6 });
  return {
    slots,
    counters,
    update(inputs) {
      const { parameter, gradient, learningRate, adapt } = inputs;
      const averaged = average(gradient, inputs.slots, inputs.counters);
      const direction = decayed({ ...inputs, gradient: mul(averaged.direction, averaged.factor) });
      const rate = adapt ? mul(learningRate, ratioOrOne(norm(parameter), norm(direction))) : learningRate;
      return { parameter: sub(parameter, mul(direction, rate)), slots: averaged.slots };
    },
  };
}

/** The Euclidean norm of all numbers of a value. */
const norm = (x: Value): Value => sqrt(sum(mul(x, x)));

/** a / b, or 1 where either is zero; neither is negative. */
function ratioOrOne(a: Value, b: Value): Value {
  const one = a.graph.scalar(1);
  const defined = greater(mul(step(a), step(b)), 0);
  return where(defined, div(a, where(defined, b, one)), one);
}

/**
 * The factor by which gradients are multiplied so that their joint Euclidean norm is at most `limit`:
 * min(1, limit / (norm + 1e-6)), as PyTorch's clip_grad_norm_. Also returns the norm before.
 */
export function globalNormFactor(gradients: readonly Value[], limit: number): { norm: Value; factor: Value } {
  const total = sqrt(gradients.map((gradient) => sum(mul(gradient, gradient))).reduce(add));
  const bound = gradients[0].graph.scalar(limit);
  return { norm: total, factor: minimum(div(bound, add(total, 1e-6)), 1) };
}

/** The moving average e' = decay e + (1 - decay) x, as e + (1 - decay) (x - e). */
export const movingAverage = (average: Value, x: Value, decay: number): Value =>
  add(average, mul(sub(x, average), 1 - decay));
