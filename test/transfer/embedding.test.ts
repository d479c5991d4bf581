/**
 * Drawings of features: nearest neighbours, trustworthiness and t-SNE against scikit-learn on handwritten digits, what
 * both methods must keep of groups that lie apart, and the whole on a folder of images.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ImageDataset, ImageRecord } from '../../src/data/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { embedding } from '../../src/transfer/embedding.ts';
import {
  neighbourAccuracy,
  neighbourOrder,
  type Points,
  squaredDistances,
  trustworthiness,
} from '../../src/transfer/neighbours.ts';
import type { SettingInputs } from '../../src/transfer/setting.ts';
import { tsne } from '../../src/transfer/tsne.ts';
import { umap } from '../../src/transfer/umap.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { describePython, python } from '../python.ts';
import { colourInputs } from './small-inputs.ts';

interface Fixture {
  readonly columns: number;
  readonly points: readonly number[];
  readonly labels: readonly number[];
  readonly accuracy: Readonly<Record<string, number>>;
  readonly trustworthiness: Readonly<Record<string, number>>;
  readonly divergence: readonly number[];
}

const path = join(import.meta.dirname, '../fixtures/embedding.json');
const fixture: Fixture = JSON.parse(readFileSync(path, 'utf8'));
const digits: Points = { data: fixture.points, count: fixture.labels.length, columns: fixture.columns };
const PERPLEXITY = 30;

const orderOf = (points: Points) => neighbourOrder(squaredDistances(points), points.count);
const firstTwo = Float64Array.from({ length: 2 * digits.count }, (_, i) => {
  return digits.data[Math.floor(i / 2) * digits.columns + (i % 2)];
});
const planar = (data: ArrayLike<number>): Points => ({ data, count: data.length / 2, columns: 2 });

describe('nearest neighbours, against scikit-learn', () => {
  const order = orderOf(digits);

  it.each(Object.entries(fixture.accuracy))(
    'accuracy of %s neighbours under leave-one-out',
    (k, expected) => {
      expect(neighbourAccuracy(order, fixture.labels, Number(k))).toBeCloseTo(expected, 12);
    },
  );

  it.each(Object.entries(fixture.trustworthiness))('trustworthiness of %s neighbours', (k, expected) => {
    expect(trustworthiness(order, orderOf(planar(firstTwo)), Number(k))).toBeCloseTo(expected, 12);
  });

  it('a drawing that is the points themselves deserves full trust', () => {
    expect(trustworthiness(order, order, 10)).toBe(1);
  });
});

/** The divergence by its definition, with the probabilities of scikit-learn. */
const DIVERGENCE = `
import json, sys
import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import _t_sne
fixture = json.load(open(sys.argv[1]))
x = np.array(fixture['points']).reshape(-1, fixture['columns'])
y = np.fromfile(sys.argv[2]).reshape(-1, 2)
p = _t_sne._joint_probabilities(squareform(pdist(x, 'sqeuclidean')), float(sys.argv[3]), 0)
q = 1 / (1 + pdist(y, 'sqeuclidean'))
q /= 2 * q.sum()
print(2 * np.sum(p * np.log(p / q)))
`;

describePython('t-SNE, against scikit-learn', ['sklearn', 'scipy'], () => {
  it('the divergence that it says is that of its drawing, and no worse than what scikit-learn reaches', async () => {
    const { points, divergence } = await tsne(digits, { perplexity: PERPLEXITY });
    const file = join(await temporaryFolder(), 'drawing.f64');
    await writeFile(file, points);
    const evaluated = Number(python(DIVERGENCE, path, file, `${PERPLEXITY}`));
    expect(divergence).toBeCloseTo(evaluated, 4);
    expect(evaluated).toBeLessThan(1.02 * Math.max(...fixture.divergence));
  });
});

/** Groups of points whose centres are far from each other beside their spread. */
function groups(perGroup: number, columns = 20): { points: Points; labels: number[] } {
  const random = new Random(3, 'groups');
  const labels = [0, 1, 2, 3].flatMap((group) => new Array<number>(perGroup).fill(group));
  const data = labels.flatMap((group) =>
    Array.from({ length: columns }, (_, k) => random.normal() + (k % 4 === group ? 12 : 0)),
  );
  return { points: { data, count: labels.length, columns }, labels };
}

