/**
 * Two-tone surface textures: functions from a point to a tone in 0 (first colour) .. 1 (second colour).
 * A class fixes the kind, the period and the direction; each image jitters them and draws its own phase.
 */
import type { Random } from '../../tensor/random.ts';
import { latticeValue, turbulence, valueNoise } from './noise.ts';

export type TextureKind =
  | 'plain'
  | 'stripes'
  | 'checks'
  | 'spots'
  | 'cells'
  | 'weave'
  | 'clouds'
  | 'marble'
  | 'rings'
  | 'zigzag'
  | 'bricks'
  | 'scales'
  | 'grain'
  | 'grid'
  | 'triangles';

export interface TextureCode {
  readonly kind: TextureKind;
  /** Length of one repeat, in units of the object's radius (of half the image for a full-frame material). */
  readonly period: number;
  /** Direction in radians, 0 when absent. */
  readonly angle?: number;
}

export type Tone = (x: number, y: number) => number;

/** One rule per kind, in coordinates in which the period is 1. `seed` names the image's own noise. */
const RULES: { readonly [Kind in TextureKind]: (x: number, y: number, seed: number) => number } = {
  plain: (x, y, seed) => 0.3 * valueNoise(x * 0.5, y * 0.5, seed),
  stripes: (x) => edge(Math.abs(fraction(x) - 0.5) - 0.25),
  checks: (x, y) => edge((Math.abs(fraction(x) - 0.5) - 0.25) * (Math.abs(fraction(y) - 0.5) - 0.25) * 4),
  spots: (x, y) => edge(0.32 - Math.hypot(fraction(x + 0.5 * (Math.floor(y) & 1)) - 0.5, fraction(y) - 0.5)),
  cells: (x, y, seed) => edge(cellBorder(x, y, seed) - 0.16),
  weave,
  clouds: (x, y, seed) => edge((turbulence(x, y, seed) - 0.5) * 0.7),
  marble: (x, y, seed) => 0.5 + 0.5 * Math.sin(2 * Math.PI * (x + 1.1 * turbulence(x * 0.8, y * 0.8, seed))),
  rings: (x, y) => edge(Math.abs(fraction(Math.hypot(x, y)) - 0.5) - 0.25),
  zigzag: (x, y) => edge(Math.abs(fraction(x + Math.abs(fraction(y) - 0.5)) - 0.5) - 0.25),
  bricks,
  scales,
  grain: (x, y, seed) => edge((valueNoise(x * 0.55, y * 3.2, seed) - 0.5) * 0.6),
  grid: (x, y) => edge(Math.max(Math.abs(fraction(x) - 0.5), Math.abs(fraction(y) - 0.5)) - 0.36),
  triangles: (x, y) => edge((fraction(x) - fraction(y)) * 0.5),
};

/**
 * The texture of one image. Jitter: period by up to 12%, direction by up to 0.2 rad, phase (where the
 * kind has no centre), and a new noise seed.
 */
export function makeTexture(code: TextureCode, random: Random): Tone {
  const period = code.period * random.uniform(0.88, 1.12);
  const angle = (code.angle ?? 0) + random.uniform(-0.2, 0.2);
  const cosine = Math.cos(angle) / period;
  const sine = Math.sin(angle) / period;
  const spread = code.kind === 'rings' ? 0.3 : 8;
  const shiftX = random.uniform(-spread, spread);
  const shiftY = random.uniform(-spread, spread);
  const seed = random.integer(1 << 30);
  const rule = RULES[code.kind];
  return (x, y) => rule(cosine * x + sine * y + shiftX, cosine * y - sine * x + shiftY, seed);
}

function fraction(value: number): number {
  return value - Math.floor(value);
}

/** A soft threshold at 0, about a tenth of a period wide, so that edges do not alias. */
function edge(value: number): number {
  const ramp = value * 10 + 0.5;
  return ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
}

/** Distance to the second nearest minus distance to the nearest feature point (one point per unit cell). */
function cellBorder(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  let nearest = 9;
  let second = 9;
  for (let cy = iy - 1; cy <= iy + 1; cy++) {
    for (let cx = ix - 1; cx <= ix + 1; cx++) {
      const dx = cx + 0.15 + 0.7 * latticeValue(cx, cy, seed) - x;
      const dy = cy + 0.15 + 0.7 * latticeValue(cx, cy, seed + 1) - y;
      const square = dx * dx + dy * dy;
      if (square < nearest) {
        second = nearest;
        nearest = square;
      } else if (square < second) second = square;
    }
  }
  return Math.sqrt(second) - Math.sqrt(nearest);
}

/** Bands over and under one another: the upper band alternates like a chess board. */
function weave(x: number, y: number): number {
  const over = ((Math.floor(x) + Math.floor(y)) & 1) === 0;
  const across = Math.abs(fraction(over ? x : y) - 0.5);
  return across > 0.4 ? 0 : over ? 1 - across : 0.45 - across * 0.5;
}

/** A running bond: rows half a brick apart, with mortar lines. */
function bricks(x: number, y: number): number {
  const row = Math.floor(2 * y);
  const along = Math.abs(fraction(x + 0.5 * (row & 1)) - 0.5);
  return edge(Math.min(0.43 - along, (0.38 - Math.abs(fraction(2 * y) - 0.5)) * 0.5));
}

/** Overlapping arcs, each row hiding the upper part of the next. */
function scales(x: number, y: number): number {
  const row = Math.floor(2 * y);
  const dx = fraction(x + 0.5 * (row & 1)) - 0.5;
  const distance = Math.hypot(dx, fraction(2 * y) * 0.5);
  return distance > 0.5 ? 0.15 : edge(Math.abs(distance - 0.44) - 0.07) * (0.45 + distance);
}
