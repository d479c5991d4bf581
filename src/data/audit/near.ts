/**
 * Finds the near duplicates among many spectra without comparing all pairs (multi-probe locality-sensitive hashing):
 * the signs of the lowest coefficients, cut into bands, are keys of tables. Copies share a band, or would if the signs
 * of its smallest coefficients, which noise turns first, were otherwise; so an image is looked up under its key and
 * under keys with those signs turned, and as its mirror image too. What is met there is compared in full.
 */
import type { ProgressListener } from '../../util/progress.ts';
import { COEFFICIENTS, ORDER, similarity } from './spectrum.ts';

/** The smallest correlation and evidence of a near duplicate: see the measurements in docs/decisions/0008-data.md. */
const LEAST_CORRELATION = 0.9;
const LEAST_EVIDENCE = 2.5;

const BANDS = 6;
/** Of every band, the signs of so many smallest coefficients are tried both ways: 16 keys. */
const TURNED = 4;
/** Of the 32 lowest signs in common use as a first check, so many may differ; copies differ in two or three. */
const MOST_DIFFERENT = 10;
/** Copies of one image that stay in the tables: enough to find the others, so that a thousand copies cost no million. */
const COPIES_KEPT = 8;
/** Entries looked at under one key, newest first: a bound for data of which everything looks alike. */
const MOST_UNDER_KEY = 2000;
/** Images between two reports of progress, when other work of the process has its turn too. */
const TURN = 512;

export interface NearPair {
  /** Indices of the images, the earlier one first. */
  readonly a: number;
  readonly b: number;
  readonly mirrored: boolean;
  readonly correlation: number;
}

export interface NearPairs {
  /** Pairs that were compared and are near duplicates. Copies of copies may be connected through others only. */
  readonly pairs: readonly NearPair[];
  readonly comparisons: number;
  /** Keys under which not all entries were looked at. */
  readonly crowded: number;
}

/** Near duplicates among the `count` spectra. Memory: about 200 bytes per image beside the spectra. */
export async function findNearPairs(
  spectra: Int16Array,
  count: number,
  onProgress: ProgressListener,
): Promise<NearPairs> {
  const search = new Search(spectra, count);
  const phase = 'compare images';
  for (let image = 0; image < count; image++) {
    if (image % TURN === 0) {
      onProgress({ phase, done: image, total: count });
      await new Promise((resolve) => setImmediate(resolve));
    }
    search.add(image);
  }
  onProgress({ phase, done: count, total: count });
  return search;
}

/** Coefficients from the lowest frequencies on, without the mean. */
const BY_FREQUENCY = Array.from({ length: COEFFICIENTS - 1 }, (_, i) => i + 1).sort(
  (a, b) => frequency(a) - frequency(b) || a - b,
);

function frequency(coefficient: number): number {
  return (coefficient % ORDER) + Math.floor(coefficient / ORDER);
}

/** Bits of a key: the tables then have about as many places as images, and between 2^12 and 2^20. */
function keyBits(count: number): number {
  return Math.max(12, Math.min(20, Math.ceil(Math.log2(count + 1))));
}

class Search implements NearPairs {
  readonly pairs: NearPair[] = [];
  comparisons = 0;
  crowded = 0;
  readonly #spectra: Int16Array;
  readonly #bits: number;
  /** Newest entry of each key, band after band, and from each entry to the one before it; -1 ends. */
  readonly #newest: Int32Array;
  readonly #before: Int32Array;
  /** The 32 lowest signs of each image. */
  readonly #signs: Uint32Array;
  /** The last image, plain or mirrored, that met this one: each is compared once. */
  readonly #met: Int32Array;
  /** Of each image the first one of its copies, and of that how many are in the tables. */
  readonly #first: Int32Array;
  readonly #kept: Uint8Array;
  readonly #keys: Int32Array = new Int32Array(1 << TURNED);

  constructor(spectra: Int16Array, count: number) {
    this.#spectra = spectra;
    this.#bits = keyBits(count);
    this.#newest = new Int32Array(BANDS << this.#bits).fill(-1);
    this.#before = new Int32Array(BANDS * count);
    this.#signs = new Uint32Array(count);
    this.#met = new Int32Array(count).fill(-1);
    this.#first = Int32Array.from({ length: count }, (_, image) => image);
    this.#kept = new Uint8Array(count);
  }

