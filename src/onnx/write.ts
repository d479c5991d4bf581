/** Writing ONNX files, with the weights beside the model where one file cannot hold them. */
import { once } from 'node:events';
import { createWriteStream, renameSync, rmSync, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Tensor } from '../tensor/tensor.ts';
import { encodeModel, type Outside } from './encode.ts';
import type { OnnxModel } from './model.ts';

export interface WriteOptions {
  /**
   * Tensors lie in a file of their own when all together have more bytes than this. By default 1.5 GB, since a
   * protobuf file holds 2 GB at most; 0 keeps weights apart in any case.
   */
  readonly externalAbove?: number;
}

const EXTERNAL_ABOVE = 1.5e9;
/** Smaller tensors (biases, shapes) stay in the model, as in files of the ONNX package. */
const LEAST_OUTSIDE = 1024;
/** Large tensors begin at a memory page, so that readers can map them instead of copying. */
const PAGE = 4096;
const WORD = 64;
/** Bytes handed to the operating system at once. */
const CHUNK = 2 ** 26;

/**
 * Writes `model` to `path`, and its weights to `<path>.data` when they are too large for one file. Both appear
 * under their names when they are complete, the weights first. A model with external data is opened by its path.
 * @returns the paths written
 */
export async function writeModel(
  path: string,
  model: OnnxModel,
  options: WriteOptions = {},
): Promise<readonly string[]> {
  const { externalAbove = EXTERNAL_ABOVE } = options;
  const tensors = [...model.graph.initializers];
  const total = tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  if (total <= externalAbove) {
    await complete(path, (part) => writeFile(part, encodeModel(model)));
    return [path];
  }
  const dataPath = `${path}.data`;
  const { places, size } = placesOf(tensors, basename(dataPath));
  const bytes = encodeModel(model, places);
  await complete(dataPath, (part) => writeTensors(part, model.graph.initializers, places, size));
  await complete(path, (part) => writeFile(part, bytes));
  return [path, dataPath];
}

function placesOf(tensors: readonly (readonly [string, Tensor])[], location: string) {
  const places = new Map<string, Outside>();
  let size = 0;
  for (const [name, { data }] of tensors) {
    const length = data.byteLength;
    if (length < LEAST_OUTSIDE) continue;
    const unit = length >= PAGE * WORD ? PAGE : WORD;
    const offset = Math.ceil(size / unit) * unit;
    places.set(name, { location, offset, length });
    size = offset + length;
  }
  return { places, size };
}

async function writeTensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  places: ReadonlyMap<string, Outside>,
  size: number,
): Promise<void> {
  const stream = createWriteStream(path);
  const done = finished(stream);
  // A failure is told by `done`; without a listener until then it would end the process.
  done.catch(() => {});
  let written = 0;
  for (const [name, { offset, length }] of places) {
    if (offset > written) await push(stream, new Uint8Array(offset - written));
    const { data } = tensors.get(name)!;
    for (let start = 0; start < length; start += CHUNK) {
      const bytes = Math.min(CHUNK, length - start);
      await push(stream, new Uint8Array(data.buffer, data.byteOffset + start, bytes));
    }
    written = offset + length;
  }
  stream.end();
  await done;
  if (stream.bytesWritten !== size)
    throw new Error(`internal: wrote ${stream.bytesWritten} of ${size} bytes`);
}

async function push(stream: WriteStream, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}

/** Lets `write` make a file under another name, and gives it its name when it is complete. */
async function complete(path: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await write(part);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
