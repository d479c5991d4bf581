/**
 * Scenes for detection: several objects of known classes that may cover one another or leave the frame, each with the
 * mask of what is seen of it, the box around that, and keypoints.
 *
 * Objects are drawn as in `scene.ts`, each in a tile of its own, which is laid into a larger canvas.
 */
import type { Random } from '../../tensor/random.ts';
import type { DetectionInstance, Keypoint } from '../detection.ts';
import { areaOfRuns, runsOf } from '../run-lengths.ts';
import { type ClassCode, drawLayer, type Layer, SIDE } from './layers.ts';
import { drawPose, type Pose, project } from './pose.ts';
import {
  backgroundLayer,
  blend,
  contrasting,
  develop,
  distractor,
  drawColours,
  type Nuisance,
} from './scene.ts';

/** Side of a scene in pixels. */
export const SCENE_SIDE = 128;

/** Where an object ends in the direction of its own top, right, bottom and left. */
export const SCENE_KEYPOINTS = ['top', 'right', 'bottom', 'left'] as const;
const DIRECTIONS = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const;

export interface CrowdedScene {
  /** RGB, 8 bits, `SCENE_SIDE` squared. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly instances: readonly DetectionInstance[];
}

/** An object of which fewer pixels are seen is not annotated: nobody could find it. */
const LEAST_PIXELS = 16;
/** An object of which a smaller share is seen is difficult. */
const LEAST_SHARE = 0.3;
/** A pixel belongs to what covers more than this share of it. */
const COVERED = 0.5;

/** A layer in its place, and the object that it is; -1 for things of no class. */
interface Placed {
  readonly layer: Layer;
  readonly pose: Pose | null;
  readonly label: number;
  readonly left: number;
  readonly top: number;
}

/** Draws a scene of one to `most` objects. Equal arguments and an equal stream give equal pixels and annotations. */
export function renderCrowdedScene(
  codes: readonly ClassCode[],
  nuisance: Nuisance,
  most: number,
  random: Random,
): CrowdedScene {
  const { background } = drawColours(nuisance.palette, random);
  const canvas = new Float32Array(SCENE_SIDE * SCENE_SIDE * 3);
  layBackground(canvas, backgroundLayer(random), background);
  const things = 1 + random.integer(most) + random.integer(nuisance.clutter + 1);
  const objects = 1 + random.integer(Math.min(most, things));
  const placed: Placed[] = [];
  // Whose pixel it is: the last one that covers most of it.
  const owners = new Int16Array(SCENE_SIDE * SCENE_SIDE).fill(-1);
  for (const isObject of random.shuffle(Array.from({ length: things }, (_, i) => i < objects))) {
    const thing = isObject ? drawObject(codes, nuisance, random) : drawThing(random);
    lay(canvas, owners, thing, placed.length, contrasting(background[0], 0.2, random));
    placed.push(thing);
  }
  const pixels = develop(canvas, nuisance, random, SCENE_SIDE);
  const instances = placed.flatMap((thing, index) =>
    thing.label < 0 ? [] : (annotated(thing, index, owners) ?? []),
  );
  return { pixels, instances };
}

function drawObject(codes: readonly ClassCode[], nuisance: Nuisance, random: Random): Placed {
  const label = random.integer(codes.length);
  const pose = drawPose(nuisance.pose, random);
  const layer = drawLayer(codes[label], pose, nuisance.jitter, random);
  return { layer, pose, label, ...position(random) };
}

function drawThing(random: Random): Placed {
  return { layer: distractor(random, [0.2, 0.5], 0.3), pose: null, label: -1, ...position(random) };
}

/** Of a tile: its middle lies in the frame. */
function position(random: Random): { left: number; top: number } {
  const side = () => random.integer(SCENE_SIDE) - SIDE / 2;
  return { left: side(), top: side() };
}

/** The background fills the frame: its tones, twice as large, between the nearest pixels. */
function layBackground(canvas: Float32Array, { tone }: Layer, colours: Parameters<typeof blend>[4]): void {
  const scale = SIDE / SCENE_SIDE;
  for (let y = 0; y < SCENE_SIDE; y++)
    for (let x = 0; x < SCENE_SIDE; x++) {
      const u = Math.min(SIDE - 1, Math.max(0, (x + 0.5) * scale - 0.5));
      const v = Math.min(SIDE - 1, Math.max(0, (y + 0.5) * scale - 0.5));
      const [column, row] = [Math.floor(u), Math.floor(v)];
      const [right, below] = [Math.min(SIDE - 1, column + 1), Math.min(SIDE - 1, row + 1)];
      const upper = mixed(tone[row * SIDE + column], tone[row * SIDE + right], u - column);
      const lower = mixed(tone[below * SIDE + column], tone[below * SIDE + right], u - column);
      blend(canvas, y * SCENE_SIDE + x, 1, mixed(upper, lower, v - row), colours);
    }
}

const mixed = (a: number, b: number, share: number) => a + (b - a) * share;

function lay(
  canvas: Float32Array,
  owners: Int16Array,
  { layer, left, top }: Placed,
  index: number,
  colours: Parameters<typeof blend>[4],
): void {
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const [x, y] = [left + column, top + row];
      const alpha = layer.alpha[row * SIDE + column];
      if (alpha === 0 || !isInside(x, y)) continue;
      blend(canvas, y * SCENE_SIDE + x, alpha, layer.tone[row * SIDE + column], colours);
      if (alpha > COVERED) owners[y * SCENE_SIDE + x] = index;
    }
}

