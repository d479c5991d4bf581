/**
 * Layers: what an object covers of the image and in which tone, before colour and light. One drawing
 * function per kind of object; every one of them is given the class's code, a pose and a random stream.
 */
import { Random } from '../../tensor/random.ts';
import { boundsInImage, type Pose, project } from './pose.ts';
import { type Inside, makeSilhouette, type SilhouetteCode } from './silhouettes.ts';
import { makeTexture, type TextureCode, type Tone } from './textures.ts';

/** Side of every procedural image in pixels. */
export const SIDE = 64;

export interface Layer {
  /** Covered share of each pixel, 0..1, `SIDE * SIDE` values, rows top to bottom. */
  readonly alpha: Float32Array;
  /** Mean tone of the covered part, 0 (first colour) .. 1 (second colour). */
  readonly tone: Float32Array;
}

/** What a class is: drawn from these numbers alone. */
export type ClassCode =
  | { readonly draw: 'textured'; readonly silhouette: SilhouetteCode; readonly texture: TextureCode }
  /** An iterated function system of `maps` random contractions, drawn once from `code`. */
  | { readonly draw: 'fractal'; readonly code: number; readonly maps: number }
  /** A full-frame material. */
  | { readonly draw: 'material'; readonly texture: TextureCode }
  /** A character of `strokes` pen strokes, drawn once from `code`. */
  | { readonly draw: 'glyph'; readonly code: number; readonly strokes: number };

/** Draws one object of a class. `jitter` is the relative deformation of the class's code. */
export function drawLayer(code: ClassCode, pose: Pose, jitter: number, random: Random): Layer {
  switch (code.draw) {
    case 'textured':
      return fillRegion(
        pose,
        makeSilhouette(code.silhouette, jitter, random),
        makeTexture(code.texture, random),
      );
    case 'material':
      return fillRegion(pose, undefined, makeTexture(code.texture, random));
    case 'fractal':
      return drawFractal(contractions(code.code, code.maps), pose, jitter, random);
    case 'glyph':
      return drawGlyph(penStrokes(code.code, code.strokes), pose, jitter, random);
  }
}

function emptyLayer(): Layer {
  return { alpha: new Float32Array(SIDE * SIDE), tone: new Float32Array(SIDE * SIDE) };
}

/** First and last pixel that an interval of image coordinates (-1 .. 1) touches. */
function pixelRange(low: number, high: number): [number, number] {
  const first = Math.floor(((low + 1) / 2) * SIDE) - 1;
  const last = Math.ceil(((high + 1) / 2) * SIDE) + 1;
  return [Math.max(0, first), Math.min(SIDE - 1, last)];
}

/** Fills a region (the whole frame when absent) with a texture. Edges and fine textures need four samples per pixel. */
export function fillRegion(pose: Pose, inside: Inside | undefined, texture: Tone, samples: 1 | 4 = 4): Layer {
  const layer = emptyLayer();
  const m = pose.toObject;
  const box = inside ? boundsInImage(pose.toImage, 1.3) : [-1, -1, 1, 1];
  const [left, right] = pixelRange(box[0], box[2]);
  const [top, bottom] = pixelRange(box[1], box[3]);
  const [offset, spacing] = samples === 4 ? [0.25, 0.5] : [0.5, 0];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      let covered = 0;
      let tone = 0;
      for (let sample = 0; sample < samples; sample++) {
        const x = ((column + offset + spacing * (sample & 1)) * 2) / SIDE - 1;
        const y = ((row + offset + spacing * (sample >> 1)) * 2) / SIDE - 1;
        const w = 1 / (m[6] * x + m[7] * y + m[8]);
        const u = (m[0] * x + m[1] * y + m[2]) * w;
        const v = (m[3] * x + m[4] * y + m[5]) * w;
        if (inside && !inside(u, v)) continue;
        covered++;
        tone += texture(u, v);
      }
      if (covered === 0) continue;
      layer.alpha[row * SIDE + column] = covered / samples;
      layer.tone[row * SIDE + column] = tone / covered;
    }
  }
  return layer;
}

/** x' = a x + b y + e, y' = c x + d y + f. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * Random contractions, as rotation, scaling, rotation. Two maps must contract less than four for their
 * attractors to fill as much of the plane: the determinants sum to about 1.
 */
function contractions(code: number, count: number): Affine[] {
  const random = new Random(code, 'fractal', count);
  return Array.from({ length: count }, () => {
    const area = random.uniform(0.8, 1.25) / count;
    const s = Math.sqrt(area) * random.uniform(1.02, Math.min(1.5, 0.92 / Math.sqrt(area)));
    const t = area / s;
    const [p, q] = [random.uniform(0, 2 * Math.PI), random.uniform(0, 2 * Math.PI)];
    const [cp, sp, cq, sq] = [Math.cos(p), Math.sin(p), Math.cos(q), Math.sin(q)];
    const sign = random.uniform() < 0.3 ? -1 : 1;
    return [
      s * cp * cq - sign * t * sp * sq,
      -s * cp * sq - sign * t * sp * cq,
      s * sp * cq + sign * t * cp * sq,
      -s * sp * sq + sign * t * cp * cq,
      random.uniform(-1, 1),
      random.uniform(-1, 1),
    ];
  });
}

const FRACTAL_POINTS = 9000;

