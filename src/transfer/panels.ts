/**
 * Pictures for people who would rather look than read: test images with the training images that a network finds most
 * like them, and with where it looks when it decides.
 */
import { type DecodedImage, encodeJpeg, type ImageRecord, type View } from '../data/index.ts';
import { argMaxRows, float32 } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import { sha256 } from '../util/hash.ts';
import { type Activations, activationMap, classActivations } from './class-activation.ts';
import { withHeat } from './heat.ts';
import { imageRows, preTrained, type SeeingNetwork, trainedNetwork } from './image-rows.ts';
import { mostSimilar } from './neighbours.ts';
import { firstOfAll } from './sample.ts';
import type { SettingInputs } from './setting.ts';

export interface PanelOptions {
  /** Test images; 6 unless told otherwise. */
  readonly images?: number;
  /** Training images beside each; 5 unless told otherwise. */
  readonly neighbours?: number;
  /** Neighbours are looked for among so many training images; 2,000 unless told otherwise. */
  readonly searched?: number;
  /** Draws the images; the same for all networks. */
  readonly seed?: number;
  /** SHA-256 of the network that a setting exported; without it the pre-trained one is asked, which has no classifier. */
  readonly network?: string | null;
  /** Where that network's file lies. */
  readonly networkPath?: string;
}

/** An image by its id, which is also the key of its picture, and its class. */
type PanelImage = { readonly image: string; readonly label: number };

type NeighbourRow = PanelImage & {
  /** Nearest first, with the cosine similarity of their features. */
  readonly neighbours: readonly (PanelImage & { readonly similarity: number })[];
};

type ActivationRow = PanelImage & {
  readonly predicted: number;
  readonly probability: number;
  /** Activation of the predicted class by row and column, 0..1. */
  readonly map: readonly (readonly number[])[];
  /** Keys of the picture of what the network sees of the image, and of that with the map over it. */
  readonly seen: string;
  readonly overlay: string;
};

export type PanelsValue = {
  readonly classes: readonly string[];
  readonly neighbours: {
    /** How many training images they were looked for among. */
    readonly searched: number;
    readonly rows: readonly NeighbourRow[];
  };
  readonly activation: {
    /** Why there are no maps, as half a sentence; null where there are. */
    readonly missing: string | null;
    readonly rows: readonly ActivationRow[];
  };
};

const DEFAULTS = { images: 6, neighbours: 5, searched: 2000, seed: 0 };
/** Sides of pictures, pixels. */
const THUMBNAIL = 72;
const LARGE = 120;

/**
 * Both panels of one network on one data set. The file is JSON: an object with JPEG pictures as data URIs by the ids of
 * images and the keys of the value, read by `panelPictures`.
 * @throws UserError PANEL_IMAGES where test or training part is empty; WEIGHTS_MISSING; what opening `network` throws
 */
export async function panels(
  inputs: SettingInputs,
  options: PanelOptions,
): Promise<{ value: PanelsValue; file: { bytes: Uint8Array; mediaType: string } }> {
  const { dataset } = inputs;
  const { images, seed, networkPath } = { ...DEFAULTS, ...options };
  const network = networkPath === undefined ? preTrained(inputs) : await trainedNetwork(networkPath);
  const shown = firstOfAll(dataset, 'test', images, seed);
  const album = new Album(inputs);
  const value: PanelsValue = {
    classes: dataset.classes,
    neighbours: await neighbourPanel(inputs, network, shown, options, album),
    activation: await activationPanel(inputs, network, shown, album),
  };
  const bytes = Buffer.from(JSON.stringify(Object.fromEntries(album.pictures)));
  return { value, file: { bytes, mediaType: 'application/json' } };
}

/** The pictures in the file of `panels`: data URIs by their keys. */
export function panelPictures(file: Uint8Array): ReadonlyMap<string, string> {
  return new Map(Object.entries(JSON.parse(Buffer.from(file).toString()) as Record<string, string>));
}

