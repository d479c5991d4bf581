/**
 * What the runtime made of large graphs, on disk. Optimising a training graph takes most of the time in which
 * its session is built, and gives the same every time on the same machine, so the optimised graph is kept:
 *
 *     ONNX file as the runtime writes it | SHA-256 of what is before (32 bytes)
 *
 * Only graphs whose weights are inputs come here, so entries are small and serve any weights. The cache helps or
 * is silent: a folder that cannot be written or an entry that is damaged costs time, nothing else.
 */
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type ort from 'onnxruntime-node';
import { contentHash, sha256 } from '../util/hash.ts';
import { processorFeatures } from './machine.ts';

type Settings = ort.InferenceSession.SessionOptions;

/** Makes a session of ONNX bytes. */
type Open = (model: Uint8Array, settings: Settings) => Promise<ort.InferenceSession>;

/** Smaller graphs are built faster than files are read. */
const SMALLEST_BYTES = 65_536;
const DIGEST_BYTES = 32;

/** Entries that were not used for longest are removed beyond this sum of sizes. */
const MOST_BYTES = 512 * 2 ** 20;

/** As `open(model, settings)`, by way of the cache in `cacheFolder/sessions` when the graph is large enough. */
export async function openCached(
  cacheFolder: string,
  model: Uint8Array,
  settings: Settings,
  engine: string,
  open: Open,
): Promise<ort.InferenceSession> {
  if (model.length < SMALLEST_BYTES) return open(model, settings);
  const folder = join(cacheFolder, 'sessions');
  const path = join(folder, `${keyOf(model, settings, engine)}.onnx`);
  return (await fromEntry(path, settings, open)) ?? (await intoEntry(folder, path, model, settings, open));
}

/** The optimised graph may hold instructions of this processor, so its features are part of the key. */
function keyOf(model: Uint8Array, settings: Settings, engine: string): string {
  return contentHash({ model: sha256(model), settings, engine, processor: processorFeatures() });
}

async function fromEntry(
  path: string,
  settings: Settings,
  open: Open,
): Promise<ort.InferenceSession | undefined> {
  const file = await readFile(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const optimised = file.subarray(0, -DIGEST_BYTES);
    if (!digestOf(optimised).equals(file.subarray(-DIGEST_BYTES))) return undefined;
    const session = await open(optimised, { ...settings, graphOptimizationLevel: 'disabled' });
    const now = new Date();
    // Whether it is known as used recently matters for nothing but how long it stays.
    await utimes(path, now, now).catch(() => {});
    return session;
  } catch {
    return undefined;
  }
}

async function intoEntry(
  folder: string,
  path: string,
  model: Uint8Array,
  settings: Settings,
  open: Open,
): Promise<ort.InferenceSession> {
  const temporary = join(folder, `${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const session = await open(model, { ...settings, optimizedModelFilePath: temporary });
    await seal(temporary, path)
      .then(() => removeOldest(folder))
      .catch(() => {});
    return session;
  } catch {
    // Whatever is wrong with the folder or with the graph, the session without the cache shows which.
    return await open(model, settings);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

async function seal(temporary: string, path: string): Promise<void> {
  await appendFile(temporary, digestOf(await readFile(temporary)));
  await rename(temporary, path);
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.onnx'));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return { path: join(folder, name), size, mtimeMs };
    }),
  );
  let total = 0;
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    total += size;
    if (total > MOST_BYTES) await rm(path, { force: true });
  }
}
