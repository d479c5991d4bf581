/**
 * Types of the values of a lowered model: of those that are values of the graph known from it, of the steps between
 * them inferred by ONNX's rules. What cannot be inferred is left out.
 */
import type { OnnxAttribute, OnnxGraph, OnnxNode } from '../onnx/model.ts';
import { type DType, type Shape, sizeOf } from '../tensor/tensor.ts';

export interface ValueType {
  readonly dtype: DType;
  /** As it lies in memory. */
  readonly shape: Shape;
}

/** Types by name, of inputs and initializers as well. */
export function valueTypes(graph: OnnxGraph, known: ReadonlyMap<string, ValueType>): Map<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const { name, dtype, shape } of graph.inputs) types.set(name, { dtype, shape: shape as Shape });
  for (const [name, { dtype, shape }] of graph.initializers) types.set(name, { dtype, shape });
  for (const node of graph.nodes) {
    const inferred = infer(node, types, graph);
    node.outputs.forEach((name, index) => {
      const type = (index === 0 ? inferred : undefined) ?? known.get(name);
      if (type) types.set(name, type);
    });
  }
  return types;
}

/** What the rule of an operator is given. */
interface Context {
  /** Types of the operands; all are known. */
  readonly operands: readonly ValueType[];
  ints(attribute: string): readonly number[] | undefined;
  int(attribute: string, otherwise: number): number;
  /** An operand's numbers, where it is an initializer. */
  stored(operand: number): readonly number[] | undefined;
}

type Rule = (context: Context) => ValueType | undefined;

function infer(
  { op, inputs, attributes }: OnnxNode,
  types: ReadonlyMap<string, ValueType>,
  graph: OnnxGraph,
): ValueType | undefined {
  const rule = RULES[op];
  const operands = inputs.filter((name) => name !== '').map((name) => types.get(name));
  if (!rule || operands.some((type) => type === undefined)) return undefined;
  const attribute = (name: string) => attributes[name] as OnnxAttribute | undefined;
  return rule({
    operands: operands as ValueType[],
    ints(name) {
      const found = attribute(name);
      return found && 'ints' in found ? found.ints : undefined;
    },
    int(name, otherwise) {
      const found = attribute(name);
      return found && 'int' in found ? found.int : otherwise;
    },
    stored(operand) {
      const data = graph.initializers.get(inputs[operand] ?? '')?.data;
      return data && Array.from(data as ArrayLike<number | bigint>, Number);
    },
  });
}

const like: Rule = ({ operands }) => operands[0];

const broadcast: Rule = ({ operands }) => {
  const rank = Math.max(...operands.map(({ shape }) => shape.length));
  const shape = Array.from({ length: rank }, (_, axis) =>
    Math.max(...operands.map((operand) => operand.shape[axis - rank + operand.shape.length] ?? 1)),
  );
  return { dtype: operands[0].dtype, shape };
};

const compared: Rule = (context) => ({ ...broadcast(context)!, dtype: 'bool' });

const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

const reduce: Rule = ({ operands: [{ dtype, shape }], ints, int, stored }) => {
  const axes = (ints('axes') ?? stored(1) ?? shape.map((_, axis) => axis)).map((a) =>
    axisOf(a, shape.length),
  );
  const kept = int('keepdims', 1) === 1;
  return {
    dtype,
    shape: shape.flatMap((extent, axis) => (!axes.includes(axis) ? [extent] : kept ? [1] : [])),
  };
};

const reshape: Rule = ({ operands: [{ dtype, shape }], stored }) => {
  const wanted = stored(1)?.map((extent, axis) => (extent === 0 ? shape[axis] : extent));
  if (!wanted) return undefined;
  const rest = sizeOf(shape) / sizeOf(wanted.filter((extent) => extent !== -1));
  return { dtype, shape: wanted.map((extent) => (extent === -1 ? rest : extent)) };
};

const slice: Rule = ({ operands: [{ dtype, shape }], stored }) => {
  const [starts, ends] = [stored(1), stored(2)];
  if (!starts || !ends) return undefined;
  const axes = stored(3) ?? starts.map((_, axis) => axis);
  const steps = stored(4) ?? starts.map(() => 1);
  if (steps.some((step) => step < 1)) return undefined;
  const sliced = [...shape];
  axes.forEach((given, position) => {
    const axis = axisOf(given, shape.length);
    const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + shape[axis] : at, 0), shape[axis]);
    const length = clamp(ends[position]) - clamp(starts[position]);
    sliced[axis] = Math.max(0, Math.ceil(length / steps[position]));
  });
  return { dtype, shape: sliced };
};

/** Extents of a window's results along the spatial axes. */
function windows({ operands: [{ shape }], ints }: Context, kernel: readonly number[]): number[] {
  const spatial = shape.slice(2);
  const [strides, dilations] = [ints('strides'), ints('dilations')];
  const pads = ints('pads') ?? [];
  return spatial.map((extent, axis) => {
    const padded = extent + (pads[axis] ?? 0) + (pads[axis + spatial.length] ?? 0);
    const reach = (kernel[axis] - 1) * (dilations?.[axis] ?? 1) + 1;
    return Math.floor((padded - reach) / (strides?.[axis] ?? 1)) + 1;
  });
}

