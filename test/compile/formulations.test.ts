/**
 * Every formulation of every convolution and gradient, over drawn shapes: all give what the definition, written as
 * loops, gives, with the runtime's blocked kernels and without; what is done to a result while it is written; the
 * passes over rows of an image; and that lowering takes the formulation that it is told to take.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Extents, extents } from '../../src/compile/conv/extents.ts';
import {
  FORWARD,
  type Formulation,
  INPUT_GRADIENT,
  type Operand,
  WEIGHT_GRADIENT,
} from '../../src/compile/conv/formulations.ts';
import { type Activation, Emitter, type Epilogue } from '../../src/compile/emitter.ts';
import { lower } from '../../src/compile/index.ts';
import { CHANNELS_FIRST, type Layout, physicalShape, WEIGHT_ROWS } from '../../src/compile/layout.ts';
import { affineRows, dotRows } from '../../src/compile/rows.ts';
import { type ConvOp, shapeKey } from '../../src/compile/tune.ts';
import * as g from '../../src/graph/index.ts';
import { type ConvAttributes, Graph, type Value } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { channelBlock } from '../../src/runtime/blocks.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { type Shape, sizeOf, type Tensor, tensor, transpose } from '../../src/tensor/tensor.ts';
import { draw, expectNear, THREADS } from './both-forms.ts';
import {
  type Extents as Axes,
  referenceConv,
  referenceConvInputGradient,
  referenceConvWeightGradient,
} from './reference.ts';

let block = 0;
beforeAll(async () => {
  block = await channelBlock('cpu');
});

const upTo = (low: number, high: number) => fc.integer({ min: low, max: high });

interface Drawn {
  readonly image: Shape;
  readonly weight: Shape;
  readonly attributes: ConvAttributes;
}

const KINDS = ['dense', 'three rows', 'pointwise', 'grouped', 'depthwise', 'few channels'] as const;

/** Products of one convolution at most, so that the loops stay fast. */
const MOST_PRODUCTS = 100_000;

/**
 * Convolutions of one kind. `unit` is 1 or a block of channels: the numbers of channels are multiples of it. As many
 * images as keep the loops short, at most 17.
 */
const shapesOf = (kind: (typeof KINDS)[number], unit: number): fc.Arbitrary<Drawn> =>
  fc
    .record({
      images: upTo(1, 17),
      groups: upTo(2, 4),
      inputs: upTo(1, 3),
      outputs: upTo(1, 3),
      few: upTo(1, 15),
      size: fc.tuple(upTo(1, 13), upTo(1, 13)),
      kernel: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom<[number, number]>([3, 3], [1, 1], [2, 2], [5, 5]) },
        { weight: 2, arbitrary: fc.tuple(upTo(1, 7), upTo(1, 7)) },
      ),
      strides: fc.oneof(fc.constantFrom<[number, number]>([1, 1], [2, 2]), fc.tuple(upTo(1, 3), upTo(1, 3))),
      dilations: fc.oneof(
        { weight: 3, arbitrary: fc.constant<[number, number]>([1, 1]) },
        { weight: 1, arbitrary: fc.tuple(upTo(1, 3), upTo(1, 3)) },
      ),
      padding: fc.oneof(
        { weight: 1, arbitrary: fc.constant('none') },
        { weight: 4, arbitrary: fc.constant('same') },
        { weight: 2, arbitrary: fc.tuple(upTo(0, 4), upTo(0, 4), upTo(0, 4), upTo(0, 4)) },
      ),
    })
    .map(({ images, few, ...drawn }) => {
      const groups = kind === 'depthwise' ? drawn.groups * unit : kind === 'grouped' ? drawn.groups : 1;
      const inputs = kind === 'depthwise' ? 1 : kind === 'few channels' ? few : drawn.inputs * unit;
      const outputs = kind === 'depthwise' ? groups : groups * drawn.outputs * unit;
      const threeRows = kind === 'three rows';
      const kernel = kind === 'pointwise' ? [1, 1] : threeRows ? [3, drawn.kernel[1]] : drawn.kernel;
      const strides = threeRows ? ([1, drawn.strides[1]] as const) : drawn.strides;
      const dilations =
        kind === 'pointwise'
          ? ([1, 1] as const)
          : threeRows
            ? ([1, drawn.dilations[1]] as const)
            : drawn.dilations;
      const half = kernel.map((k, axis) => Math.floor(((k - 1) * dilations[axis]) / 2));
      const padding =
        kind === 'pointwise' || drawn.padding === 'none'
          ? ([0, 0, 0, 0] as const)
          : drawn.padding === 'same'
            ? ([half[0], half[1], half[0], half[1]] as const)
            : drawn.padding;
      const weight = [outputs, inputs, ...kernel];
      const side = Math.max(2, Math.floor(Math.sqrt(MOST_PRODUCTS / sizeOf(weight))));
      const size = drawn.size.map((extent) => Math.min(extent, side));
      const products = sizeOf(weight) * size[0] * size[1];
      const n = Math.max(1, Math.min(images, Math.floor(MOST_PRODUCTS / products)));
      const attributes: ConvAttributes = { strides, padding, dilations, groups };
      return { image: [n, groups * inputs, ...size], weight, attributes };
    })
    .filter(
      ({ image, weight, attributes: { padding, dilations } }) =>
        sizeOf(weight) <= MOST_PRODUCTS / 2 &&
        [0, 1].every(
          (axis) =>
            (weight[2 + axis] - 1) * dilations[axis] < image[2 + axis] + padding[axis] + padding[2 + axis],
        ),
    );

