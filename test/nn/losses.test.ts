/** Losses against PyTorch in double precision (scripts/fixtures/losses.py): values and gradients, also at +-100. */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { Graph, type Value } from '../../src/graph/index.ts';
import { reachable } from '../../src/graph/specialize.ts';
import {
  binaryCrossEntropy,
  ignoreNegative,
  l1,
  l2,
  smoothL1,
  softmaxCrossEntropy,
} from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { float32, tensor } from '../../src/tensor/tensor.ts';
import fixture from '../fixtures/losses.json' with { type: 'json' };

interface Row {
  loss: string;
  smoothing?: number;
  beta?: number;
  value: number;
  gradient: number[];
}

const [N, K] = fixture.shape;
const rows: readonly Row[] = fixture.rows;

const values = {
  target: float32([N, K], fixture.target),
  probability: float32([N, K], fixture.probability),
  labels: tensor('int32', [N], Int32Array.from(fixture.labels)),
  denseLabels: tensor('int32', [N], Int32Array.from(fixture.denseLabels)),
  classWeights: float32([K], fixture.classWeights),
  weights: float32([N], fixture.weights),
  weightRows: float32([N, 1], fixture.weights),
};

function lossOf(x: Value, { loss, smoothing, beta }: Row): Value {
  const value = (name: keyof typeof values) => x.graph.constant(values[name]);
  const classWeights = () => value('classWeights');
  switch (loss) {
    case 'cross-entropy':
      return softmaxCrossEntropy(x, value('denseLabels'), smoothing);
    case 'cross-entropy, class weights':
      return softmaxCrossEntropy(x, value('denseLabels'), smoothing, { classWeights: classWeights() });
    case 'cross-entropy, ignored labels': {
      const labels = value('labels');
      return softmaxCrossEntropy(x, labels, smoothing, { weights: ignoreNegative(labels) });
    }
    case 'cross-entropy, both': {
      const labels = value('labels');
      const weights = ignoreNegative(labels);
      return softmaxCrossEntropy(x, labels, smoothing, { weights, classWeights: classWeights() });
    }
    case 'cross-entropy, weights':
      return softmaxCrossEntropy(x, value('denseLabels'), smoothing, { weights: value('weights') });
    case 'binary cross-entropy':
      return binaryCrossEntropy(x, value('probability'));
    case 'binary cross-entropy, weights':
      return binaryCrossEntropy(x, value('probability'), value('weightRows'));
    case 'smooth L1':
      return smoothL1(x, value('target'), beta);
    case 'smooth L1, weights':
      return smoothL1(x, value('target'), beta, value('weightRows'));
    case 'L1':
      return l1(x, value('target'));
    case 'L2':
      return l2(x, value('target'));
    case 'L2, weights':
      return l2(x, value('target'), value('weightRows'));
    default:
      throw new Error(`the fixture has a loss "${loss}" that the test does not know`);
  }
}

async function compute(make: (x: Value) => Value, data: readonly number[], shape: readonly number[]) {
  const graph = new Graph();
  const x = graph.input('x', shape);
  const loss = make(x);
  const [dx] = gradient(loss, [x]);
  const outputs = new Map([
    ['loss', loss],
    ['dx', dx],
  ]);
  const executable = await Executable.compile(outputs, { threads: 1 });
  executable.set('x', float32(shape, data));
  const results = await executable.run();
  await executable.close();
  return { value: Number(results.loss.data[0]), gradient: Array.from(results.dx.data, Number), outputs };
}

describe('values and gradients are PyTorch’s', () => {
  test.each(rows.map((row) => [`${row.loss} ${row.smoothing ?? row.beta ?? ''}`, row] as const))(
    '%s',
    async (_name, row) => {
      const found = await compute((x) => lossOf(x, row), fixture.x, [N, K]);
      expect(Math.abs(found.value - row.value)).toBeLessThan(2e-6 * Math.max(1, Math.abs(row.value)));
      const size = Math.hypot(...row.gradient);
      const error = Math.hypot(...found.gradient.map((value, i) => value - row.gradient[i]));
      expect(error).toBeLessThan(1e-6 * size);
    },
  );
});

describe('cross-entropy', () => {
  test('its gradient is p - y over N, finite and exact for logits of any size', async () => {
    const logits = [1000, 0, -1000, 88, -88, 0];
    const make = (x: Value) =>
      softmaxCrossEntropy(x, x.graph.constant(tensor('int32', [2], Int32Array.of(1, 0))));
    const { value, gradient: found } = await compute(make, logits, [2, 3]);
    expect(value).toBeCloseTo(500, 4);
    [0.5, -0.5, 0, 0, 0, 0].forEach((expected, i) => {
      expect(found[i]).toBeCloseTo(expected, 6);
    });
  });

  test('the graph of loss and gradient is small: no more than 20 nodes that compute', async () => {
    const make = (x: Value) => softmaxCrossEntropy(x, x.graph.constant(values.denseLabels), 0.1);
    const { outputs } = await compute(make, fixture.x, [N, K]);
    const computing = reachable([...outputs.values()]).filter(
      ({ op }) => op !== 'constant' && op !== 'input',
    );
    expect(computing.length).toBeLessThanOrEqual(20);
  });

  test('is zero, with a gradient of zero, when every label is ignored', async () => {
    const make = (x: Value) => {
      const labels = x.graph.constant(tensor('int32', [2], Int32Array.of(-1, -100)));
      return softmaxCrossEntropy(x, labels, 0, { weights: ignoreNegative(labels) });
    };
    const found = await compute(make, [1, 2, 3, 4], [2, 2]);
    expect(found.value).toBeCloseTo(0, 12);
    for (const value of found.gradient) expect(value).toBeCloseTo(0, 12);
  });
});