const METHODS = {
  tsne: async (points: Points) => (await tsne(points, { perplexity: 15, iterations: 500 })).points,
  umap: async (points: Points, seed = 0) =>
    umap(squaredDistances(points), orderOf(points), { neighbours: 10, seed }),
};

describe.each(['tsne', 'umap'] as const)('%s', (method) => {
  const { points, labels } = groups(30);

  it('keeps groups that lie apart', async () => {
    const drawing = planar(await METHODS[method](points));
    expect(neighbourAccuracy(orderOf(drawing), labels, 10)).toBe(1);
  });

  it('keeps near digits near', async () => {
    const drawing = planar(await METHODS[method](digits));
    expect(trustworthiness(orderOf(digits), orderOf(drawing), 10)).toBeGreaterThan(0.95);
  });

  it('repeats itself to the bit', async () => {
    expect(await METHODS[method](points)).toEqual(await METHODS[method](points));
  });

  it('draws points that are all the same', async () => {
    const same: Points = { data: new Float64Array(60).fill(2), count: 20, columns: 3 };
    const drawing = await METHODS[method](same);
    expect(drawing.every(Number.isFinite)).toBe(true);
  });
});

it('another seed is another drawing of UMAP', async () => {
  const { points } = groups(10);
  expect(await METHODS.umap(points, 0)).not.toEqual(await METHODS.umap(points, 1));
});

describe('of images', () => {
  let inputs: SettingInputs;
  beforeAll(async () => {
    inputs = await colourInputs(40);
  });
  const options = { methods: ['tsne', 'umap'], imagesPerClass: 6 } as const;

  it('both methods draw the same images, and colours lie apart', async () => {
    const { value } = await embedding(inputs, options);
    const { embeddings } = value;
    expect(embeddings.map(({ method }) => method)).toEqual(['tsne', 'umap']);
    for (const { classes, points, knn, trustworthiness: trust, nearest } of embeddings) {
      expect(classes).toEqual(['blue', 'green', 'red']);
      expect(points.map(({ label }) => label)).toEqual([0, 1, 2].flatMap((label) => Array(6).fill(label)));
      expect(nearest).toBe(8);
      expect(knn).toBeGreaterThan(0.9);
      expect(trust).toBeGreaterThan(0.7);
    }
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect((await embedding(inputs, options)).value).toEqual(value);
  });

  it('takes as many classes as are asked for', async () => {
    const { value } = await embedding(inputs, { ...options, methods: ['tsne'], classes: 2 });
    const [{ classes, points }] = value.embeddings;
    expect(classes.length).toBe(2);
    expect(points.length).toBe(12);
  });

  it('of a multi-label set draws the images with one class', async () => {
    const { dataset } = inputs;
    const ofSeveral = (record: ImageRecord, i: number): ImageRecord => ({
      ...record,
      labels: dataset.classes.map((_, k) => (k === record.label ? 1 : i % 2 === 0 ? 1 : -1)),
    });
    const test = dataset.splits.test.map(ofSeveral);
    const several: ImageDataset = {
      ...{ ...dataset, task: 'multi-label', metric: 'meanAveragePrecision' },
      splits: { ...dataset.splits, test },
    };
    const { value } = await embedding(
      { ...inputs, dataset: several },
      { ...options, methods: ['tsne'], imagesPerClass: 100 },
    );
    expect(value.embeddings[0].points.length).toBe(Math.floor(test.length / 2));
  });

  it.each([
    [{ classes: 1 }, '6 images of 1 of its classes'],
    [{ imagesPerClass: 2 }, '6 images of 3 of its classes'],
  ])('refuses too small a sample: %o', async (change, message) => {
    await expect(embedding(inputs, { ...options, ...change })).rejects.toThrow(message);
  });

  it('refuses features that are not finite', async () => {
    const weights = new Map(inputs.weights);
    const { shape, data } = weights.get('conv1.weight')!;
    weights.set('conv1.weight', float32(shape, data.slice().fill(3e38)));
    await expect(embedding({ ...inputs, weights }, options)).rejects.toMatchObject({
      code: 'FEATURES_NOT_FINITE',
    });
  });

  it('refuses a network without weights', async () => {
    await expect(embedding({ ...inputs, weights: undefined }, options)).rejects.toMatchObject({
      code: 'WEIGHTS_MISSING',
    });
  });
});