/** The three ops: their tables, where their operands and results lie, and what they are by definition. */
interface Definition {
  readonly op: ConvOp;
  readonly table: readonly Formulation[];
  readonly operands: readonly ('image' | 'weight' | 'result')[];
  readonly made: 'image' | 'weight' | 'result';
  expected(first: Tensor<'float32'>, second: Tensor<'float32'>, made: Axes, a: ConvAttributes): Float64Array;
}

const OPS: readonly Definition[] = [
  {
    op: 'conv2d',
    table: FORWARD,
    operands: ['image', 'weight'],
    made: 'result',
    expected: referenceConv,
  },
  {
    op: 'conv2dInputGradient',
    table: INPUT_GRADIENT,
    operands: ['result', 'weight'],
    made: 'image',
    expected: referenceConvInputGradient,
  },
  {
    op: 'conv2dWeightGradient',
    table: WEIGHT_GRADIENT,
    operands: ['image', 'result'],
    made: 'weight',
    expected: referenceConvWeightGradient,
  },
];

/** From the order of the graph's axes to memory order. */
const toMemory = (value: Tensor, layout: Layout): Tensor =>
  layout === 'logical' ? value : transpose(value, layout);

const layoutOf = (name: string): Layout => (name === 'weight' ? WEIGHT_ROWS : CHANNELS_FIRST);

/** A model of what `emit` emits over `inputs`, which lie as given in memory; results by name. */
async function run(
  channels: number,
  inputs: ReadonlyMap<string, Tensor>,
  emit: (e: Emitter) => ReadonlyMap<string, { name: string; shape: Shape }>,
): Promise<Record<string, Tensor>> {
  const options = { form: 'training', layouts: new Map(), uses: new Map() } as const;
  const e = new Emitter({ ...options, channelBlock: channels });
  const made = emit(e);
  const nodes = [...e.nodes];
  for (const [output, { name }] of made) {
    const identity = { op: 'Identity', domain: '', name: output, attributes: {} };
    nodes.push({ ...identity, inputs: [name], outputs: [output] });
  }
  const info = ([name, { shape }]: readonly [string, { shape: Shape }]) => ({
    name,
    dtype: 'float32' as const,
    shape,
  });
  const model = {
    ...{ opset: 17, irVersion: 8, producer: 'test', metadata: {} },
    graph: {
      name: 'test',
      nodes,
      initializers: e.initializers,
      inputs: [...inputs].map(info),
      outputs: [...made].map(info),
    },
  };
  const loaded = await OnnxFunction.load(encodeModel(model), THREADS);
  try {
    return await loaded.run(Object.fromEntries(inputs));
  } finally {
    await loaded.close();
  }
}