async function neighbourPanel(
  inputs: SettingInputs,
  network: SeeingNetwork,
  shown: readonly ImageRecord[],
  options: PanelOptions,
  album: Album,
): Promise<PanelsValue['neighbours']> {
  const { neighbours, searched, seed } = { ...DEFAULTS, ...options };
  const candidates = firstOfAll(inputs.dataset, 'train', searched, seed);
  if (shown.length === 0 || candidates.length === 0)
    throw new UserError(
      'PANEL_IMAGES',
      `${inputs.dataset.name} has ${shown.length === 0 ? 'no test' : 'no training'} images to show.`,
      'Give a data set with images of single classes in both parts.',
    );
  const rows = await imageRows(inputs, network, [...shown, ...candidates]);
  const [, columns] = rows.shape;
  const points = (start: number, end: number) => ({
    data: rows.data.subarray(start * columns, end * columns),
    count: end - start,
    columns,
  });
  const nearest = mostSimilar(
    points(0, shown.length),
    points(shown.length, shown.length + candidates.length),
    neighbours,
  );
  const panel: NeighbourRow[] = [];
  for (const [i, record] of shown.entries()) {
    const found: NeighbourRow['neighbours'][number][] = [];
    for (const { index, similarity } of nearest[i])
      found.push({ ...(await album.thumbnail(candidates[index])), similarity: rounded(similarity) });
    panel.push({ ...(await album.thumbnail(record)), neighbours: found });
  }
  return { searched: candidates.length, rows: panel };
}

async function activationPanel(
  inputs: SettingInputs,
  network: SeeingNetwork,
  shown: readonly ImageRecord[],
  album: Album,
): Promise<PanelsValue['activation']> {
  const found = await classActivations(inputs, network, shown);
  if (typeof found === 'string') return { missing: found, rows: [] };
  const rows: ActivationRow[] = [];
  for (const [i, record] of shown.entries()) rows.push(await activationRow(record, i, found, network, album));
  return { missing: null, rows };
}

async function activationRow(
  record: ImageRecord,
  index: number,
  { images, height, width }: Activations,
  { model, view }: SeeingNetwork,
  album: Album,
): Promise<ActivationRow> {
  const activation = images[index];
  const { logits } = activation;
  const [predicted] = argMaxRows(float32([1, logits.length], logits));
  const map = activationMap(activation, predicted, height, width).map((row) => row.map(rounded));
  // The network sees the centre of the view; a larger view of the same form is cut in the same place.
  const scale = LARGE / model.input.size;
  const seen = await album.centre(record, { ...view, size: Math.round(view.size * scale) });
  return {
    image: record.id,
    label: record.label,
    predicted,
    probability: probabilityOf(logits, predicted, record.labels !== undefined),
    map,
    seen: await album.add(seen),
    overlay: await album.add(withHeat(seen, map)),
  };
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Softmax probability, or of a multi-label network that of the one class. */
function probabilityOf(logits: Float32Array, label: number, multiLabel: boolean): number {
  if (multiLabel) return 1 / (1 + Math.exp(-logits[label]));
  return 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - logits[label]), 0);
}

/** Pictures by the ids of their images, or by keys that follow from their bytes. */
class Album {
  readonly pictures = new Map<string, string>();

  constructor(readonly inputs: Pick<SettingInputs, 'dataset'>) {}

  async add(picture: DecodedImage, name?: string): Promise<string> {
    const jpeg = await encodeJpeg(picture);
    const key = name ?? `picture ${sha256(jpeg).slice(0, 16)}`;
    this.pictures.set(key, `data:image/jpeg;base64,${jpeg.toString('base64')}`);
    return key;
  }

  /** Adds the picture of an image once, whoever shows it. */
  async thumbnail({ id, label, ...record }: ImageRecord): Promise<PanelImage> {
    const view = { kind: 'central-square', size: THUMBNAIL, filter: 'bilinear' } as const;
    if (!this.pictures.has(id))
      await this.add(await this.inputs.dataset.render({ id, label, ...record }, view), id);
    return { image: id, label };
  }

  /** The middle of a view, a square of `LARGE` pixels. */
  async centre(record: ImageRecord, view: View): Promise<DecodedImage> {
    const { width, height, pixels } = await this.inputs.dataset.render(record, view);
    const side = Math.min(LARGE, width, height);
    const [left, top] = [Math.floor((width - side) / 2), Math.floor((height - side) / 2)];
    const square = new Uint8Array(3 * side * side);
    for (let y = 0; y < side; y++) {
      const start = 3 * ((top + y) * width + left);
      square.set(pixels.subarray(start, start + 3 * side), 3 * y * side);
    }
    return { width: side, height: side, pixels: square };
  }
}
