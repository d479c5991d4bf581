/**
 * The tuner: which convolutions of a graph it measures, how it chooses (with times that are made up, since true ones
 * are nobody's to promise), what the real measurement gives, and what is kept on disk and when it counts.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { type Convolution, candidatesOf, convolutionsOf, lowerAlone } from '../../src/compile/index.ts';
import { add, conv2d, Graph, mul, relu, sum, type Value } from '../../src/graph/index.ts';
import { channelBlock } from '../../src/runtime/blocks.ts';
import {
  Executable,
  formulationsName,
  formulationsOf,
  frozenFormulations,
  type Tuned,
  tunedTablePath,
  tuneInto,
  tuningPlace,
} from '../../src/runtime/index.ts';
import { readTunedTable, writeTunedTable } from '../../src/runtime/tuned-table.ts';
import { fastestOf, type Measure, measureFormulations, tune } from '../../src/runtime/tuning.ts';
import { draw } from '../compile/both-forms.ts';
import { temporaryFolder } from '../data/pictures.ts';

const ENGINE = { threads: 1, device: 'cpu' } as const;

/** Two equal convolutions with bias and activation, one of another shape, and the gradients of their weights. */
function graphOf(images = 2): ReadonlyMap<string, Value> {
  const graph = new Graph();
  const x = graph.input('x', [images, 16, 6, 6]);
  const weights = [0, 1].map((i) => graph.input(`w${i}`, [16, 16, 3, 3]));
  const last = graph.input('last', [32, 16, 1, 1]);
  const bias = graph.input('bias', [1, 16, 1, 1]);
  const y = weights.reduce((value, w) => relu(add(conv2d(value, w, { padding: 1 }), bias)), x);
  const loss = sum(mul(conv2d(y, last), conv2d(y, last)));
  const gradients = gradient(loss, [...weights, last]);
  return new Map([['loss', loss], ...gradients.map((value, i) => [`g${i}`, value] as const)]);
}

const CONVOLUTIONS = convolutionsOf([graphOf()]);
const ALL = { channelBlock: 16 };

/** Times by which the last of the candidates is fastest. */
const lastWins: Measure = async (_, names) =>
  new Map(names.map((name, index) => [name, (names.length - index) / 1000]));

describe('what is measured', () => {
  test('every shape once, the most expensive first, with how often it occurs', () => {
    expect(new Set(CONVOLUTIONS.map(({ key }) => key)).size).toBe(CONVOLUTIONS.length);
    const costs = CONVOLUTIONS.map(({ count, multiplyAdds }) => count * multiplyAdds);
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
    const found = CONVOLUTIONS.map(({ op, extents: { o, kh }, count }) => [op, o, kh, count].join(' '));
    // The gradient of the first convolution's image is nobody's, and both pointwise ones share theirs.
    expect(found.sort()).toEqual([
      'conv2d 16 3 2',
      'conv2d 32 1 2',
      'conv2dInputGradient 16 3 1',
      'conv2dInputGradient 32 1 2',
      'conv2dWeightGradient 16 3 2',
      'conv2dWeightGradient 32 1 2',
    ]);
    const forward = CONVOLUTIONS.find(({ op, extents }) => op === 'conv2d' && extents.kh === 3)!;
    expect(forward.multiplyAdds).toBe(2 * 16 * 36 * 16 * 9);
  });

  test('with the sums and activations behind it, as long as nobody else reads what is between', () => {
    const followers = ({ followers }: Convolution) => followers.map(({ op }) => op);
    const [wide] = CONVOLUTIONS.filter(({ op, extents }) => op === 'conv2d' && extents.kh === 3);
    // The gradient of the activation reads its result and not its operand.
    expect(followers(wide)).toEqual(['add', 'relu']);
    const [pointwise] = CONVOLUTIONS.filter(({ op, extents }) => op === 'conv2d' && extents.kh === 1);
    expect(followers(pointwise)).toEqual([]);
    const { model } = lowerAlone(wide, 'tall', ALL.channelBlock);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(expect.arrayContaining(['Conv', 'Add', 'Relu']));
  });

  test('counts over several graphs', () => {
    const twice = convolutionsOf([graphOf(), graphOf()]);
    expect(twice.map(({ count }) => count)).toEqual(CONVOLUTIONS.map(({ count }) => 2 * count));
    expect(convolutionsOf([graphOf(), graphOf(3)])).toHaveLength(2 * CONVOLUTIONS.length);
  });
});