/** The operand in any layout, given the one in which it lies. */
function operandOf(e: Emitter, name: string, shape: Shape, layout: Layout): Operand {
  const graph = new Graph();
  const value = graph.input(name, shape);
  e.define(value, name, layout);
  return (wanted) => e.use(value, wanted);
}

/** All formulations of an op that apply to the shape, each run; returns their names. */
async function check(op: Definition, drawn: Drawn, channels: number): Promise<string[]> {
  const { image, weight, attributes } = drawn;
  const s = extents(image, weight, attributes);
  const shapes = { image, weight, result: [s.n, s.o, s.oh, s.ow] };
  const [first, second] = op.operands.map((name) => draw(shapes[name], name));
  const expected = op.expected(first, second, shapes[op.made] as unknown as Axes, attributes);
  const inputs = new Map(
    [first, second].map((value, index) => [
      op.operands[index],
      toMemory(value, layoutOf(op.operands[index])),
    ]),
  );
  let names: string[] = [];
  const layout = layoutOf(op.made);
  const shape = physicalShape(shapes[op.made], layout);
  const results = await run(channels, inputs as Map<string, Tensor>, (e) => {
    const [a, b] = op.operands.map((name) => operandOf(e, name, shapes[name], layoutOf(name)));
    const applicable = op.table.filter((formulation) => formulation.applies(e, s));
    names = applicable.map(({ name }) => name);
    return new Map(applicable.map(({ name, emit }) => [`y ${name}`, { name: emit(e, s, a, b, {}), shape }]));
  });
  const wanted = transpose(
    tensor('float32', shapes[op.made], Float32Array.from(expected)),
    layout as number[],
  );
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (const name of names) {
    try {
      expectNear(results[`y ${name}`], wanted.data, shape, 5e-6 * largest);
    } catch (cause) {
      throw new Error(`${op.op} as "${name}" of ${JSON.stringify(drawn)}, blocks of ${channels}`, { cause });
    }
  }
  return names;
}

describe.each(OPS)('$op', (op) => {
  const counts = new Map(op.table.map(({ name }) => [name, 0]));
  const counted = (names: readonly string[]) => {
    for (const name of names) counts.set(name, counts.get(name)! + 1);
  };

  test.each(KINDS)('%s: all formulations give what the definition gives', async (kind) => {
    const property = (channels: number) =>
      fc.asyncProperty(shapesOf(kind, 1), async (drawn) => counted(await check(op, drawn, channels)));
    await fc.assert(property(block), { numRuns: 20, seed: 1 });
    await fc.assert(property(0), { numRuns: 10, seed: 2 });
  });

  test.each(KINDS)('%s, whole blocks of channels: likewise', async (kind) => {
    const channels = block || 16;
    const property = (given: number) =>
      fc.asyncProperty(shapesOf(kind, channels), async (drawn) => counted(await check(op, drawn, given)));
    // Of these fewer turn into convolutions for the image's gradient; they are small.
    const many = kind === 'depthwise' || kind === 'three rows';
    await fc.assert(property(block), { numRuns: many ? 90 : 30, seed: 3 });
    await fc.assert(property(0), { numRuns: 5, seed: 4 });
  });

  test('every formulation was among them many times', ({ skip }) => {
    if (block === 0) skip('this processor has no blocked kernels, so their formulations do not apply');
    const seldom = [...counts].filter(([, count]) => count < 15);
    expect(seldom).toEqual([]);
  });

  test('names are all different, and something usual applies to every shape', async () => {
    expect(counts.size).toBe(op.table.length);
    const everywhere = fc.constantFrom(...KINDS).chain((kind) => shapesOf(kind, 1));
    const property = fc.property(everywhere, ({ image, weight, attributes }) => {
      const s = extents(image, weight, attributes);
      const e = new Emitter({ form: 'training', layouts: new Map(), uses: new Map() });
      expect(op.table.some((formulation) => formulation.applies(e, s) && formulation.usual(s, e))).toBe(true);
    });
    fc.assert(property, { numRuns: 200, seed: 5 });
  });
});

