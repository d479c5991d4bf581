/**
 * Values and gradients against PyTorch and torchvision, where they have the op: the same random operands, the value
 * y and the gradient of <q, y> for random q. One row per op and convention.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { lower } from '../../src/compile/index.ts';
import * as g from '../../src/graph/index.ts';
import { Graph, type Value } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf } from '../../src/tensor/tensor.ts';
import { describePython, python } from '../python.ts';

interface Row {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly build: (...operands: Value[]) => Value;
  /** The same in Python, of the tensors a, b and c. F is torch.nn.functional. */
  readonly python: string;
  /** Largest |operand|. */
  readonly range?: number;
}

const REFERENCE = `
import json, sys, torch, torchvision
import torch.nn.functional as F
from torchvision.ops import roi_align, nms
results = []
for row in json.load(open(sys.argv[1])):
    operands = [torch.tensor(o["data"]).reshape(o["shape"]).requires_grad_() for o in row["operands"]]
    scope = dict(zip("abc", operands), torch=torch, F=F, roi_align=roi_align, nms=nms)
    y = eval(row["python"], scope)
    q = torch.tensor(row["weights"]).reshape(y.shape)
    (y * q).sum().backward()
    zero = lambda o: o.grad if o.grad is not None else torch.zeros_like(o)
    results.append({"y": y.flatten().tolist(), "gradients": [zero(o).flatten().tolist() for o in operands]})
print(json.dumps(results))
`;

const REGIONS = [0, 1.5, 2, 9, 7.5, 1, 0, 0, 3.5, 11, 1, 4, 4, 14, 7.2, 0, 5, 5, 5.5, 5.2, 1, -3, 1, 6, 11];
const regionsText = `torch.tensor(${JSON.stringify(REGIONS)}).reshape(5, 5)`;

/** The regions as boxes and images, from rows (image, x1, y1, x2, y2). */
function regions(like: Value): [Value, Value] {
  const rows = like.graph.constant(float32([5, 5], REGIONS));
  const images = g.cast(g.reshape(g.slice(rows, [0, 0], [5, 1]), [5]), 'int64');
  return [g.slice(rows, [0, 1], [5, 5]), images];
}

const roiRows: Row[] = [true, false].flatMap((aligned) =>
  [0, 2].map((samplingRatio) => ({
    name: `roi_align, aligned ${aligned}, sampling ratio ${samplingRatio}`,
    shapes: [[2, 3, 6, 8]],
    build: (x: Value) =>
      g.roiAlign(x, ...regions(x), { size: [3, 2], spatialScale: 0.5, samplingRatio, aligned }),
    python: `roi_align(a, ${regionsText}, (3, 2), 0.5, ${samplingRatio}, ${aligned ? 'True' : 'False'})`,
  })),
);

const integersOf = (like: Value, shape: Shape, values: readonly number[]) =>
  like.graph.constant({ dtype: 'int64', shape, data: BigInt64Array.from(values.map(BigInt)) });

const activations: Row[] = (
  [
    ['silu', g.swish],
    ['hardswish', g.hardSwish],
    ['hardsigmoid', (x: Value) => g.hardSigmoid(x)],
    ['relu6', g.relu6],
    ['softplus', g.softplus],
    ['logsigmoid', g.logSigmoid],
    ['elu', (x: Value) => g.elu(x)],
    ['gelu', (x: Value) => g.gelu(x)],
  ] as const
).map(([name, build]) => ({ name, shapes: [[4, 50]], build, python: `F.${name}(a)`, range: 9 }));