/** The attractor by the chaos game, scaled to the unit disc; the tone tells which map a point came from. */
function drawFractal(maps: readonly Affine[], pose: Pose, jitter: number, random: Random): Layer {
  const jittered = maps.map((map) => map.map((value) => value + 0.6 * jitter * random.normal()));
  const shares = jittered.map(([a, b, c, d]) => Math.max(0.08, Math.abs(a * d - b * c)));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const xs = new Float64Array(FRACTAL_POINTS);
  const ys = new Float64Array(FRACTAL_POINTS);
  const tones = new Float32Array(FRACTAL_POINTS);
  let [x, y, tone] = [0, 0, 0];
  for (let i = -30; i < FRACTAL_POINTS; i++) {
    let pick = random.uniform(0, total);
    let index = 0;
    while (index < shares.length - 1 && pick >= shares[index]) pick -= shares[index++];
    const [a, b, c, d, e, f] = jittered[index];
    [x, y] = [a * x + b * y + e, c * x + d * y + f];
    tone = (tone + index / (maps.length - 1)) / 2;
    if (i >= 0) [xs[i], ys[i], tones[i]] = [x, y, tone];
  }
  return splat(xs, ys, tones, pose);
}

/** Points as a density: centred, scaled so that 2.1 standard deviations are one object radius. */
function splat(xs: Float64Array, ys: Float64Array, tones: Float32Array, pose: Pose): Layer {
  const layer = emptyLayer();
  const [meanX, meanY] = [mean(xs), mean(ys)];
  let variance = 0;
  for (let i = 0; i < xs.length; i++) variance += (xs[i] - meanX) ** 2 + (ys[i] - meanY) ** 2;
  const scale = 1 / (2.1 * Math.sqrt(variance / xs.length / 2));
  for (let i = 0; i < xs.length; i++) {
    const [u, v] = project(pose.toImage, (xs[i] - meanX) * scale, (ys[i] - meanY) * scale);
    const column = Math.floor(((u + 1) / 2) * SIDE);
    const row = Math.floor(((v + 1) / 2) * SIDE);
    if (column < 0 || row < 0 || column >= SIDE || row >= SIDE) continue;
    layer.alpha[row * SIDE + column] += 1;
    layer.tone[row * SIDE + column] += tones[i];
  }
  for (let i = 0; i < layer.alpha.length; i++) {
    if (layer.alpha[i] === 0) continue;
    layer.tone[i] /= layer.alpha[i];
    layer.alpha[i] = 1 - Math.exp(-0.45 * layer.alpha[i]);
  }
  return layer;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A quadratic curve: start, control point, end. */
type Stroke = readonly number[];

/** Strokes between the points of a 4x4 grid, about half of them bowed. */
function penStrokes(code: number, count: number): Stroke[] {
  const random = new Random(code, 'glyph', count);
  const position = () => (random.integer(4) - 1.5) / 1.9;
  const strokes: Stroke[] = [];
  let start = [position(), position()];
  while (strokes.length < count) {
    const end = [position(), position()];
    if (Math.hypot(end[0] - start[0], end[1] - start[1]) < 0.7) continue;
    const bow = random.uniform() < 0.5 ? 0 : random.uniform(0.5, 1) * (random.uniform() < 0.5 ? -1 : 1);
    const control = [
      (start[0] + end[0]) / 2 + bow * (end[1] - start[1]),
      (start[1] + end[1]) / 2 - bow * (end[0] - start[0]),
    ];
    strokes.push([...start, ...control, ...end]);
    // Two strokes of three go on where the last one ended, as in handwriting.
    start = random.uniform() < 0.65 ? end : [position(), position()];
  }
  return strokes;
}

/** Pen strokes of one width, with antialiased edges; the tone runs along the stroke. */
function drawGlyph(strokes: readonly Stroke[], pose: Pose, jitter: number, random: Random): Layer {
  const layer = emptyLayer();
  const halfWidth = random.uniform(1.1, 2.4);
  const pieces = 7;
  for (const stroke of strokes) {
    const [x0, y0, x1, y1, x2, y2] = stroke.map((value) => value + jitter * random.normal());
    let previous: [number, number] | undefined;
    for (let piece = 0; piece <= pieces; piece++) {
      const t = piece / pieces;
      const x = (1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t * t * x2;
      const y = (1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t * t * y2;
      const point = project(pose.toImage, x, y);
      if (previous) drawSegment(layer, previous, point, halfWidth, t);
      previous = point;
    }
  }
  return layer;
}

/** Coverage falls from 1 to 0 over one pixel about the distance `halfWidth` (pixels) from the segment. */
function drawSegment(
  layer: Layer,
  from: readonly number[],
  to: readonly number[],
  halfWidth: number,
  tone: number,
) {
  const margin = ((halfWidth + 1) * 2) / SIDE;
  const [left, right] = pixelRange(Math.min(from[0], to[0]) - margin, Math.max(from[0], to[0]) + margin);
  const [top, bottom] = pixelRange(Math.min(from[1], to[1]) - margin, Math.max(from[1], to[1]) + margin);
  const toPixel = (value: number) => ((value + 1) / 2) * SIDE - 0.5;
  const [x0, y0] = [toPixel(from[0]), toPixel(from[1])];
  const [dx, dy] = [toPixel(to[0]) - x0, toPixel(to[1]) - y0];
  const square = Math.max(1e-9, dx * dx + dy * dy);
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const along = Math.min(1, Math.max(0, ((column - x0) * dx + (row - y0) * dy) / square));
      const distance = Math.hypot(column - x0 - along * dx, row - y0 - along * dy);
      const coverage = Math.min(1, halfWidth + 0.5 - distance);
      const index = row * SIDE + column;
      if (coverage <= layer.alpha[index]) continue;
      layer.alpha[index] = coverage;
      layer.tone[index] = tone;
    }
  }
}