const ACTIVATIONS: readonly (readonly [Activation, (x: number) => number])[] = [
  [{ name: 'Relu', parameters: [] }, (x) => Math.max(x, 0)],
  [{ name: 'Clip', parameters: [0, 6] }, (x) => Math.min(Math.max(x, 0), 6)],
  [{ name: 'Clip', parameters: [-1.5, 0.5] }, (x) => Math.min(Math.max(x, -1.5), 0.5)],
  [{ name: 'LeakyRelu', parameters: [0.1] }, (x) => (x < 0 ? 0.1 * x : x)],
];

const epilogues = fc.record({
  bias: fc.boolean(),
  plus: fc.boolean(),
  activation: fc.option(fc.constantFrom(...ACTIVATIONS), { nil: undefined }),
});

describe('what is done to a convolution while it is written', () => {
  const counts = new Map<string, number>();
  const cases = fc.constantFrom(...KINDS).chain((kind) => shapesOf(kind, block || 16));

  test('is what the definitions give, whatever the formulation takes', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...KINDS).chain((kind) => shapesOf(kind, block || 16)),
      epilogues,
      async ({ image, weight, attributes }, { bias, plus, activation }) => {
        const s = extents(image, weight, attributes);
        const shape = [s.n, s.o, s.oh, s.ow] as const;
        const [x, w] = [draw(image, 'image'), draw(weight, 'weight')];
        const [added, other] = [draw([s.o], 'bias'), draw(shape, 'plus')];
        const inputs = new Map<string, Tensor>([
          ['x', toMemory(x, CHANNELS_FIRST)],
          ['w', toMemory(w, WEIGHT_ROWS)],
          ['bias', added],
          ['plus', toMemory(other, CHANNELS_FIRST)],
        ]);
        const taken = (formulation: Formulation, kind: keyof Epilogue) => formulation.takes.includes(kind);
        let used: Formulation[] = [];
        const memory = physicalShape(shape, CHANNELS_FIRST);
        const results = await run(block, inputs, (e) => {
          const first = operandOf(e, 'x', image, CHANNELS_FIRST);
          const second = operandOf(e, 'w', weight, WEIGHT_ROWS);
          used = FORWARD.filter((one) => one.takes.length > 0 && one.applies(e, s));
          // Names of what is not read would be inputs that the runtime refuses.
          return new Map([
            ...used.map((formulation) => {
              const epilogue: Epilogue = {
                ...(bias && taken(formulation, 'bias') && { bias: 'bias' }),
                ...(plus && taken(formulation, 'plus') && { plus: 'plus' }),
                ...(activation && taken(formulation, 'activation') && { activation: activation[0] }),
              };
              const name = formulation.emit(e, s, first, second, epilogue);
              return [`y ${formulation.name}`, { name, shape: memory }] as const;
            }),
            ['unused', { name: 'x', shape: inputs.get('x')!.shape }],
          ]);
        });
        const plain = referenceConv(x, w, shape, attributes);
        for (const formulation of used) {
          counts.set(formulation.name, (counts.get(formulation.name) ?? 0) + 1);
          const expected = plain.map((value, index) => {
            const channel = Math.floor(index / (s.oh * s.ow)) % s.o;
            const biased = bias && taken(formulation, 'bias') ? value + added.data[channel] : value;
            const summed = plus && taken(formulation, 'plus') ? biased + other.data[index] : biased;
            return activation && taken(formulation, 'activation') ? activation[1](summed) : summed;
          });
          const wanted = transpose(tensor('float32', shape, Float32Array.from(expected)), [1, 0, 2, 3]);
          expectNear(results[`y ${formulation.name}`], wanted.data, memory, 1e-4);
        }
      },
    );
    await fc.assert(property, { numRuns: 100, seed: 6 });
  });

  test('was tried with every formulation that takes anything', ({ skip }) => {
    if (block === 0) skip('this processor has no blocked kernels');
    const able = FORWARD.filter(({ takes }) => takes.length > 0);
    expect(able.filter(({ name }) => (counts.get(name) ?? 0) < 10).map(({ name }) => name)).toEqual([]);
  });

  test('comes about in a graph: sums and activations behind a convolution', async () => {
    const property = fc.asyncProperty(cases, epilogues, async (drawn, { bias, plus, activation }) => {
      const graph = new Graph();
      const [x, w] = [graph.input('x', drawn.image), graph.input('w', drawn.weight)];
      const plain = g.conv2d(x, w, drawn.attributes);
      const biased = bias ? g.add(plain, graph.input('bias', [1, plain.shape[1], 1, 1])) : plain;
      const summed = plus ? g.add(graph.input('plus', plain.shape), biased) : biased;
      const apply: Record<Activation['name'], (x: Value, p: readonly number[]) => Value> = {
        Relu: g.relu,
        Clip: (value, [low, high]) => g.clip(value, low, high),
        LeakyRelu: (value, [slope]) => g.leakyRelu(value, slope),
      };
      const y = activation ? apply[activation[0].name](summed, activation[0].parameters) : summed;
      const s = extents(drawn.image, drawn.weight, drawn.attributes);
      const feeds = Object.fromEntries(
        [x, w, ...(bias ? [biased.node.inputs[1]] : []), ...(plus ? [summed.node.inputs[0]] : [])].map(
          (value) => {
            const { name } = (value.node as g.NodeOf<'input'>).attributes;
            return [name, draw(value.shape, name)];
          },
        ),
      );
      const expected = referenceConv(feeds.x, feeds.w, y.shape as unknown as Axes, drawn.attributes).map(
        (value, index) => {
          const channel = Math.floor(index / (s.oh * s.ow)) % s.o;
          const sum = value + (feeds.bias?.data[channel] ?? 0) + (feeds.plus?.data[index] ?? 0);
          return activation ? activation[1](sum) : sum;
        },
      );
      const e = new Emitter({ form: 'training', layouts: new Map(), uses: new Map(), channelBlock: block });
      for (const { name } of FORWARD.filter((formulation) => formulation.applies(e, s))) {
        const found = await lowered(y, feeds, s, 'conv2d', name);
        expectNear(found, expected, y.shape, 1e-4);
      }
    });
    await fc.assert(property, { numRuns: 25, seed: 7 });
  });
});

