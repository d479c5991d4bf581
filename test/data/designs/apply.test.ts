/**
 * Designs applied to data sets: laws that hold for any data set and any design (nested, exact counts, independent of
 * order), the merges of published label maps, and what is refused.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ImageDataset, type ImageRecord, SPLITS, type SplitName } from '../../../src/data/contract.ts';
import { applyDesign } from '../../../src/data/designs/apply.ts';
import {
  composeDesigns,
  type Design,
  type DesignStep,
  describeDesign,
  designHash,
} from '../../../src/data/designs/design.ts';
import { openProceduralDataset } from '../../../src/data/procedural/dataset.ts';
import { contentHash, sha256 } from '../../../src/util/hash.ts';

type Counts = Readonly<Record<SplitName, readonly number[]>>;

/** A data set of `counts[split][class]` images that have no pixels. */
function datasetOf(counts: Counts, task: ImageDataset['task'] = 'single-label'): ImageDataset {
  const classes = counts.train.map((_, label) => `class ${label}`);
  const part = (split: SplitName): ImageRecord[] =>
    counts[split].flatMap((count, label) =>
      Array.from({ length: count }, (_, i) => {
        const id = `${split}/${label}/${i}`;
        const labels = classes.map((_name, c) => (c === label ? 1 : (i + c) % 3 === 0 ? -1 : 0));
        return { id, label, contentHash: sha256(id), ...(task === 'multi-label' && { labels }) };
      }),
    );
  const splits = { train: part('train'), validation: part('validation'), test: part('test') };
  return {
    name: 'made up',
    task,
    classes,
    metric: task === 'multi-label' ? 'meanAveragePrecision' : 'top1',
    splits,
    problems: [],
    fingerprint: contentHash({ classes, splits }),
    render: () => Promise.reject(new Error('no pixels')),
  };
}

const sizes = (dataset: ImageDataset) => SPLITS.map((split) => dataset.splits[split].length);
const ids = (dataset: ImageDataset, split: SplitName) => dataset.splits[split].map(({ id }) => id);
const perClassOf = (dataset: ImageDataset, split: SplitName) =>
  dataset.classes.map((_, label) => dataset.splits[split].filter((record) => record.label === label).length);
const design = (...steps: DesignStep[]): Design => ({ steps });

function codeOf(dataset: ImageDataset, ...steps: DesignStep[]): string {
  try {
    applyDesign(dataset, design(...steps));
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

/** Data sets of 2 to 6 classes with 4 to 30 training and 2 to 9 validation images each. */
const datasets = fc
  .array(
    fc.tuple(fc.integer({ min: 4, max: 30 }), fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 5 })),
    {
      minLength: 2,
      maxLength: 6,
    },
  )
  .map((rows) =>
    datasetOf({
      train: rows.map((r) => r[0]),
      validation: rows.map((r) => r[1]),
      test: rows.map((r) => r[2]),
    }),
  );
const seeds = fc.integer({ min: -5, max: 1000 });

const within = (part: readonly string[], whole: readonly string[]) => {
  const all = new Set(whole);
  return part.every((id) => all.has(id));
};

/** Two sizes, both possible for a data set, the smaller first, of a step that draws images. */
const growing = datasets.chain((dataset) => {
  const { train, validation } = dataset.splits;
  const classes = dataset.classes.length;
  const most = Math.min(...perClassOf(dataset, 'train'));
  const mostValidation = Math.min(...perClassOf(dataset, 'validation'));
  const pair = (least: number, greatest: number) =>
    fc
      .tuple(fc.integer({ min: least, max: greatest }), fc.integer({ min: least, max: greatest }))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  return fc.record({
    dataset: fc.constant(dataset),
    seed: seeds,
    perClass: pair(1, Math.min(most, mostValidation)),
    total: pair(classes, Math.min(train.length, validation.length + classes - 1)),
    shares: fc.tuple(
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
    ),
    upTo: pair(2, 60),
  });
});

