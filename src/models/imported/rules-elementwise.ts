/** Elementwise ONNX ops, and softmax. */
import {
  abs,
  add,
  clip,
  div,
  elu,
  equal,
  erf,
  exp,
  floor,
  gelu,
  greater,
  greaterEqual,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  pow as power,
  reciprocal,
  relu,
  reshape,
  round,
  sigmoid,
  softmax,
  softplus,
  sqrt,
  step,
  sub,
  tanh,
  where,
} from '../../graph/functions.ts';
import type { Value } from '../../graph/graph.ts';
import { dropout, type Initializer, onesInit, zerosInit } from '../../nn/index.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Call, Rule } from './call.ts';
import { axisOf, isConstant, unsupported } from './operand.ts';

/** The bounds of Clip and the like that stand for "no bound". */
const LARGEST = 3.4028234663852886e38;

const unary =
  (op: (x: Value) => Value): Rule =>
  (call) =>
    op(call.value(0));
const variadic =
  (op: (a: Value, b: Value) => Value): Rule =>
  (call) =>
    call.values().reduce((a, b) => op(a, b));

/**
 * Add or Mul: a stored array is a trained bias or scale, unless it is a single number or comes before every
 * weight (then it belongs to the preprocessing of the image).
 */
function affine(op: (a: Value, b: Value) => Value, initializer: Initializer): Rule {
  return (call) => {
    const [a, b] = [0, 1].map((index) => {
      const operand = call.operands[index];
      const trained =
        operand && isConstant(operand) && sizeOf(operand.tensor.shape) > 1 && call.lineage.learned;
      return trained ? call.weight(index, initializer) : call.value(index);
    });
    return op(a, b);
  };
}

function powRule(call: Call): Value {
  const x = call.value(0);
  const exponent = call.scalar(1);
  if (exponent === 0.5) return sqrt(x);
  if (exponent === -0.5) return reciprocal(sqrt(x));
  if (exponent === -1) return reciprocal(x);
  if (exponent === 1) return x;
  if (exponent === 2) return mul(x, x);
  if (exponent === 3) return mul(mul(x, x), x);
  return power(x, exponent);
}

function clipRule(call: Call): Value {
  const bound = (index: number, name: string, none: number) => {
    const value = call.has(index) ? call.scalar(index) : call.attributes.float(name, none);
    return Math.min(Math.max(value, -LARGEST), LARGEST);
  };
  return clip(call.value(0), bound(1, 'min', -LARGEST), bound(2, 'max', LARGEST));
}

const scaled = (x: Value, factor: number): Value => (factor === 1 ? x : mul(x, factor));

/** Scaled so that mean and variance persist (Klambauer et al., arXiv 1706.02515); the defaults are ONNX's. */
function selu(call: Call): Value {
  const alpha = call.attributes.float('alpha', 1.6732632423543772);
  return scaled(elu(call.value(0), alpha), call.attributes.float('gamma', 1.0507009873554805));
}

/** x where x > 0, else slope x, with a trained slope for each channel. */
function prelu(call: Call): Value {
  const x = call.value(0);
  return sub(relu(x), mul(call.weight(1, onesInit), relu(neg(x))));
}

function geluRule(call: Call): Value {
  return gelu(call.value(0), { approximate: call.attributes.string('approximate', 'none') === 'tanh' });
}

/**
 * The identity at inference. In training a share of the numbers is dropped, as the file says, whether it was
 * exported for training or not.
 */
function dropoutRule(call: Call): Value {
  const rate = call.has(1) ? call.scalar(1) : call.attributes.float('ratio', 0.5);
  if (!(rate >= 0 && rate < 1)) throw unsupported(call.node, `drops a share of ${rate}`);
  return dropout(call.context.net, `dropout ${call.node.outputs[0]}`, call.value(0), rate);
}

/** Numbers of the image stay float32, whichever precision the file computes with. */
function cast(call: Call): Value {
  const [FLOAT, FLOAT16, DOUBLE, BFLOAT16] = [1, 10, 11, 16];
  const to = call.attributes.int('to', FLOAT);
  if (![FLOAT, FLOAT16, DOUBLE, BFLOAT16].includes(to)) {
    throw unsupported(call.node, 'makes integers of the image');
  }
  return call.value(0);
}

/** Since opset 13 over one axis; before, over all axes from `axis` on. */
function softmaxRule(op: (x: Value, axis?: number) => Value): Rule {
  return (call) => {
    const x = call.value(0);
    const modern = call.context.opset >= 13;
    const axis = axisOf(call.node, call.attributes.int('axis', modern ? -1 : 1), x.shape.length);
    if (modern) return op(x, axis);
    const rows = sizeOf(x.shape.slice(0, axis));
    return reshape(op(reshape(x, [rows, sizeOf(x.shape) / rows]), 1), x.shape);
  };
}

export const ELEMENTWISE: Readonly<Record<string, Rule>> = {
  Identity: unary((x) => x),
  Dropout: dropoutRule,
  Cast: cast,
  Relu: unary(relu),
  LeakyRelu: (call) => leakyRelu(call.value(0), call.attributes.float('alpha', 0.01)),
  PRelu: prelu,
  ThresholdedRelu: (call) => {
    const x = call.value(0);
    return mul(x, step(sub(x, call.attributes.float('alpha', 1))));
  },
  Clip: clipRule,
  Sigmoid: unary(sigmoid),
  HardSigmoid: (call) =>
    hardSigmoid(call.value(0), call.attributes.float('alpha', 0.2), call.attributes.float('beta', 0.5)),
  HardSwish: unary(hardSwish),
  Swish: (call) => {
    const x = call.value(0);
    return mul(x, sigmoid(scaled(x, call.attributes.float('alpha', 1))));
  },
  Mish: unary((x) => mul(x, tanh(softplus(x)))),
  Gelu: geluRule,
  Elu: (call) => elu(call.value(0), call.attributes.float('alpha', 1)),
  Celu: (call) => {
    const alpha = call.attributes.float('alpha', 1);
    return scaled(elu(scaled(call.value(0), 1 / alpha), 1), alpha);
  },
  Selu: selu,
  Softplus: unary(softplus),
  Softsign: unary((x) => div(x, add(abs(x), 1))),
  Tanh: unary(tanh),
  Erf: unary(erf),
  Exp: unary(exp),
  Log: unary(log),
  Sqrt: unary(sqrt),
  Reciprocal: unary(reciprocal),
  Neg: unary(neg),
  Abs: unary(abs),
  Floor: unary(floor),
  Ceil: unary((x) => neg(floor(neg(x)))),
  Round: unary(round),
  Not: unary(logicalNot),
  Add: affine(add, zerosInit),
  Mul: affine(mul, onesInit),
  Sub: variadic(sub),
  Div: variadic(div),
  Sum: variadic(add),
  Max: variadic(maximum),
  Min: variadic(minimum),
  Pow: powRule,
  Greater: variadic(greater),
  GreaterOrEqual: variadic(greaterEqual),
  Less: variadic(less),
  LessOrEqual: variadic(lessEqual),
  Equal: variadic(equal),
  And: variadic(logicalAnd),
  Or: variadic(logicalOr),
  Where: (call) => where(call.value(0), call.value(1), call.value(2)),
  Softmax: softmaxRule(softmax),
  LogSoftmax: softmaxRule(logSoftmax),
};
