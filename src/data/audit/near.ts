/**
 * Finds the near duplicates among many spectra without comparing all pairs (multi-probe locality-sensitive hashing):
 * of the lowest coefficients, those above a limit are ones and the others zeros, and these bits, cut into bands, are
 * keys of tables. Copies share a band, or would if the bits of the coefficients next to the limit, which noise turns
 * first, were otherwise; so an image is looked up under its key and under keys with those bits turned, and as its
 * mirror image too. What is met there is compared in full.
 */
import type { ProgressListener } from '../../util/progress.ts';
import { COEFFICIENTS, ORDER, type Similarity, similarity } from './spectrum.ts';

/** The nearest correlation and evidence of a near duplicate: see the measurements in docs/decisions/0010-data.md. */
const LEAST_CORRELATION = 0.9;
const LEAST_EVIDENCE = 2.5;
/**
 * Faint images, calm water for example, correlate less with their copies, since compression changes them by more than
 * they show. They are copies too where compression explains the difference (grey levels, and not much less contrast)
 * and the correlation, though lower, can be no accident.
 */
const FAINT = { difference: 1.25, contrast: 0.5, evidence: 5 };
/** From this correlation on a network is asked, where there is one. */
const LEAST_DOUBTFUL = 0.7;

const BANDS = 6;
/**
 * The limit, in root mean squares of all coefficients of the image. Above 0, so that what is 0 but for noise, as in
 * drawings and patterns, has bits that stay.
 */
const LIMIT = 0.1;
/** Of every band, the bits of so many coefficients next to the limit are tried both ways: 16 keys. */
const TURNED = 4;
/** Of the 32 lowest bits so many may differ, as a first check; copies differ in two or three. */
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
  /** Pairs that resemble each other, but less. */
  readonly doubtful: readonly NearPair[];
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
  readonly doubtful: NearPair[] = [];
  comparisons = 0;
  crowded = 0;
  readonly #spectra: Int16Array;
  readonly #bits: number;
  /** Newest entry of each key, band after band, and from each entry to the one before it; -1 ends. */
  readonly #newest: Int32Array;
  readonly #before: Int32Array;
  /** The 32 lowest bits of each image, and its limit. */
  readonly #lowest: Uint32Array;
  readonly #limits: Float64Array;
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
    this.#lowest = new Uint32Array(count);
    this.#limits = new Float64Array(count);
    this.#met = new Int32Array(count).fill(-1);
    this.#first = Int32Array.from({ length: count }, (_, image) => image);
    this.#kept = new Uint8Array(count);
  }

  /** Compares an image with those added before, and adds it. */
  add(image: number): void {
    this.#limits[image] = LIMIT * this.#rootMeanSquare(image);
    if (this.#limits[image] === 0) return;
    this.#lowest[image] = this.#lowestBits(image, false);
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

  #rootMeanSquare(image: number): number {
    const at = image * COEFFICIENTS;
    let power = 0;
    for (let i = 1; i < COEFFICIENTS; i++) power += this.#spectra[at + i] ** 2;
    return Math.sqrt(power / COEFFICIENTS);
  }

  #lookUp(image: number, mirrored: boolean): void {
    const bits = this.#lowestBits(image, mirrored);
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
          if (bitsSet(bits ^ this.#lowest[other]) <= MOST_DIFFERENT) this.#compare(other, image, mirrored);
        }
      }
    }
  }

  #compare(a: number, b: number, mirrored: boolean): void {
    this.comparisons++;
    const found = similarity(this.#spectra, a * COEFFICIENTS, b * COEFFICIENTS, mirrored);
    const { correlation } = found;
    if (areCopies(found)) {
      this.pairs.push({ a, b, mirrored, correlation });
      this.#first[b] = Math.min(this.#first[b], this.#first[a]);
    } else if (correlation >= LEAST_DOUBTFUL && found.evidence >= LEAST_EVIDENCE)
      this.doubtful.push({ a, b, mirrored, correlation });
  }

  /** How far a coefficient is above the limit. */
  #excess(image: number, rank: number, mirrored: boolean): number {
    const coefficient = BY_FREQUENCY[rank];
    const value = this.#spectra[image * COEFFICIENTS + coefficient];
    return (mirrored && coefficient % 2 === 1 ? -value : value) - this.#limits[image];
  }

  #lowestBits(image: number, mirrored: boolean): number {
    let bits = 0;
    for (let rank = 0; rank < 32; rank++)
      bits = (bits << 1) | (this.#excess(image, rank, mirrored) > 0 ? 1 : 0);
    return bits >>> 0;
  }

  /** Fills `#keys`: the key of the band, then those with bits next to the limit turned. */
  #listKeys(image: number, band: number, mirrored: boolean): void {
    const bits = this.#bits;
    const nearest = new Array<number>(TURNED).fill(-1);
    const distances = new Array<number>(TURNED).fill(Number.POSITIVE_INFINITY);
    let key = 0;
    for (let bit = 0; bit < bits; bit++) {
      const value = this.#excess(image, band * bits + bit, mirrored);
      if (value > 0) key |= 1 << bit;
      const distance = Math.abs(value);
      if (distance >= distances[TURNED - 1]) continue;
      let at = TURNED - 1;
      for (; at > 0 && distances[at - 1] > distance; at--) {
        distances[at] = distances[at - 1];
        nearest[at] = nearest[at - 1];
      }
      distances[at] = distance;
      nearest[at] = bit;
    }
    for (let choice = 0; choice < 1 << TURNED; choice++) {
      let turned = key;
      for (let i = 0; i < TURNED; i++) if ((choice >> i) & 1) turned ^= 1 << nearest[i];
      this.#keys[choice] = turned;
    }
  }
}

function areCopies({ correlation, evidence, difference, contrast }: Similarity): boolean {
  if (correlation >= LEAST_CORRELATION && evidence >= LEAST_EVIDENCE) return true;
  return evidence >= FAINT.evidence && difference <= FAINT.difference && contrast >= FAINT.contrast;
}

/** Number of ones of a 32-bit integer. */
function bitsSet(value: number): number {
  let pairs = value - ((value >>> 1) & 0x55555555);
  pairs = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (((pairs + (pairs >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