const rows: readonly Row[] = [
  {
    name: 'conv_transpose2d',
    shapes: [
      [2, 4, 5, 4],
      [4, 3, 3, 2],
    ],
    build: (x, w) =>
      g.convTranspose2d(x, w, {
        strides: [2, 3],
        padding: [1, 0],
        outputPadding: [1, 2],
        groups: 2,
        dilations: [2, 1],
      }),
    python: 'F.conv_transpose2d(a, b, None, (2, 3), (1, 0), (1, 2), 2, (2, 1))',
  },
  {
    name: 'max_pool2d, dilated, rounding up',
    shapes: [[2, 3, 9, 8]],
    build: (x) => g.maxPool2d(x, { kernel: 3, strides: 2, padding: 1, dilations: [2, 1], ceilMode: true }),
    python: 'F.max_pool2d(a, 3, 2, 1, (2, 1), True)',
  },
  {
    name: 'group_norm',
    shapes: [[3, 6, 4, 5], [6], [6]],
    build: (x, scale, bias) => g.groupNorm(x, scale, bias, 3),
    python: 'F.group_norm(a, 3, b, c)',
  },
  {
    name: 'group_norm of numbers far from zero',
    shapes: [[3, 6, 4, 5], [6], [6]],
    build: (x, scale, bias) => g.groupNorm(g.add(x, 5), scale, bias, 2),
    python: 'F.group_norm(a + 5, 2, b, c)',
  },
  {
    name: 'instance_norm',
    shapes: [[2, 3, 4, 5], [3], [3]],
    build: (x, scale, bias) => g.instanceNorm(x, scale, bias),
    python: 'F.instance_norm(a, weight=b, bias=c)',
  },
  {
    name: 'layer_norm',
    shapes: [
      [2, 3, 4, 5],
      [4, 5],
      [4, 5],
    ],
    build: (x, scale, bias) => g.layerNorm(x, scale, bias),
    python: 'F.layer_norm(a, (4, 5), b, c)',
  },
  {
    name: 'local_response_norm',
    shapes: [[2, 7, 3, 4]],
    build: (x) => g.localResponseNorm(x, { size: 5, alpha: 3, beta: 0.75, k: 2 }),
    python: 'F.local_response_norm(a, 5, 3, 0.75, 2)',
  },
  {
    name: 'interpolate, nearest, doubled',
    shapes: [[2, 3, 4, 5]],
    build: (x) => g.resize2d(x, { size: [8, 10] }),
    python: 'F.interpolate(a, scale_factor=2, mode="nearest")',
  },
  {
    name: 'interpolate, nearest, to a size',
    shapes: [[2, 3, 4, 7]],
    build: (x) => g.resize2d(x, { size: [7, 3] }),
    python: 'F.interpolate(a, (7, 3), mode="nearest")',
  },
  {
    name: 'interpolate, nearest-exact',
    shapes: [[2, 3, 4, 7]],
    build: (x) => g.resize2d(x, { size: [7, 3], coordinates: 'half_pixel', rounding: 'round_prefer_ceil' }),
    python: 'F.interpolate(a, (7, 3), mode="nearest-exact")',
  },
  ...[false, true].map((corners) => ({
    name: `interpolate, bilinear${corners ? ', align_corners' : ''}`,
    shapes: [[2, 3, 4, 7]],
    build: (x: Value) =>
      g.resize2d(x, {
        size: [9, 5],
        mode: 'linear',
        coordinates: corners ? 'align_corners' : 'half_pixel',
      }),
    python: `F.interpolate(a, (9, 5), mode="bilinear", align_corners=${corners ? 'True' : 'False'})`,
  })),
  ...roiRows,
  {
    name: 'topk',
    shapes: [[3, 4, 9]],
    build: (x) => g.topK(x, 4).values,
    python: 'torch.topk(a, 4).values',
  },
  {
    name: 'topk, indices',
    shapes: [[3, 9, 4]],
    build: (x) => g.add(g.cast(g.topK(x, 4, 1, { largest: false }).indices, 'float32'), g.mul(g.sum(x), 0)),
    python: 'torch.topk(a, 4, 1, largest=False).indices + a.sum() * 0',
  },
  {
    name: 'gather',
    shapes: [[3, 4]],
    build: (x) => g.gatherElements(x, integersOf(x, [2, 4], [0, 2, 2, 1, 1, 2, 0, 1]), 0),
    python: 'torch.gather(a, 0, torch.tensor([[0, 2, 2, 1], [1, 2, 0, 1]]))',
  },
  {
    name: 'index_select',
    shapes: [[3, 4, 5]],
    build: (x) => g.gather(x, integersOf(x, [4], [3, 0, 3, 1]), 1),
    python: 'torch.index_select(a, 1, torch.tensor([3, 0, 3, 1]))',
  },
  {
    name: 'scatter_add',
    shapes: [
      [3, 4],
      [2, 3],
    ],
    build: (x, updates) => g.scatterElements(x, integersOf(x, [2, 3], [0, 2, 0, 2, 1, 0]), updates, 0, 'add'),
    python: 'a.scatter_add(0, torch.tensor([[0, 2, 0], [2, 1, 0]]), b)',
  },
  {
    name: 'scatter',
    shapes: [
      [3, 4],
      [2, 3],
    ],
    build: (x, updates) => g.scatterElements(x, integersOf(x, [2, 3], [0, 2, 1, 2, 1, 0]), updates, 0),
    python: 'a.scatter(0, torch.tensor([[0, 2, 1], [2, 1, 0]]), b)',
  },
  {
    name: 'cumsum',
    shapes: [[3, 4, 5]],
    build: (x) => g.cumulativeSum(x, 1),
    python: 'torch.cumsum(a, 1)',
  },
  ...(['reflect', 'edge'] as const).map((mode) => ({
    name: `pad, ${mode}`,
    shapes: [[2, 3, 4, 5]],
    build: (x: Value) => g.padByCopies(x, [0, 0, 1, 3], [0, 0, 2, 4], mode),
    python: `F.pad(a, (3, 4, 1, 2), mode="${mode === 'edge' ? 'replicate' : mode}")`,
  })),
  ...activations,
];

function numbers(shape: Shape, label: string, range = 1): number[] {
  const random = new Random(13, label);
  return Array.from({ length: sizeOf(shape) }, () => Math.fround(random.uniform(-range, range)));
}

interface Case {
  readonly outputs: ReadonlyMap<string, Value>;
  readonly operands: readonly { readonly shape: Shape; readonly data: readonly number[] }[];
  readonly weights: readonly number[];
  readonly python: string;
}