const isInside = (x: number, y: number) => x >= 0 && y >= 0 && x < SCENE_SIDE && y < SCENE_SIDE;

/** The annotation of an object, or null where too little of it is seen. */
function annotated(thing: Placed, index: number, owners: Int16Array): DetectionInstance | null {
  const seen = Uint8Array.from(owners, (owner) => Number(owner === index));
  const mask = runsOf(seen, SCENE_SIDE, SCENE_SIDE);
  const area = areaOfRuns(mask);
  if (area < LEAST_PIXELS) return null;
  const whole = thing.layer.alpha.reduce((sum, alpha) => sum + Number(alpha > COVERED), 0);
  return {
    label: thing.label,
    box: boxAround(seen),
    area,
    crowd: false,
    difficult: area < LEAST_SHARE * whole,
    mask,
    keypoints: DIRECTIONS.map((direction) => keypointOf(thing, direction, seen)),
  };
}

function boxAround(seen: Uint8Array): DetectionInstance['box'] {
  let [x0, y0, x1, y1] = [SCENE_SIDE, SCENE_SIDE, 0, 0];
  for (const [at, value] of seen.entries()) {
    if (value === 0) continue;
    const [x, y] = [at % SCENE_SIDE, Math.floor(at / SCENE_SIDE)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
  }
  return { x0, y0, x1, y1 };
}

/** Steps of the walk from outside towards the middle of an object. */
const STEPS = 140;
const FARTHEST = 1.4;

/** The outermost point of an object on a ray from its middle, in the middle of a pixel: hidden where another owns it. */
function keypointOf(
  { layer, pose, left, top }: Placed,
  [dx, dy]: readonly [number, number],
  seen: Uint8Array,
): Keypoint {
  for (let step = STEPS; step > 0; step--) {
    const radius = (step / STEPS) * FARTHEST;
    const [u, v] = project(pose!.toImage, dx * radius, dy * radius);
    const column = Math.floor(((u + 1) / 2) * SIDE);
    const row = Math.floor(((v + 1) / 2) * SIDE);
    const isInTile = column >= 0 && row >= 0 && column < SIDE && row < SIDE;
    if (!isInTile || layer.alpha[row * SIDE + column] <= COVERED) continue;
    const [x, y] = [left + column, top + row];
    if (!isInside(x, y)) return NOT_LABELLED;
    return { x: x + 0.5, y: y + 0.5, visibility: seen[y * SCENE_SIDE + x] === 1 ? 2 : 1 };
  }
  return NOT_LABELLED;
}

const NOT_LABELLED: Keypoint = { x: 0, y: 0, visibility: 0 };
