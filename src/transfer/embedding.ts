/** Penultimate features of some images, drawn in two dimensions by t-SNE or UMAP. */
import type { ImageDataset, ImageRecord, SplitName } from '../data/index.ts';
import { Random } from '../tensor/random.ts';
import { UserError } from '../util/errors.ts';
import { imageRows, preTrained, trainedNetwork } from './image-rows.ts';
import {
  neighbourAccuracy,
  neighbourOrder,
  type Points,
  squaredDistances,
  trustworthiness,
} from './neighbours.ts';
import { firstOfClass } from './sample.ts';
import type { SettingInputs } from './setting.ts';
import { tsne } from './tsne.ts';
import { umap } from './umap.ts';

type EmbeddingMethod = 'tsne' | 'umap';

export interface EmbeddingOptions {
  readonly methods: readonly EmbeddingMethod[];
  /** At most so many classes, drawn by the seed where there are more; 10 unless told otherwise. */
  readonly classes?: number;
  readonly imagesPerClass?: number;
  /** Of t-SNE; a third of the images at most. 30 unless told otherwise. */
  readonly perplexity?: number;
  /** Of UMAP, the image itself among them. 15 unless told otherwise. */
  readonly neighbours?: number;
  /** Images and UMAP's random numbers; the same images for all networks. */
  readonly seed?: number;
  readonly part?: SplitName;
  /** SHA-256 of a network that a setting exported, in place of the pre-trained one. */
  readonly network?: string | null;
  /** Where that network's file lies. */
  readonly networkPath?: string;
}

/** Images in two dimensions. */
type Embedding = {
  readonly method: EmbeddingMethod;
  /** Names of the classes that are drawn. */
  readonly classes: readonly string[];
  /** `label`: index into `classes`. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly label: number }[];
  /** Share of images whose nearest others in the full feature space mostly have their class, 0..1; leave-one-out. */
  readonly knn: number;
  /** How far near points of the drawing are near in the full feature space, 0..1. */
  readonly trustworthiness: number;
  /** How many nearest others `knn` and `trustworthiness` look at. */
  readonly nearest: number;
};

/** A drawing per method. */
export type EmbeddingValue = { readonly embeddings: readonly Embedding[] };

const DEFAULTS = { classes: 10, imagesPerClass: 50, perplexity: 30, neighbours: 15, seed: 0 };
const NEAREST = 10;
/** All pairs are looked at: so many points take half a minute and 300 MB. */
export const MOST_POINTS = 3000;
/** With fewer there is nothing to see, and no nearest others. */
const FEWEST_POINTS = 8;

/**
 * One drawing per method, of the test part unless told otherwise. Numbers repeat themselves on one machine.
 * @throws UserError EMBEDDING_SAMPLE where the part has too few images or classes, or too many points were asked for;
 *   WEIGHTS_MISSING; what opening `network` throws
 */
export async function embedding(
  inputs: SettingInputs,
  options: EmbeddingOptions,
): Promise<{ value: EmbeddingValue }> {
  const { perplexity, neighbours, seed, networkPath } = { ...DEFAULTS, ...options };
  const sample = sampleOf(inputs.dataset, options);
  const network = networkPath === undefined ? preTrained(inputs) : await trainedNetwork(networkPath);
  const rows = await imageRows(inputs, network, sample.records);
  const [count, columns] = rows.shape;
  const points: Points = { data: rows.data, count, columns };
  const distances = squaredDistances(points);
  const order = neighbourOrder(distances, count);
  const nearest = Math.min(NEAREST, Math.floor((count - 1) / 2));
  const knn = neighbourAccuracy(order, sample.labels, nearest);
  const embeddings: Embedding[] = [];
  for (const method of options.methods) {
    const drawing =
      method === 'tsne'
        ? (await tsne(points, { perplexity: Math.min(perplexity, count / 3) }, distances)).points
        : umap(distances, order, { neighbours: Math.min(neighbours, count - 1), seed });
    const drawn = neighbourOrder(squaredDistances({ data: drawing, count, columns: 2 }), count);
    embeddings.push({
      method,
      classes: sample.classes,
      points: sample.labels.map((label, i) => ({
        x: rounded(drawing[2 * i]),
        y: rounded(drawing[2 * i + 1]),
        label,
      })),
      knn,
      trustworthiness: trustworthiness(order, drawn, nearest),
      nearest,
    });
  }
  return { value: { embeddings } };
}

/** Drawings are some tens wide. */
const rounded = (coordinate: number): number => Math.round(coordinate * 1000) / 1000;

interface Sample {
  readonly classes: readonly string[];
  readonly records: readonly ImageRecord[];
  /** Index into `classes` of each record. */
  readonly labels: readonly number[];
}

function sampleOf(dataset: ImageDataset, options: EmbeddingOptions): Sample {
  const { classes: most, imagesPerClass, seed, part = 'test' } = { ...DEFAULTS, ...options };
  const lines = firstOfClass(dataset, part, imagesPerClass, seed);
  const present = dataset.classes.map((_, label) => label).filter((label) => lines[label].length > 0);
  const labels = new Random(seed, 'classes')
    .shuffle(present)
    .slice(0, most)
    .sort((a, b) => a - b);
  const records = labels.flatMap((label) => lines[label]);
  if (labels.length < 2 || records.length < FEWEST_POINTS || records.length > MOST_POINTS)
    throw new UserError(
      'EMBEDDING_SAMPLE',
      `Of the ${part} part of ${dataset.name} ${records.length} images of ${labels.length} of its classes were to be drawn.`,
      `Between ${FEWEST_POINTS} and ${MOST_POINTS} images of at least two classes can be: change classes or images per class.`,
    );
  return {
    classes: labels.map((label) => dataset.classes[label]),
    records,
    labels: labels.flatMap((label, index) => lines[label].map(() => index)),
  };
}
