/**
 * The form of PyTorch's files before version 1.6: five pickles in a row (a magic number, the protocol's version,
 * the writing system, what was saved, the keys of its storages), then for every key the number of elements in
 * 8 bytes and the elements.
 */
import type { ByteSource } from '../../util/byte-source.ts';
import { Dict, List, type PickleValue, readPickle } from '../../util/pickle.ts';
import { type Refuse, shown } from '../../util/refuse.ts';
import { bytesOf, type StorageReference, type TorchHost, torchHost } from './objects.ts';
import { LARGEST_PICKLE, type OpenedTorch, type StorageReader } from './storages.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** Bytes read at first; a longer row of pickles is read again with twice as many. */
const FIRST_WINDOW = 2 ** 18;

/** @throws UserError PICKLE_..., TORCH_CONTENT, TORCH_STORAGE */
export async function openLegacy(source: ByteSource, refuse: Refuse): Promise<OpenedTorch> {
  await checkMagic(source, refuse);
  for (let window = FIRST_WINDOW; ; window *= 2) {
    const bytes = await source.read(0, Math.min(window, source.size));
    const storages = new Map<string, StorageReference>();
    const row = readRow(bytes, collecting(torchHost(bytes.length, refuse), storages, refuse), refuse);
    if (row) {
      checkSystem(row.values, refuse);
      const places = await findStorages(source, row.values[4], row.end, storages, refuse);
      return { root: row.values[3], storages: new LegacyStorages(source, places) };
    }
    if (window >= source.size) {
      return refuse('TORCH_CONTENT', 'its pickles have no end', 'A shorter file is an incomplete download');
    }
    if (window >= LARGEST_PICKLE) {
      return refuse('PICKLE_SIZE', 'its pickles are very long', `They may have ${LARGEST_PICKLE} bytes`);
    }
  }
}

/** The first pickle is checked alone, so that a file of another kind is called that. */
async function checkMagic(source: ByteSource, refuse: Refuse): Promise<void> {
  // PROTO 2, LONG1 of 10 bytes.
  const prefix = [0x80, 0x02, 0x8a, 0x0a];
  const start = await source.read(0, Math.min(14, source.size));
  const magic = [...start.slice(4)].reverse().reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  if (prefix.every((byte, index) => start[index] === byte) && magic === MAGIC) return;
  refuse(
    'TORCH_CONTENT',
    'it begins as no file of torch.save does',
    'Check that the download is complete and no error page',
  );
}

/** Five pickles in a row, or undefined when the bytes end before them. */
function readRow(
  bytes: Uint8Array,
  host: TorchHost,
  refuse: Refuse,
): { values: PickleValue[]; end: number } | undefined {
  const values: PickleValue[] = [];
  let end = 0;
  while (values.length < 5) {
    const found = readPickle(bytes, end, host, refuse);
    if (!found) return undefined;
    values.push(found.value);
    end = found.end;
  }
  return { values, end };
}

/** The same host, remembering the storages that are named; every key must mean one storage. */
function collecting(host: TorchHost, storages: Map<string, StorageReference>, refuse: Refuse): TorchHost {
  return {
    callable: (name) => host.callable(name),
    persistent(id) {
      const storage = host.persistent(id);
      const known = storages.get(storage.key) ?? storage;
      if (known.type !== storage.type || known.elements !== storage.elements) {
        const [first, second] = [known, storage].map(({ type, elements }) => `${type} of ${elements}`);
        refuse(
          'TORCH_STORAGE',
          `storage ${shown(storage.key)} is called a ${first} and a ${second}`,
          'Save the weights again',
        );
      }
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

function checkSystem([, version, system]: readonly PickleValue[], refuse: Refuse): void {
  const little = system instanceof Dict ? system.entries.get('little_endian') : undefined;
  if (version === VERSION && little === true) return;
  refuse(
    'TORCH_CONTENT',
    `its version is ${shown(String(version))}, little-endian: ${shown(String(little))}`,
    `It must be ${VERSION}, with little-endian numbers`,
  );
}

interface Place {
  readonly position: number;
  readonly bytes: number;
}

/** Walks over the storages behind the pickles. */
async function findStorages(
  source: ByteSource,
  keys: PickleValue,
  start: number,
  storages: ReadonlyMap<string, StorageReference>,
  refuse: Refuse,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let at = start;
  for (const item of keys instanceof List ? keys.items : []) {
    const key = String(item);
    const storage = storages.get(key);
    const bytes = storage ? bytesOf(storage) : 0;
    if (!storage || places.has(key) || !(at + 8 + bytes <= source.size)) {
      refuse(
        'TORCH_STORAGE',
        storage
          ? `storage ${shown(key)} is there twice or reaches beyond the file's ${source.size} bytes`
          : `no tensor has the storage ${shown(key)}`,
        'A shorter file is an incomplete download',
      );
    }
    const count = new DataView((await source.read(at, 8)).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.elements)) {
      refuse(
        'TORCH_STORAGE',
        `storage ${shown(key)} has ${count} elements instead of ${storage.elements}`,
        'Save the weights again',
      );
    }
    places.set(key, { position: at + 8, bytes });
    at += 8 + bytes;
  }
  const absent = [...storages.keys()].find((key) => !places.has(key));
  if (absent !== undefined) {
    refuse('TORCH_STORAGE', `storage ${shown(absent)} is not in it`, 'Save the weights again');
  }
  return places;
}

class LegacyStorages implements StorageReader {
  constructor(
    private readonly source: ByteSource,
    private readonly places: ReadonlyMap<string, Place>,
  ) {}

  read({ key }: StorageReference, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.source.read(this.places.get(key)!.position + offset, length);
  }
}