/** The value by a graph lowered with one convolution as the named formulation. */
async function lowered(
  value: Value,
  feeds: Readonly<Record<string, Tensor>>,
  s: Extents,
  op: ConvOp,
  formulation: string,
): Promise<Tensor> {
  const formulations = new Map([[shapeKey(op, s), formulation]]);
  const { model, inputs, outputs } = lower(new Map([['y', value]]), {
    form: 'training',
    channelBlock: block,
    formulations,
  });
  const loaded = await OnnxFunction.load(encodeModel(model), THREADS);
  const results = await loaded.run(
    Object.fromEntries(inputs.map(({ name, layout }) => [name, toMemory(feeds[name], layout)])),
  );
  await loaded.close();
  const order = outputs[0].layout === 'logical' ? undefined : outputs[0].layout;
  return order
    ? transpose(
        results.y,
        order.map((_, axis) => order.indexOf(axis)),
      )
    : results.y;
}

describe('lowering', () => {
  test('takes the formulation that it is told to take, and the usual one where that does not apply', () => {
    const attributes: ConvAttributes = {
      ...{ strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1], groups: 1 },
    };
    const [image, weight]: Shape[] = [
      [2, 5, 6, 6],
      [7, 5, 3, 3],
    ];
    const s = extents(image, weight, attributes);
    const opsWith = (formulations?: ReadonlyMap<string, string>) => {
      const graph = new Graph();
      const y = g.conv2d(graph.input('x', image), graph.input('w', weight), attributes);
      const { model } = lower(new Map([['y', y]]), { form: 'training', channelBlock: 16, formulations });
      return model.graph.nodes.map(({ op }) => op);
    };
    const usual = opsWith();
    expect(opsWith(new Map([[shapeKey('conv2d', s), 'tall']]))).toEqual(usual);
    expect(opsWith(new Map([[shapeKey('conv2d', s), 'columns']]))).toContain('MatMul');
    expect(opsWith(new Map([[shapeKey('conv2d', s), 'blocked']]))).toEqual(usual);
    expect(opsWith(new Map([[shapeKey('conv2d', s), 'no such thing']]))).toEqual(usual);
    const other = { ...s, n: 3 };
    expect(opsWith(new Map([[shapeKey('conv2d', other), 'columns']]))).toEqual(usual);
  });
});