function caseOf(row: Row): Case {
  const graph = new Graph();
  const operands = row.shapes.map((shape, i) => ({
    shape,
    data: numbers(shape, `${row.name} ${i}`, row.range),
  }));
  const parameters = operands.map(({ shape }, i) => graph.input(`p${i}`, shape, { role: 'parameter' }));
  const y = row.build(...parameters);
  const weights = numbers(y.shape, `${row.name} q`);
  const gradients = gradient(g.sum(g.mul(y, graph.constant(float32(y.shape, weights)))), parameters);
  const outputs = new Map([['y', y], ...gradients.map((value, i) => [`g${i}`, value] as const)]);
  return { outputs, operands, weights, python: row.python };
}

async function ours({ outputs, operands }: Case): Promise<Record<string, ArrayLike<number>>> {
  const executable = await Executable.compile(outputs, { threads: 1 });
  operands.forEach(({ shape, data }, i) => {
    if (executable.inputs.includes(`p${i}`)) executable.set(`p${i}`, float32(shape, data));
  });
  const results = await executable.run();
  await executable.close();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}

function worstError(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - found[i]))) / scale;
}

describePython('values and gradients are those of PyTorch', ['torch', 'torchvision'], () => {
  let expected: { y: number[]; gradients: number[][] }[] = [];

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'transferlab-'));
    const path = join(folder, 'cases.json');
    const cases = rows
      .map(caseOf)
      .map(({ operands, weights, python: text }) => ({ operands, weights, python: text }));
    writeFileSync(path, JSON.stringify(cases));
    expected = JSON.parse(python(REFERENCE, path));
    rmSync(folder, { recursive: true });
  }, 60_000);

  test.each(rows.map((row, index) => ({ ...row, index })))('$name', async (row) => {
    const results = await ours(caseOf(row));
    const { y, gradients } = expected[row.index];
    expect(worstError(results.y, y)).toBeLessThan(1e-5);
    gradients.forEach((one, i) => {
      expect(worstError(results[`g${i}`], one)).toBeLessThan(3e-5);
    });
  });
});

const CHECK = `
import json, sys, onnx
for path in json.loads(sys.argv[1]):
    onnx.checker.check_model(onnx.load(path), full_check=True)
print("fine")
`;

describePython('what these rows become', ['onnx'], () => {
  test('passes the checker of ONNX in both forms', () => {
    const folder = mkdtempSync(join(tmpdir(), 'transferlab-'));
    const graph = new Graph();
    const [boxes, scores] = [graph.input('boxes', [2, 9, 4]), graph.input('scores', [2, 3, 9])];
    const kept = g.nonMaxSuppression(boxes, scores, { limit: 4, overlap: 0.5, minimumScore: 0.1 });
    const all = [...rows.map((row) => caseOf(row).outputs), new Map([['kept', kept]])];
    const paths = all.flatMap((outputs, index) =>
      (['training', 'inference'] as const).map((form) => {
        const path = join(folder, `${index}-${form}.onnx`);
        writeFileSync(path, encodeModel(lower(outputs, { form }).model));
        return path;
      }),
    );
    expect(python(CHECK, JSON.stringify(paths)).trim()).toBe('fine');
    rmSync(folder, { recursive: true });
  }, 60_000);
});

const NMS = `
import json, sys, torch
from torchvision.ops import nms
boxes, scores, overlaps = json.loads(sys.argv[1])
print(json.dumps([nms(torch.tensor(boxes), torch.tensor(scores), o).tolist() for o in overlaps]))
`;

describePython('suppression of boxes is that of torchvision', ['torch', 'torchvision'], () => {
  test('at two overlaps', async () => {
    const overlaps = [0.3, 0.6];
    const random = new Random(2, 'boxes');
    const boxes = Array.from({ length: 60 }, () => {
      const [x, y] = [random.uniform(0, 60), random.uniform(0, 60)];
      return [x, y, x + random.uniform(4, 40), y + random.uniform(4, 40)].map(Math.fround);
    });
    const scores = numbers([60], 'scores');
    const graph = new Graph();
    const inputs = [graph.input('boxes', [1, 60, 4]), graph.input('scores', [1, 1, 60])] as const;
    const outputs = overlaps.map((overlap) => g.nonMaxSuppression(...inputs, { limit: 60, overlap }));
    const named = new Map(outputs.map((kept, i) => [`kept${i}`, kept]));
    const executable = await Executable.compile(named, { threads: 1 });
    executable.set('boxes', float32([1, 60, 4], boxes.flat()));
    executable.set('scores', float32([1, 1, 60], scores));
    const found = await executable.run();
    await executable.close();
    const theirs: number[][] = JSON.parse(python(NMS, JSON.stringify([boxes, scores, overlaps])));
    theirs.forEach((kept, i) => {
      expect(kept.length).toBeLessThan(60);
      const padded = [...kept, ...new Array<number>(60 - kept.length).fill(-1)];
      expect(Array.from(found[`kept${i}`].data, Number)).toEqual(padded);
    });
  });
});
