/** Lattice noise from integer hashes: the same numbers on every machine, with no table and no state. */

/** A uniform number in [0, 1) that belongs to the lattice point (ix, iy) and a seed. */
export function latticeValue(ix: number, iy: number, seed: number): number {
  let h = (Math.imul(ix, 374761393) ^ Math.imul(iy, 668265263) ^ Math.imul(seed, 1274126177)) | 0;
  h = Math.imul(h ^ (h >>> 15), 2246822519);
  h = Math.imul(h ^ (h >>> 13), 3266489917);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** Value noise in [0, 1]: lattice values, interpolated smoothly; one lattice cell per unit. */
export function valueNoise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = x - ix;
  const fy = y - iy;
  const sx = fx * fx * (3 - 2 * fx);
  const sy = fy * fy * (3 - 2 * fy);
  const top = latticeValue(ix, iy, seed) * (1 - sx) + latticeValue(ix + 1, iy, seed) * sx;
  const bottom = latticeValue(ix, iy + 1, seed) * (1 - sx) + latticeValue(ix + 1, iy + 1, seed) * sx;
  return top * (1 - sy) + bottom * sy;
}

/** Two octaves of value noise, in [0, 1]. */
export function turbulence(x: number, y: number, seed: number): number {
  return (2 * valueNoise(x, y, seed) + valueNoise(2 * x + 17, 2 * y + 31, seed)) / 3;
}
