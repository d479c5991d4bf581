/** Counter-based random numbers: each depends on (seed, step, key, position) alone, so on no device and no order. */

/** The finaliser of MurmurHash3: a bijection of 32-bit numbers that mixes every bit. */
function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Fills `out` with uniform numbers in [0, 1). */
export function fillUniform(out: Float32Array, seed: number, step: number, key: string): void {
  let stream = mix(seed | 0) ^ mix((step | 0) + 0x3c6ef372);
  for (let i = 0; i < key.length; i++) stream = mix(stream ^ key.charCodeAt(i));
  for (let i = 0; i < out.length; i++) {
    out[i] = (mix(mix(Math.imul(i, 0x9e3779b9) ^ stream) + stream) >>> 8) / 16777216;
  }
}