describe('the choice', () => {
  test.each<[string, Record<string, number>, string]>([
    ['the usual one where it is fastest', { usual: 1, other: 2 }, 'usual'],
    ['the usual one where another is hardly faster', { usual: 1.04, other: 1 }, 'usual'],
    ['another that is clearly faster', { usual: 1.2, other: 1.1, best: 1 }, 'best'],
  ])('%s', (_, times, expected) => {
    expect(fastestOf('usual', new Map(Object.entries(times)))).toBe(expected);
  });

  test('falls on what is fastest, for every convolution', async () => {
    const block = await channelBlock('cpu');
    const table = await tune(CONVOLUTIONS, new Map(), { ...ENGINE, measure: lastWins });
    for (const convolution of CONVOLUTIONS) {
      const { names, usual } = candidatesOf(convolution, block);
      const tuned = table.get(convolution.key)!;
      expect([tuned.usual, tuned.chosen]).toEqual([usual, names.at(-1)]);
    }
  });

  test('stays with the usual one when a challenger wins only once', async () => {
    let turn = 0;
    const measure: Measure = async (_, names) => {
      turn++;
      return new Map(
        names.map((name, index) => [name, names.length === 2 ? index + 1 : names.length - index]),
      );
    };
    const [convolution] = CONVOLUTIONS;
    const table = await tune([convolution], new Map(), { ...ENGINE, measure });
    const { usual, chosen } = table.get(convolution.key)!;
    expect([turn, chosen]).toEqual([2, usual]);
  });

  test('is not made again for what is known, nor when time is up', async () => {
    const known = new Map<string, Tuned>([
      [CONVOLUTIONS[1].key, { usual: 'a', chosen: 'b', seconds: { a: 2, b: 1 } }],
    ]);
    const asked: string[] = [];
    const measure: Measure = async (convolution, names, options) => {
      asked.push(convolution.key);
      return lastWins(convolution, names, options);
    };
    const table = await tune(CONVOLUTIONS, known, { ...ENGINE, measure });
    expect(table.get(CONVOLUTIONS[1].key)).toBe(known.get(CONVOLUTIONS[1].key));
    expect(new Set(asked)).toEqual(
      new Set(CONVOLUTIONS.map(({ key }) => key).filter((key) => !known.has(key))),
    );

    asked.length = 0;
    const settled = await tune(CONVOLUTIONS, known, { ...ENGINE, measure, seconds: 0 });
    expect(asked).toEqual([]);
    expect([...settled.keys()].sort()).toEqual([...table.keys()].sort());
    expect(formulationsOf(settled)).toEqual(new Map([[CONVOLUTIONS[1].key, 'b']]));
  });

  test('tells how far it is', async () => {
    const fractions: number[] = [];
    const onProgress = (_: Convolution, fraction: number) => fractions.push(fraction);
    await tune(CONVOLUTIONS, new Map(), { ...ENGINE, measure: lastWins, onProgress });
    expect(fractions[0]).toBe(0);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeLessThan(1);
  });
});

describe('the measurement', () => {
  test('gives a time for every candidate, and one for those that are the same program', async () => {
    const block = await channelBlock('cpu');
    for (const convolution of CONVOLUTIONS) {
      const { names } = candidatesOf(convolution, block);
      const times = await measureFormulations(convolution, names, ENGINE);
      expect([...times.keys()].sort()).toEqual([...names].sort());
      for (const seconds of times.values()) expect(seconds).toBeGreaterThan(0);
      // The gradient of a pointwise weight is one product, whichever way it is called.
      if (convolution.op === 'conv2dWeightGradient' && convolution.extents.kh === 1) {
        expect(new Set(times.values()).size).toBe(1);
      }
    }
  });
});

describe('the graph that is timed', () => {
  test('is computed as it is written, as a step computes it', async () => {
    const create = vi.spyOn(ort.InferenceSession, 'create');
    const block = await channelBlock('cpu');
    const step = await Executable.compile(graphOf(), ENGINE);
    for (const convolution of CONVOLUTIONS.slice(0, 2)) {
      await measureFormulations(convolution, candidatesOf(convolution, block).names, ENGINE);
    }
    await step.close();
    const levels = create.mock.calls.map(
      ([, settings]) => (settings as unknown as ort.InferenceSession.SessionOptions).graphOptimizationLevel,
    );
    create.mockRestore();
    expect(levels.length).toBeGreaterThan(2);
    expect(new Set(levels)).toEqual(new Set(['disabled']));
  });
});

