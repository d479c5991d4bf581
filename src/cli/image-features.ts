/** Penultimate features of single images, for comparing images with each other. */
import { centreCrop, type DecodedImage } from '../data/index.ts';
import { compileImageFunction, type ImageFunction } from '../train/index.ts';
import { UserError } from '../util/errors.ts';
import type { OpenedModel } from '../weights/index.ts';

/** Images whose features are computed at a time. */
const BATCH = 8;

/** A network that says what images show. To be closed. */
export interface ImageFeatures {
  /** Side of the images that it takes, pixels. */
  readonly size: number;
  /** A row of features per image; images are squares of `size`. */
  of(images: readonly DecodedImage[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** @throws UserError WEIGHTS_MISSING where the network has random weights */
export async function openImageFeatures(
  { model, weights, label }: OpenedModel,
  options: { readonly threads: number },
): Promise<ImageFeatures> {
  if (!weights)
    throw new UserError(
      'WEIGHTS_MISSING',
      `${label} has no pre-trained weights, so its features say nothing of images.`,
      'Give a file of weights or a name such as demo/resnet18_025.',
    );
  const { size } = model.input;
  const network = await compileImageFunction(
    (net, x) => model.backbone(net, x).features,
    [BATCH, 3, size, size],
    weights,
    options,
  );
  return {
    size,
    close: () => network.close(),
    async of(images) {
      const rows: Float32Array[] = [];
      for (let start = 0; start < images.length; start += BATCH)
        rows.push(...(await runBatch(network, images.slice(start, start + BATCH), model.input)));
      return rows;
    },
  };
}

async function runBatch(
  network: ImageFunction,
  images: readonly DecodedImage[],
  input: OpenedModel['model']['input'],
): Promise<Float32Array[]> {
  const pixels = new Float32Array(BATCH * 3 * input.size * input.size);
  for (const [i, image] of images.entries()) centreCrop(image, input.size, input, pixels, i);
  const { data, shape } = await network.run(pixels);
  return images.map((_, i) => data.slice(i * shape[1], (i + 1) * shape[1]));
}