const convolution: Rule = (context) => {
  const [{ dtype, shape }, weight] = context.operands;
  const kernel = context.ints('kernel_shape') ?? weight.shape.slice(2);
  return { dtype, shape: [shape[0], weight.shape[0], ...windows(context, kernel)] };
};

const transposedConvolution: Rule = (context) => {
  const [{ dtype, shape }, weight] = context.operands;
  const [strides, dilations] = [context.ints('strides'), context.ints('dilations')];
  const [pads, extra] = [context.ints('pads') ?? [], context.ints('output_padding') ?? []];
  const spatial = shape.slice(2).map((extent, axis, { length }) => {
    const reach = (weight.shape[2 + axis] - 1) * (dilations?.[axis] ?? 1) + 1;
    const cut = (pads[axis] ?? 0) + (pads[axis + length] ?? 0);
    return (extent - 1) * (strides?.[axis] ?? 1) + reach + (extra[axis] ?? 0) - cut;
  });
  return { dtype, shape: [shape[0], weight.shape[1] * context.int('group', 1), ...spatial] };
};

const pool: Rule = (context) => {
  const [{ dtype, shape }] = context.operands;
  const kernel = context.ints('kernel_shape');
  if (!kernel || context.int('ceil_mode', 0) === 1) return undefined;
  return { dtype, shape: [shape[0], shape[1], ...windows(context, kernel)] };
};

const matmul: Rule = ({ operands: [a, b] }) => {
  if (a.shape.length < 2 || b.shape.length < 2) return undefined;
  const batch = broadcast({ operands: [a, b].map((o) => ({ ...o, shape: o.shape.slice(0, -2) })) } as never);
  return { dtype: a.dtype, shape: [...batch!.shape, a.shape.at(-2)!, b.shape.at(-1)!] };
};

const RULES: Readonly<Record<string, Rule | undefined>> = {
  ...Object.fromEntries(
    [
      'Relu',
      'LeakyRelu',
      'Clip',
      'Sqrt',
      'Neg',
      'Exp',
      'Log',
      'Reciprocal',
      'Abs',
      'Floor',
      'Round',
      'Sigmoid',
    ]
      .concat([
        'HardSigmoid',
        'Softplus',
        'Tanh',
        'Erf',
        'Identity',
        'LogSoftmax',
        'Softmax',
        'CumSum',
        'Not',
      ])
      .concat(['ScatterElements', 'ScatterND', 'ReorderInput', 'InstanceNormalization', 'LRN'])
      .map((op) => [op, like]),
  ),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum'].map((op) => [op, broadcast]),
  ),
  ...Object.fromEntries(
    ['Greater', 'GreaterOrEqual', 'Less', 'Equal', 'And', 'Or'].map((op) => [op, compared]),
  ),
  ReduceMean: reduce,
  ReduceSum: reduce,
  ReduceMax: reduce,
  Reshape: reshape,
  Slice: slice,
  Conv: convolution,
  FusedConv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: pool,
  AveragePool: pool,
  MatMul: matmul,
  Transpose: ({ operands: [{ dtype, shape }], ints }) => {
    const order = ints('perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
    return { dtype, shape: order.map((axis) => shape[axis]) };
  },
  Where: (context) => ({ ...broadcast(context)!, dtype: context.operands[1].dtype }),
  Concat: ({ operands, int }) => {
    const axis = axisOf(int('axis', 0), operands[0].shape.length);
    const total = operands.reduce((sum, { shape }) => sum + shape[axis], 0);
    return { dtype: operands[0].dtype, shape: operands[0].shape.map((e, a) => (a === axis ? total : e)) };
  },
  Pad: ({ operands: [{ dtype, shape }], stored }) => {
    const pads = stored(1);
    return pads && { dtype, shape: shape.map((e, axis) => e + pads[axis] + pads[axis + shape.length]) };
  },
  Gather: ({ operands: [{ dtype, shape }, index], int }) => {
    const axis = axisOf(int('axis', 0), shape.length);
    return { dtype, shape: [...shape.slice(0, axis), ...index.shape, ...shape.slice(axis + 1)] };
  },
  GatherElements: ({ operands: [{ dtype }, { shape }] }) => ({ dtype, shape }),
  Expand: ({ operands: [x], stored }) => {
    const shape = stored(1);
    return shape && broadcast({ operands: [x, { dtype: x.dtype, shape }] } as never);
  },
  Gemm: ({ operands: [a, b], int }) => ({
    dtype: a.dtype,
    shape: [a.shape[int('transA', 0)], b.shape[1 - int('transB', 0)]],
  }),
  ConstantOfShape: ({ stored }) => {
    const shape = stored(0);
    return shape && { dtype: 'float32', shape };
  },
  ReorderOutput: ({ operands: [{ dtype, shape }], int }) => {
    const [n, , h, w] = shape;
    const channels = int('channels', shape[1]);
    return { dtype, shape: int('channels_last', 0) === 1 ? [n, h, w, channels] : [n, channels, h, w] };
  },
};