describe('the table on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  const place = tuningPlace(ENGINE);
  const options = () => ({ ...ENGINE, cacheFolder: folder, measure: lastWins });

  test('is what the next start reads, and grows', async () => {
    const first = await tuneInto(CONVOLUTIONS.slice(0, 2), options());
    expect(await readTunedTable(folder, place)).toEqual(first);
    const measured: string[] = [];
    const all = await tuneInto(CONVOLUTIONS, {
      ...options(),
      onProgress: ({ key }) => measured.push(key),
    });
    expect(measured).toEqual(CONVOLUTIONS.slice(2).map(({ key }) => key));
    expect(await readTunedTable(folder, place)).toEqual(all);
    expect(await readdir(join(folder, 'formulations'))).toHaveLength(1);
  });

  test('has nothing that was not measured', async () => {
    const settled = await tuneInto(CONVOLUTIONS, { ...options(), seconds: 0 });
    expect(settled.size).toBe(CONVOLUTIONS.length);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['cut', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['another kind of JSON', () => '[1, 2]'],
    ['of entries that are none', (text: string) => text.replaceAll('"chosen"', '"selected"')],
    ['of another place', (text: string) => text.replace('"threads": 1', '"threads": 7')],
  ])('counts for nothing when it is %s, and is written anew', async (_, damage) => {
    const whole = await tuneInto(CONVOLUTIONS, options());
    const path = tunedTablePath(folder, place);
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(await readTunedTable(folder, place)).toBeUndefined();
    expect(await tuneInto(CONVOLUTIONS, options())).toEqual(whole);
    expect(await readTunedTable(folder, place)).toEqual(whole);
  });

  test.each([
    ['engine', { engine: '0.0.1' }],
    ['processor', { processor: 'another' }],
    ['threads', { threads: 2 }],
    ['device', { device: 'webgpu' }],
    ['formulations', { formulations: 'another choice' }],
  ])('of another %s is another file', async (_, change) => {
    const table = await tuneInto(CONVOLUTIONS, options());
    const other = { ...place, ...change };
    expect(await readTunedTable(folder, other)).toBeUndefined();
    await writeTunedTable(folder, other, new Map());
    expect(await readTunedTable(folder, other)).toEqual(new Map());
    expect(await readTunedTable(folder, place)).toEqual(table);
  });

  test('keeps what another process wrote meanwhile', async () => {
    const theirs: Tuned = { usual: 'a', chosen: 'b', seconds: { a: 2, b: 1 } };
    let written = false;
    await tuneInto(CONVOLUTIONS, {
      ...options(),
      measure: async (...given) => {
        if (!written) await writeTunedTable(folder, place, new Map([['theirs', theirs]]));
        written = true;
        return lastWins(...given);
      },
    });
    const table = await readTunedTable(folder, place);
    expect(table?.get('theirs')).toEqual(theirs);
    expect(table?.size).toBe(CONVOLUTIONS.length + 1);
  });

  test('of a study stays what it was at first, and learns of what it does not have', async () => {
    const tuned = (chosen: string) => async (missing: readonly Convolution[]) =>
      new Map(missing.map(({ key }) => [key, { usual: 'a', chosen, seconds: { a: 2, [chosen]: 1 } }]));
    const [one, two, three] = CONVOLUTIONS;
    const first = await frozenFormulations(folder, place, [one, two], tuned('b'));
    expect([...first.values()]).toEqual(['b', 'b']);
    expect(await frozenFormulations(folder, place, [one, two], tuned('c'))).toEqual(first);
    const more = await frozenFormulations(folder, place, [one, three], tuned('c'));
    expect(more).toEqual(new Map([...first, [three.key, 'c']]));
    const elsewhere = { ...place, threads: 2 };
    expect([...(await frozenFormulations(folder, elsewhere, [one], tuned('c'))).values()]).toEqual(['c']);
  });

  test('has a name that its content determines', () => {
    const name = formulationsName(
      new Map([
        ['x', 'a'],
        ['y', 'b'],
      ]),
    );
    expect(
      formulationsName(
        new Map([
          ['y', 'b'],
          ['x', 'a'],
        ]),
      ),
    ).toBe(name);
    expect(
      formulationsName(
        new Map([
          ['x', 'a'],
          ['y', 'c'],
        ]),
      ),
    ).not.toBe(name);
  });

  test('says so when its folder cannot be written', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(tuneInto(CONVOLUTIONS, { ...options(), cacheFolder: file })).rejects.toMatchObject({
      code: 'TABLE_NOT_WRITTEN',
    });
  });
});

test('a graph compiled with a table computes the same by other formulations', async () => {
  const table = await tune(CONVOLUTIONS, new Map(), { ...ENGINE, measure: lastWins });
  const results = [];
  for (const formulations of [undefined, formulationsOf(table)]) {
    const executable = await Executable.compile(graphOf(), { ...ENGINE, formulations });
    for (const name of executable.inputs) executable.set(name, draw(shapeOf(name), name));
    results.push(await executable.run());
    await executable.close();
  }
  const [usual, tuned] = results;
  for (const name of Object.keys(usual)) {
    const [a, b] = [usual[name].data, tuned[name].data].map((data) => Array.from(data as Float32Array));
    const largest = Math.max(...a.map(Math.abs));
    const worst = Math.max(...a.map((value, index) => Math.abs(value - b[index])));
    expect(worst).toBeLessThan(1e-5 * largest);
  }
  // Rounding tells them apart.
  expect(Array.from(tuned.g0.data as Float32Array)).not.toEqual(Array.from(usual.g0.data as Float32Array));
});

function shapeOf(name: string): number[] {
  const shapes: Record<string, number[]> = {
    ...{
      x: [2, 16, 6, 6],
      w0: [16, 16, 3, 3],
      w1: [16, 16, 3, 3],
      last: [32, 16, 1, 1],
      bias: [1, 16, 1, 1],
    },
  };
  return shapes[name];
}
