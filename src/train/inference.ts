/** Models at inference: ONNX files with the weights baked in, and running networks over a loader's batches. */
import type { BatchLoader } from '../data/index.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { INFERENCE, Network } from '../nn/network.ts';
import {
  ANY_BATCH,
  compileFrozen,
  inferenceFile,
  OnnxFunction,
  type SessionOptions,
} from '../runtime/index.ts';
import { type Shape, type Tensor, tensor } from '../tensor/tensor.ts';
import { type ProgressListener, silent } from '../util/progress.ts';

/** Names of the input and the outputs of the files that `networkFile` writes. */
export const INPUT_NAME = 'input';
export type OutputName = 'logits' | 'features';

/** What a network makes of images: a row of numbers for each. */
export type ImageNetwork = (net: Network, images: Value) => Value;

/**
 * The ONNX bytes of `network` on images of `size` pixels: input `input` [N, 3, size, size], output `name`.
 * `weights` must hold every variable that the network declares.
 */
export function networkFile(
  network: ImageNetwork,
  name: OutputName,
  size: number,
  weights: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return inferenceFile(outputsOf(network, name, [ANY_BATCH, 3, size, size]), weights, metadata);
}

function outputsOf(network: ImageNetwork, name: OutputName, images: Shape): Map<string, Value> {
  const net = new Network(new Graph(), INFERENCE);
  return new Map([[name, network(net, net.graph.input(INPUT_NAME, images))]]);
}

/** A network with its weights, ready to run on batches of images. */
export interface ImageFunction {
  /** The rows [N, K] of a batch of images, [N, 3, size, size]. */
  run(images: Float32Array): Promise<Tensor<'float32'>>;
  close(): Promise<void>;
}

/** An ONNX file's output `name` for batches of the shape `images`, [N, 3, size, size]. */
export async function openImageFunction(
  file: Uint8Array,
  name: OutputName,
  images: Shape,
  options: SessionOptions = {},
): Promise<ImageFunction> {
  const network = await OnnxFunction.load(file, options);
  return {
    async run(data) {
      const results = await network.run({ [INPUT_NAME]: tensor('float32', images, data) });
      return results[name] as Tensor<'float32'>;
    },
    close: () => network.close(),
  };
}

/**
 * `network` for batches of the shape `images`, [N, 3, size, size], by the fastest way there is on this machine.
 * `weights` must hold every variable that it declares.
 */
export async function compileImageFunction(
  network: ImageNetwork,
  images: Shape,
  weights: ReadonlyMap<string, Tensor>,
  options: SessionOptions = {},
): Promise<ImageFunction> {
  const name = 'features';
  const frozen = await compileFrozen(outputsOf(network, name, images), weights, options);
  if (!frozen)
    return openImageFunction(networkFile(network, name, images[2], weights), name, images, options);
  return {
    async run(data) {
      frozen.set(INPUT_NAME, tensor('float32', images, data));
      return (await frozen.run())[name] as Tensor<'float32'>;
    },
    close: () => frozen.close(),
  };
}

/** The rows [K] of `count` images of a centre-crop loader, in its order, as one matrix [count, K]. */
export async function runOverImages(
  network: Pick<ImageFunction, 'run'>,
  loader: BatchLoader,
  count: number,
  { phase, onProgress = silent }: { phase: string; onProgress?: ProgressListener },
): Promise<Tensor<'float32'>> {
  let rows: Float32Array | undefined;
  for (let done = 0; done < count; ) {
    const batch = await loader.next();
    const output = await network.run(batch.images);
    const width = output.shape[1];
    rows ??= new Float32Array(count * width);
    rows.set(output.data.subarray(0, batch.count * width), done * width);
    done += batch.count;
    onProgress({ phase, done, total: count });
  }
  const data = rows ?? new Float32Array(0);
  return tensor('float32', [count, count === 0 ? 0 : data.length / count], data);
}
