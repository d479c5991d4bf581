/**
 * What is left of an image for comparing it with a hundred thousand others: the 16 x 16 lowest cosine coefficients of
 * its brightness, 512 bytes. Compression, another size and another shape change them little; brightness and contrast
 * are a shift and a factor, which comparing leaves out; and mirroring changes the sign of every second column, so
 * that a mirrored copy is found without decoding anything again.
 */
import type { DecodedImage, View } from '../contract.ts';

/** The whole image, whatever its shape, at the side that spectra are taken from. */
export const SPECTRUM_VIEW: View = { kind: 'stretched', size: 32, filter: 'bilinear' };

/** Coefficients per direction, and in all. */
export const ORDER = 16;
export const COEFFICIENTS = ORDER * ORDER;

/** Grey levels per step: coefficients are kept as 16-bit integers. The largest, 255 * 32 / 2, fits. */
const STEP = 1 / 8;

/** Raise when spectra of the same bytes would change. */
export const SPECTRUM_VERSION = 1;

/** Row `k`: cos(pi k (x + 1/2) / 32), orthonormal. */
const BASIS = cosineBasis(SPECTRUM_VIEW.size);

function cosineBasis(side: number): Float64Array {
  const basis = new Float64Array(ORDER * side);
  for (let k = 0; k < ORDER; k++)
    for (let x = 0; x < side; x++)
      basis[k * side + x] = Math.sqrt((k === 0 ? 1 : 2) / side) * Math.cos((Math.PI * k * (x + 0.5)) / side);
  return basis;
}

/**
 * The spectrum of an image in `SPECTRUM_VIEW`: entry `v * 16 + u` has `v` half waves from top to bottom and `u` from
 * left to right, in steps of 1/8 grey level. Entry 0, the mean brightness, is 0.
 */
export function spectrumOf({ pixels }: DecodedImage): Int16Array {
  const { size } = SPECTRUM_VIEW;
  const rows = new Float64Array(size * ORDER);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const at = 3 * (y * size + x);
      const luma = 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
      for (let u = 0; u < ORDER; u++) rows[y * ORDER + u] += BASIS[u * size + x] * luma;
    }
  const spectrum = new Int16Array(COEFFICIENTS);
  for (let v = 0; v < ORDER; v++)
    for (let u = 0; u < ORDER; u++) {
      let sum = 0;
      for (let y = 0; y < size; y++) sum += BASIS[v * size + y] * rows[y * ORDER + u];
      spectrum[v * ORDER + u] = Math.round(sum / STEP);
    }
  spectrum[0] = 0;
  return spectrum;
}

/**
 * How much a coefficient counts: as many times as it has half waves, squared. The power of photographs falls with the
 * square of the frequency, so that all frequencies then count alike, and what two photographs of the same kind have in
 * common by accident, a bright middle or a dark ground, counts little.
 */
const WHITENING = Float64Array.from({ length: COEFFICIENTS }, (_, i) => {
  const [u, v] = [i % ORDER, Math.floor(i / ORDER)];
  return u * u + v * v;
});

/**
 * Twice the power that compression and rounding may add to a coefficient (4 grey levels). Coefficients well below it
 * count less: in a picture of calm water they are noise, and would hide that the rest is the same.
 */
const NOISE = 2 * (4 / STEP) ** 2;

export interface Similarity {
  /** Correlation of the brightness of both images, all frequencies counting alike; -1 to 1. */
  readonly correlation: number;
  /**
   * In how many standard errors the correlation is above 0, by Fisher's transformation and the effective number of
   * coefficients that it rests on. A high correlation of two smooth gradients rests on two or three and means nothing.
   */
  readonly evidence: number;
  /**
   * What remains of the fainter image when the other one is fitted to it in contrast, standard deviation in grey levels.
   */
  readonly difference: number;
  /** Contrast of the fainter image as a share of the other's. */
  readonly contrast: number;
}

/** Of the spectra that start at entries `a` and `b` of `spectra`, or of `a` and the mirror image of `b`. */
export function similarity(spectra: Int16Array, a: number, b: number, mirrored: boolean): Similarity {
  let [ab, aa, bb, power, square] = [0, 0, 0, 0, 0];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 1; i < COEFFICIENTS; i++) {
    const x = spectra[a + i];
    const y = mirrored && i % 2 === 1 ? -spectra[b + i] : spectra[b + i];
    const both = x * x + y * y;
    const weight = (WHITENING[i] * both) / (both + NOISE);
    xy += x * y;
    xx += x * x;
    yy += y * y;
    ab += weight * x * y;
    aa += weight * x * x;
    bb += weight * y * y;
    power += weight * both;
    square += (weight * both) ** 2;
  }
  if (aa === 0 || bb === 0) return { correlation: 0, evidence: 0, difference: 0, contrast: 0 };
  const correlation = ab / Math.sqrt(aa * bb);
  const effective = (power * power) / square;
  const bounded = Math.min(correlation, 0.9999);
  return {
    correlation,
    evidence: Math.atanh(bounded) * Math.sqrt(Math.max(0, effective - 3)),
    difference: greyLevels(Math.min(xx, yy) * (1 - xy ** 2 / (xx * yy))),
    contrast: Math.sqrt(Math.min(aa, bb) / Math.max(aa, bb)),
  };
}

/** Standard deviation of the brightness that a spectrum describes, in grey levels. */
export function contrastOf(spectra: Int16Array, at: number): number {
  let power = 0;
  for (let i = 1; i < COEFFICIENTS; i++) power += spectra[at + i] ** 2;
  return greyLevels(power);
}

/** Standard deviation in grey levels of the brightness whose coefficients have this power. */
function greyLevels(power: number): number {
  return (STEP * Math.sqrt(Math.max(0, power))) / SPECTRUM_VIEW.size;
}