describe('passes over the rows of an image', () => {
  const rows = fc.record({
    rows: upTo(1, 40),
    length: fc.oneof(
      upTo(1, 70),
      upTo(2, 12).map((n) => 16 * n),
    ),
  });

  test.each([
    ['with the kernels of the processor', () => block],
    ['without', () => 0],
  ])('scale and shift, with a sum and an activation, %s', async (_, channels) => {
    const property = fc.asyncProperty(rows, epilogues, async ({ rows: r, length }, { plus, activation }) => {
      const [x, other] = [draw([r, length], 'x'), draw([r, length], 'plus')];
      const [scale, bias] = [draw([r], 'scale'), draw([r], 'bias')];
      const inputs = new Map<string, Tensor>([
        ['x', x],
        ['scale', scale],
        ['bias', bias],
        ...(plus ? [['plus', other] as const] : []),
      ]);
      const results = await run(channels(), inputs, (e) => {
        const epilogue = { ...(plus && { plus: 'plus' }), activation: activation?.[0] };
        const name = affineRows(e, 'x', [r, length], 'scale', 'bias', epilogue);
        return new Map([['y', { name: e.reshape(name, [r, length]), shape: [r, length] }]]);
      });
      const expected = Float64Array.from({ length: r * length }, (_value, index) => {
        const row = Math.floor(index / length);
        const mapped = x.data[index] * scale.data[row] + bias.data[row] + (plus ? other.data[index] : 0);
        return activation ? activation[1](mapped) : mapped;
      });
      expectNear(results.y, expected, [r, length], 1e-5);
    });
    await fc.assert(property, { numRuns: 40, seed: 8 });
  });

  const lengths = fc.oneof(
    upTo(1, 100),
    upTo(1, 300).map((n) => 16 * n),
    // Longer than one accumulator is to sum, with and without equal parts.
    fc.constantFrom(16 * 2048, 16 * 2050, 16 * 2053, 16 * 4099),
  );

  test('inner products, of lengths that blocks divide and of others', async () => {
    const property = fc.asyncProperty(upTo(1, 9), lengths, async (r, length) => {
      const [a, b] = [draw([r, length], 'a'), draw([r, length], 'b')];
      const expected = Float64Array.from({ length: r }, (_, row) => {
        let total = 0;
        for (let i = row * length; i < (row + 1) * length; i++) total += a.data[i] * b.data[i];
        return total;
      });
      const inputs = new Map<string, Tensor>([
        ['a', a],
        ['b', b],
      ]);
      for (const channels of [block, 0]) {
        const results = await run(
          channels,
          inputs,
          (e) => new Map([['y', { name: dotRows(e, 'a', 'b', [r, length]), shape: [r] }]]),
        );
        expectNear(results.y, expected, [r], 1e-5 * Math.sqrt(length + 10));
      }
    });
    await fc.assert(property, { numRuns: 60, seed: 9 });
  });
});
