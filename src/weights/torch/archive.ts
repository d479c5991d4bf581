/** The zip form of PyTorch's files: `NAME/data.pkl`, one entry `NAME/data/KEY` per storage, `NAME/byteorder`. */
import type { ByteSource } from '../../util/byte-source.ts';
import { readPickle } from '../../util/pickle.ts';
import { type Refuse, shown } from '../../util/refuse.ts';
import { dataPosition, readEntry, readZipDirectory, type ZipEntry } from '../../util/zip.ts';
import { bytesOf, type StorageReference, torchHost } from './objects.ts';
import { LARGEST_PICKLE, type OpenedTorch, type StorageReader } from './storages.ts';

/** @throws UserError ZIP_..., PICKLE_..., TORCH_CONTENT, TORCH_STORAGE */
export async function openArchive(source: ByteSource, refuse: Refuse): Promise<OpenedTorch> {
  const entries = await readZipDirectory(source, refuse);
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    return refuse(
      'TORCH_CONTENT',
      `the archive has ${pickles.length} entries NAME/data.pkl`,
      'A file of torch.save has one',
    );
  }
  const [{ name, size }] = pickles;
  const prefix = name.slice(0, -'data.pkl'.length);
  if (entries.has(`${prefix}constants.pkl`)) {
    refuse(
      'TORCH_CONTENT',
      'it is a program of TorchScript',
      'Save its weights: torch.save(model.state_dict(), path)',
    );
  }
  if (size > LARGEST_PICKLE) {
    refuse('PICKLE_SIZE', `its pickle has ${size} bytes`, `A pickle may have ${LARGEST_PICKLE}`);
  }
  await checkByteOrder(source, entries.get(`${prefix}byteorder`), refuse);
  const bytes = await readEntry(source, pickles[0], refuse);
  const found = readPickle(bytes, 0, torchHost(bytes.length, refuse), refuse);
  if (!found) return refuse('PICKLE_DAMAGED', 'its pickle has no end', 'Save the weights again');
  return { root: found.value, storages: new ArchivedStorages(source, entries, prefix, refuse) };
}

async function checkByteOrder(
  source: ByteSource,
  entry: ZipEntry | undefined,
  refuse: Refuse,
): Promise<void> {
  if (!entry) return;
  const order = new TextDecoder().decode(await readEntry(source, entry, refuse));
  if (order === 'little') return;
  refuse('TORCH_CONTENT', `its byte order is ${shown(order)}`, 'Numbers must be little-endian');
}

class ArchivedStorages implements StorageReader {
  /** The last compressed storage, because tensors that share one are often neighbours. */
  #inflated: { key: string; bytes: Uint8Array<ArrayBuffer> } | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly entries: ReadonlyMap<string, ZipEntry>,
    private readonly prefix: string,
    private readonly refuse: Refuse,
  ) {}

  async read(storage: StorageReference, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.entryOf(storage);
    if (!entry.compressed) {
      return this.source.read((await dataPosition(this.source, entry, this.refuse)) + offset, length);
    }
    if (this.#inflated?.key !== storage.key) {
      this.#inflated = { key: storage.key, bytes: await readEntry(this.source, entry, this.refuse) };
    }
    return this.#inflated.bytes.slice(offset, offset + length);
  }

  private entryOf(storage: StorageReference): ZipEntry {
    const entry = this.entries.get(`${this.prefix}data/${storage.key}`);
    if (entry?.size === bytesOf(storage)) return entry;
    return this.refuse(
      'TORCH_STORAGE',
      `storage ${shown(storage.key)} has ${entry ? `${entry.size} bytes instead of ${bytesOf(storage)}` : 'no entry in the archive'}`,
      'Save the weights again, or download the file again',
    );
  }
}
