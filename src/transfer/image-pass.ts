/** One pass of a network over images of a data set, cropped in the centre, a row of numbers for each. */
import {
  BatchLoader,
  type ImageDataset,
  type ImageRecord,
  labelsOf,
  openViewCache,
  type View,
} from '../data/index.ts';
import type { Model } from '../models/index.ts';
import type { Shape, Tensor } from '../tensor/tensor.ts';
import { type ImageFunction, runOverImages } from '../train/index.ts';
import { UserError } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { ImageClock } from './image-time.ts';

export interface ImagePass {
  readonly dataset: ImageDataset;
  readonly records: readonly ImageRecord[];
  /** What is kept of each image between runs, before the crop. */
  readonly view: View;
  readonly cacheFolder: string;
  /** Size and normalisation of the network's input. */
  readonly input: Model['input'];
  readonly batchSize: number;
  /** Opens the network for batches of this shape, [batchSize, 3, S, S]; called when the images are there. */
  readonly open: (batch: Shape) => Promise<ImageFunction>;
  readonly phase: string;
  /** Hears of images that are not in the cache yet. */
  readonly onPreparing?: ProgressListener;
  readonly onProgress?: ProgressListener;
  readonly clock?: ImageClock;
}

/** One row per record, in their order: [records, columns]. Loader and network are closed, whatever happens. */
export async function passOverImages({
  dataset,
  records,
  input,
  batchSize,
  clock = new ImageClock(),
  ...pass
}: ImagePass): Promise<Tensor<'float32'>> {
  const opening = openViewCache(dataset, records, pass.view, pass.cacheFolder, pass.onPreparing);
  const cache = await clock.prepare(opening);
  const labels = labelsOf(dataset, records);
  const images = new BatchLoader({ cache, labels, batchSize, transform: 'centre', seed: 0, ...input });
  let network: ImageFunction | undefined;
  try {
    network = await pass.open([batchSize, 3, input.size, input.size]);
    const { phase, onProgress } = pass;
    return await runOverImages(network, images, records.length, { phase, onProgress });
  } finally {
    await clock.close(images);
    await network?.close();
  }
}

/**
 * Refuses rows of numbers, one row per record, that no statistic can be made of.
 * @throws UserError FEATURES_NOT_FINITE where any number is not finite
 */
export function requireFinite(
  { shape: [, columns], data }: Tensor<'float32'>,
  { model, dataset }: { readonly model: Model; readonly dataset: ImageDataset },
  records: readonly ImageRecord[],
): void {
  const spoiled = records.filter(
    (_, i) => !data.subarray(i * columns, (i + 1) * columns).every(Number.isFinite),
  );
  if (spoiled.length === 0) return;
  throw new UserError(
    'FEATURES_NOT_FINITE',
    `${model.name} gives features that are infinite or not a number for ${spoiled.length} of ${records.length} images of ${dataset.name}, the first is "${spoiled[0].id}".`,
    'Use other weights.',
  );
}