  /** Compares an image with those added before, and adds it. */
  add(image: number): void {
    if (!this.#hasStructure(image)) return;
    this.#signs[image] = this.#lowestSigns(image, false);
    for (const mirrored of [false, true]) this.#lookUp(image, mirrored);
    if (this.#kept[this.#first[image]] >= COPIES_KEPT) return;
    this.#kept[this.#first[image]]++;
    for (let band = 0; band < BANDS; band++) {
      this.#listKeys(image, band, false);
      const place = (band << this.#bits) + this.#keys[0];
      this.#before[BANDS * image + band] = this.#newest[place];
      this.#newest[place] = image;
    }
  }

  #hasStructure(image: number): boolean {
    const at = image * COEFFICIENTS;
    for (let i = 1; i < COEFFICIENTS; i++) if (this.#spectra[at + i] !== 0) return true;
    return false;
  }

  #lookUp(image: number, mirrored: boolean): void {
    const signs = this.#lowestSigns(image, mirrored);
    const stamp = 2 * image + (mirrored ? 1 : 0);
    for (let band = 0; band < BANDS; band++) {
      this.#listKeys(image, band, mirrored);
      for (const key of this.#keys) {
        let other = this.#newest[(band << this.#bits) + key];
        for (let looked = 0; other !== -1; looked++, other = this.#before[BANDS * other + band]) {
          if (looked === MOST_UNDER_KEY) {
            this.crowded++;
            break;
          }
          if (this.#met[other] === stamp) continue;
          this.#met[other] = stamp;
          if (bitsSet(signs ^ this.#signs[other]) <= MOST_DIFFERENT) this.#compare(other, image, mirrored);
        }
      }
    }
  }

  #compare(a: number, b: number, mirrored: boolean): void {
    this.comparisons++;
    const { correlation, evidence } = similarity(this.#spectra, a * COEFFICIENTS, b * COEFFICIENTS, mirrored);
    if (correlation < LEAST_CORRELATION || evidence < LEAST_EVIDENCE) return;
    this.pairs.push({ a, b, mirrored, correlation });
    this.#first[b] = Math.min(this.#first[b], this.#first[a]);
  }

  #coefficient(image: number, rank: number, mirrored: boolean): number {
    const coefficient = BY_FREQUENCY[rank];
    const value = this.#spectra[image * COEFFICIENTS + coefficient];
    return mirrored && coefficient % 2 === 1 ? -value : value;
  }

  #lowestSigns(image: number, mirrored: boolean): number {
    let signs = 0;
    for (let rank = 0; rank < 32; rank++)
      signs = (signs << 1) | (this.#coefficient(image, rank, mirrored) > 0 ? 1 : 0);
    return signs >>> 0;
  }

  /** Fills `#keys`: the key of the band, then those with signs of small coefficients turned. */
  #listKeys(image: number, band: number, mirrored: boolean): void {
    const bits = this.#bits;
    const smallest = new Array<number>(TURNED).fill(-1);
    const sizes = new Array<number>(TURNED).fill(Number.POSITIVE_INFINITY);
    let key = 0;
    for (let bit = 0; bit < bits; bit++) {
      const value = this.#coefficient(image, band * bits + bit, mirrored);
      if (value > 0) key |= 1 << bit;
      const size = Math.abs(value);
      if (size >= sizes[TURNED - 1]) continue;
      let at = TURNED - 1;
      for (; at > 0 && sizes[at - 1] > size; at--) {
        sizes[at] = sizes[at - 1];
        smallest[at] = smallest[at - 1];
      }
      sizes[at] = size;
      smallest[at] = bit;
    }
    for (let choice = 0; choice < 1 << TURNED; choice++) {
      let turned = key;
      for (let i = 0; i < TURNED; i++) if ((choice >> i) & 1) turned ^= 1 << smallest[i];
      this.#keys[choice] = turned;
    }
  }
}

/** Number of ones of a 32-bit integer. */
function bitsSet(value: number): number {
  let pairs = value - ((value >>> 1) & 0x55555555);
  pairs = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (((pairs + (pairs >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