describe('draws of images', () => {
  test('are nested: what a smaller draw keeps, a larger one of the same seed keeps too', () => {
    fc.assert(
      fc.property(growing, ({ dataset, seed, perClass, shares, upTo }) => {
        const [low, high] = [Math.min(...shares), Math.max(...shares)];
        const both = (n: number) => ({ train: n, validation: n });
        const pairs: [DesignStep, DesignStep][] = [
          [
            { kind: 'per-class', n: both(perClass[0]), seed },
            { kind: 'per-class', n: both(perClass[1]), seed },
          ],
          [
            { kind: 'per-class', n: upTo[0], upTo: true, seed },
            { kind: 'per-class', n: upTo[1], upTo: true, seed },
          ],
          [
            { kind: 'fraction', share: low, seed },
            { kind: 'fraction', share: high, seed },
          ],
        ];
        for (const [smaller, larger] of pairs) {
          const [a, b] = [applyDesign(dataset, design(smaller)), applyDesign(dataset, design(larger))];
          for (const split of SPLITS) expect(within(ids(a, split), ids(b, split))).toBe(true);
          expect(ids(a, 'test')).toEqual(ids(dataset, 'test'));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('in total are nested, exact, and divided between train and validation by their shares', () => {
    fc.assert(
      fc.property(datasets, seeds, fc.nat(), fc.nat(), (dataset, seed, x, y) => {
        const [trainAll, validationAll] = sizes(dataset);
        const all = trainAll + validationAll;
        const least = 2 * dataset.classes.length + 4;
        const [low, high] = [x, y].map((n) => least + (n % (all - least + 1))).sort((a, b) => a - b);
        const [a, b] = [low, high].map((n) => applyDesign(dataset, design({ kind: 'total', n, seed })));
        for (const [drawn, n] of [
          [a, low],
          [b, high],
        ] as const) {
          const [train, validation] = sizes(drawn);
          expect(train + validation).toBe(n);
          expect(Math.abs(validation - (n * validationAll) / all)).toBeLessThanOrEqual(1);
        }
        for (const split of SPLITS) expect(within(ids(a, split), ids(b, split))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('in total have every class by its share, give or take what one image of every class costs', () => {
    fc.assert(
      fc.property(growing, ({ dataset, seed, total: [, n] }) => {
        const drawn = applyDesign(dataset, design({ kind: 'total', n: { train: n, validation: 2 }, seed }));
        const [before, after] = [perClassOf(dataset, 'train'), perClassOf(drawn, 'train')];
        const all = sizes(dataset)[0];
        for (const [label, count] of after.entries()) {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(Math.abs(count - (n * before[label]) / all)).toBeLessThanOrEqual(dataset.classes.length);
        }
      }),
    );
  });

  test('per class have exactly so many of every class, in the order of the data set', () => {
    fc.assert(
      fc.property(growing, ({ dataset, seed, perClass: [, n] }) => {
        const drawn = applyDesign(
          dataset,
          design({ kind: 'per-class', n: { train: n, validation: 1 }, seed }),
        );
        expect(perClassOf(drawn, 'train')).toEqual(dataset.classes.map(() => n));
        expect(perClassOf(drawn, 'validation')).toEqual(dataset.classes.map(() => 1));
        const order = ids(dataset, 'train').filter((id) => ids(drawn, 'train').includes(id));
        expect(ids(drawn, 'train')).toEqual(order);
      }),
    );
  });

  test('depend on seed and ids, not on the order of records, other classes or earlier draws', () => {
    fc.assert(
      fc.property(growing, ({ dataset, seed, perClass: [low, high] }) => {
        const step = (n: number): DesignStep => ({ kind: 'per-class', n: { train: n, validation: 1 }, seed });
        const direct = applyDesign(dataset, design(step(low)));
        const reversed = {
          ...dataset,
          splits: { ...dataset.splits, train: [...dataset.splits.train].reverse() },
        };
        expect(ids(applyDesign(reversed, design(step(low))), 'train').sort()).toEqual(
          ids(direct, 'train').sort(),
        );
        expect(applyDesign(dataset, design(step(high), step(low))).fingerprint).toBe(direct.fingerprint);
        const keep: DesignStep = { kind: 'keep-classes', classes: dataset.classes.slice(0, 2) };
        expect(applyDesign(dataset, design(keep, step(low))).fingerprint).toBe(
          applyDesign(dataset, design(step(low), keep)).fingerprint,
        );
      }),
      { numRuns: 40 },
    );
  });

  test('differ between seeds', () => {
    const dataset = datasetOf({ train: [40, 40], validation: [10, 10], test: [3, 3] });
    const drawn = [1, 2, 3].map((seed) =>
      ids(applyDesign(dataset, design({ kind: 'total', n: 20, seed })), 'train').join(),
    );
    expect(new Set(drawn).size).toBe(3);
  });

  test('choose every image equally often over many seeds', () => {
    const dataset = datasetOf({ train: [12, 12], validation: [2, 2], test: [1, 1] });
    const chosen = new Map<string, number>();
    const rounds = 600;
    for (let seed = 0; seed < rounds; seed++) {
      const n = { train: 3, validation: 1 };
      for (const id of ids(applyDesign(dataset, design({ kind: 'per-class', n, seed })), 'train'))
        chosen.set(id, (chosen.get(id) ?? 0) + 1);
    }
    // 150 expected of each, with a standard deviation of 10.6.
    expect(chosen.size).toBe(24);
    for (const count of chosen.values()) expect(Math.abs(count - rounds / 4)).toBeLessThan(50);
  });
});

describe('classes', () => {
  const dataset = datasetOf({ train: [5, 6, 7, 8], validation: [2, 2, 2, 2], test: [3, 4, 5, 6] });

  test('are kept and dropped in all three parts', () => {
    const kept = applyDesign(dataset, design({ kind: 'keep-classes', classes: ['class 3', 'class 1'] }));
    expect(kept.classes).toEqual(['class 1', 'class 3']);
    expect(SPLITS.map((split) => perClassOf(kept, split))).toEqual([
      [6, 8],
      [2, 2],
      [4, 6],
    ]);
    const dropped = applyDesign(dataset, design({ kind: 'drop-classes', classes: ['class 0', 'class 2'] }));
    expect(dropped.fingerprint).toBe(kept.fingerprint);
  });

  test('are drawn so that fewer are some of more', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const [two, three] = [2, 3].map((n) =>
          applyDesign(dataset, design({ kind: 'draw-classes', n, seed })),
        );
        expect([two.classes.length, three.classes.length]).toEqual([2, 3]);
        expect(within(two.classes, three.classes)).toBe(true);
      }),
    );
  });

  test('are merged: every image keeps its place and takes the merged label', () => {
    const into = { 'class 0': 'x', 'class 1': 'a', 'class 2': 'x', 'class 3': 'class 3', elsewhere: 'y' };
    const merged = applyDesign(dataset, design({ kind: 'merge-classes', into }));
    expect(merged.classes).toEqual(['a', 'class 3', 'x']);
    expect(perClassOf(merged, 'train')).toEqual([6, 8, 12]);
    for (const split of SPLITS) {
      expect(ids(merged, split)).toEqual(ids(dataset, split));
      for (const [i, { label }] of merged.splits[split].entries()) {
        const before = dataset.classes[dataset.splits[split][i].label] as keyof typeof into;
        expect(merged.classes[label]).toBe(into[before]);
      }
    }
  });

  test('of multi-label images are questions: fewer questions, or one that any of several answers', () => {
    const many = datasetOf({ train: [3, 3, 3], validation: [1, 1, 1], test: [2, 2, 2] }, 'multi-label');
    const kept = applyDesign(many, design({ kind: 'keep-classes', classes: ['class 2'] }));
    expect(sizes(kept)).toEqual(sizes(many));
    expect(kept.splits.train.map(({ labels }) => labels)).toEqual(
      many.splits.train.map(({ labels }) => [labels![2]]),
    );
    const into = { 'class 0': 'either', 'class 1': 'either', 'class 2': 'other' };
    const merged = applyDesign(many, design({ kind: 'merge-classes', into }));
    for (const [i, { labels, label }] of merged.splits.test.entries()) {
      const [a, b, c] = many.splits.test[i].labels!;
      expect(labels).toEqual([a === 1 || b === 1 ? 1 : a === -1 || b === -1 ? -1 : 0, c]);
      expect(label).toBe(labels![0] === 1 ? 0 : 1);
    }
    expect(sizes(applyDesign(many, design({ kind: 'total', n: 6, seed: 0 })))).toEqual([4, 2, 6]);
    expect(codeOf(many, { kind: 'per-class', n: 2, seed: 0 })).toBe('DESIGN_TASK');
  });
});

describe('the data set that is left', () => {
  test('is the data set itself without steps, and has its fingerprint when everything is kept', () => {
    const dataset = datasetOf({ train: [5, 6], validation: [2, 2], test: [3, 4] });
    expect(applyDesign(dataset, { steps: [] })).toBe(dataset);
    const all = applyDesign(dataset, design({ kind: 'fraction', share: 1, seed: 3 }));
    expect(all.fingerprint).toBe(dataset.fingerprint);
    expect(all.name).toBe('made up (100%, seed 3)');
    const half = applyDesign(dataset, design({ kind: 'fraction', share: 0.5, seed: 3 }));
    expect(half.fingerprint).not.toBe(dataset.fingerprint);
    expect(half.fingerprint).toBe(contentHash({ classes: half.classes, splits: half.splits }));
  });

  test('renders what the whole one renders, although labels have changed', async () => {
    const whole = openProceduralDataset('procedural/shapes');
    const last = whole.classes.slice(-2);
    const part = applyDesign(
      whole,
      design({ kind: 'keep-classes', classes: last }, { kind: 'per-class', n: 4, seed: 0 }),
    );
    const record = part.splits.train[0];
    expect(record.label).toBe(0);
    const view = { kind: 'central-square', size: 16, filter: 'bilinear' } as const;
    const source = whole.splits.train.find(({ id }) => id === record.id)!;
    expect(await part.render(record, view)).toEqual(await whole.render(source, view));
  });

  test('keeps the problems of its images and of files that are in no part', () => {
    const dataset = {
      ...datasetOf({ train: [3, 3, 3], validation: [1, 1, 1], test: [1, 1, 1] }),
      problems: ['train/0/1', 'train/2/0', 'broken.jpg'].map((id) => ({
        kind: 'duplicate' as const,
        images: [id],
        message: `About ${id}.`,
      })),
    };
    const part = applyDesign(dataset, design({ kind: 'drop-classes', classes: ['class 0'] }));
    expect(part.problems.map(({ message }) => message)).toEqual(['About train/2/0.', 'About broken.jpg.']);
  });
});

describe('designs', () => {
  const tenth: Design = { name: 'a tenth', steps: [{ kind: 'fraction', share: 0.1, seed: 1 }] };
  const merge: Design = { steps: [{ kind: 'merge-classes', into: { a: 'x', b: 'x' }, about: 'the tree' }] };

  test('compose to their steps in order, and applying them so is applying one after the other', () => {
    const dataset = datasetOf({ train: [30, 30, 30], validation: [9, 9, 9], test: [2, 2, 2] });
    const first = design({ kind: 'draw-classes', n: 2, seed: 4 });
    const second = design({ kind: 'per-class', n: 10, seed: 4 });
    expect(applyDesign(dataset, composeDesigns(first, second)).fingerprint).toBe(
      applyDesign(applyDesign(dataset, first), second).fingerprint,
    );
    expect(composeDesigns(tenth, merge)).toEqual({
      name: 'a tenth',
      steps: [...tenth.steps, ...merge.steps],
    });
  });

  test('have a hash of what they do, not of what they are called', () => {
    expect(designHash({ ...tenth, name: 'other' })).toBe(designHash(tenth));
    expect(designHash(design({ kind: 'fraction', share: 0.1, seed: 2 }))).not.toBe(designHash(tenth));
    expect(designHash(design({ kind: 'merge-classes', into: { b: 'x', a: 'x' } }))).toBe(designHash(merge));
  });

  test('are described in a few words', () => {
    expect(describeDesign(tenth)).toBe('a tenth');
    expect(describeDesign(merge)).toBe('merged into the tree');
    expect(
      describeDesign(
        design(
          { kind: 'drop-classes', classes: ['a'] },
          { kind: 'draw-classes', n: 5, seed: 1 },
          { kind: 'merge-classes', into: { a: 'x', b: 'x', c: 'y' } },
          { kind: 'per-class', n: { train: 8, validation: 2 }, upTo: true, seed: 1 },
          { kind: 'total', n: 100, seed: 1 },
        ),
      ),
    ).toBe(
      'without a, 5 classes, seed 1, merged into 2 classes, up to 8+2 per class, seed 1, 100 images, seed 1',
    );
  });
});

describe('what cannot be done is refused', () => {
  const dataset = datasetOf({ train: [5, 6, 20], validation: [2, 2, 2], test: [3, 0, 2] });
  test.each<[string, DesignStep]>([
    ['DESIGN_UNKNOWN_CLASS', { kind: 'keep-classes', classes: ['class 0', 'class 9'] }],
    ['DESIGN_UNKNOWN_CLASS', { kind: 'drop-classes', classes: ['Class 0'] }],
    ['DESIGN_AMOUNT', { kind: 'draw-classes', n: 4, seed: 0 }],
    ['DESIGN_NOTHING_LEFT', { kind: 'draw-classes', n: 1, seed: 0 }],
    ['DESIGN_NOTHING_LEFT', { kind: 'drop-classes', classes: ['class 0', 'class 1', 'class 2'] }],
    ['DESIGN_UNMERGED_CLASS', { kind: 'merge-classes', into: { 'class 0': 'a', 'class 1': 'b' } }],
    [
      'DESIGN_NOTHING_LEFT',
      { kind: 'merge-classes', into: { 'class 0': 'a', 'class 1': 'a', 'class 2': 'a' } },
    ],
    ['DESIGN_CLASS_TOO_SMALL', { kind: 'per-class', n: { train: 6, validation: 1 }, seed: 0 }],
    ['DESIGN_CLASS_TOO_SMALL', { kind: 'per-class', n: { train: 5, validation: 3 }, seed: 0 }],
    ['DESIGN_AMOUNT', { kind: 'per-class', n: 1, seed: 0 }],
    ['DESIGN_AMOUNT', { kind: 'total', n: 38, seed: 0 }],
    ['DESIGN_AMOUNT', { kind: 'total', n: { train: 2, validation: 2 }, seed: 0 }],
  ])('%s: %j', (code, step) => expect(codeOf(dataset, step)).toBe(code));
});
