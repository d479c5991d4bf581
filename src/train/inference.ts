/** The inference form of models: ONNX files with the weights baked in, and running them over a loader's batches. */
import type { Batch, BatchLoader } from '../data/index.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { INFERENCE, Network } from '../nn/network.ts';
import { ANY_BATCH, inferenceFile, OnnxFunction, type SessionOptions } from '../runtime/index.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { type ProgressListener, silent } from '../util/progress.ts';

/** Names of the input and the outputs of the files that `networkFile` writes. */
export const INPUT_NAME = 'input';
export type OutputName = 'logits' | 'features';

/**
 * The ONNX bytes of `network` on images of `size` pixels: input `input` [N, 3, size, size], output `name`.
 * `weights` must hold every variable that the network declares.
 */
export function networkFile(
  network: (net: Network, images: Value) => Value,
  name: OutputName,
  size: number,
  weights: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const net = new Network(new Graph(), INFERENCE);
  const output = network(net, net.graph.input(INPUT_NAME, [ANY_BATCH, 3, size, size]));
  return inferenceFile(new Map([[name, output]]), weights, metadata);
}

/**
 * The rows [K] that an ONNX file's output has for `count` images of a centre-crop loader, in its order, as one
 * matrix [count, K].
 */
export async function runOverImages(
  file: Uint8Array,
  name: OutputName,
  loader: BatchLoader,
  count: number,
  options: SessionOptions & { phase: string; onProgress?: ProgressListener },
): Promise<Tensor<'float32'>> {
  const network = await OnnxFunction.load(file, options);
  const { phase, onProgress = silent } = options;
  try {
    let rows: Float32Array | undefined;
    for (let done = 0; done < count; ) {
      const batch = await loader.next();
      const output = (await network.run({ [INPUT_NAME]: imagesOf(batch) }))[name] as Tensor<'float32'>;
      const width = output.shape[1];
      rows ??= new Float32Array(count * width);
      rows.set(output.data.subarray(0, batch.count * width), done * width);
      done += batch.count;
      onProgress({ phase, done, total: count });
    }
    const data = rows ?? new Float32Array(0);
    return tensor('float32', [count, count === 0 ? 0 : data.length / count], data);
  } finally {
    await network.close();
  }
}

function imagesOf({ images, labels }: Batch): Tensor<'float32'> {
  const size = Math.sqrt(images.length / labels.length / 3);
  return tensor('float32', [labels.length, 3, size, size], images);
}
