/**
 * From a class's code to pixels: an object on a textured background, between clutter and an occluder, in
 * random colours, under uneven light, with sensor noise. All that varies between images of a class is
 * drawn here, within the bounds that the set gives (`Nuisance`).
 */
import type { Random } from '../../tensor/random.ts';
import { type ClassCode, drawLayer, fillRegion, type Layer, SIDE } from './layers.ts';
import { latticeValue } from './noise.ts';
import { drawPose, type PoseRange } from './pose.ts';
import { makeSilhouette } from './silhouettes.ts';
import { makeTexture, type TextureKind } from './textures.ts';

export interface Nuisance {
  readonly pose: PoseRange;
  /** Relative deformation of the class's code. */
  readonly jitter: number;
  /** Greatest number of distractors behind the object. */
  readonly clutter: number;
  /** Probability that something lies in front of the object. */
  readonly occluder: number;
  /** Greatest relative change of brightness across the image. */
  readonly light: number;
  /** Greatest standard deviation of the sensor noise, full scale 1. */
  readonly noise: number;
  /** `vivid`: any colours. `ink`: dark on pale paper or the reverse, nearly grey. */
  readonly palette: 'vivid' | 'ink';
}

type Colour = readonly [number, number, number];

const BACKGROUNDS: readonly TextureKind[] = [
  'plain',
  'clouds',
  'marble',
  'stripes',
  'checks',
  'cells',
  'grain',
];
const FULL_FRAME: PoseRange = { rotation: Math.PI, scale: [1, 1], shift: 0, shear: 0.2, perspective: 0.1 };

/** Renders one image: 64 x 64 RGB, 8 bits. Equal arguments and an equal stream give equal pixels. */
export function renderScene(code: ClassCode, nuisance: Nuisance, random: Random): Uint8Array<ArrayBuffer> {
  const colours = drawColours(nuisance.palette, random);
  const canvas = new Float32Array(SIDE * SIDE * 3);
  if (code.draw !== 'material') {
    paint(canvas, backgroundLayer(random), colours.background);
    const distractors = random.integer(nuisance.clutter + 1);
    for (let i = 0; i < distractors; i++) {
      paint(canvas, distractor(random, [0.12, 0.3], 0.95), contrasting(colours.background[0], 0.15, random));
    }
  }
  const pose = drawPose(nuisance.pose, random);
  paint(canvas, drawLayer(code, pose, nuisance.jitter, random), colours.object);
  if (random.uniform() < nuisance.occluder) {
    paint(canvas, distractor(random, [0.15, 0.28], 0.6), contrasting(colours.object[0], 0.2, random));
  }
  return develop(canvas, nuisance, random);
}

export function backgroundLayer(random: Random): Layer {
  const texture = makeTexture(
    { kind: random.pick(BACKGROUNDS), period: random.uniform(0.25, 0.9), angle: random.uniform(0, Math.PI) },
    random,
  );
  return fillRegion(drawPose(FULL_FRAME, random), undefined, texture, 1);
}

/** A random blob, bar or polygon of no class. */
export function distractor(random: Random, scale: readonly [number, number], shift: number): Layer {
  const pose = drawPose({ rotation: Math.PI, scale, shift, shear: 0.6, perspective: 0 }, random);
  const code = random.integer(1 << 30);
  const inside = makeSilhouette(
    random.pick([
      { kind: 'blob', code, roughness: 0.2 },
      { kind: 'polygon', code, corners: 5 },
      { kind: 'compound', parts: [{ shape: 'box', x: 0, y: 0, rx: 1.2, ry: 0.3 }] },
    ] as const),
    0,
    random,
  );
  return fillRegion(pose, inside, makeTexture({ kind: 'plain', period: 1 }, random));
}

/** Lays a layer over the canvas, its tones mixed from two colours. */
function paint(canvas: Float32Array, layer: Layer, colours: readonly [Colour, Colour]) {
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++)
    blend(canvas, pixel, layer.alpha[pixel], layer.tone[pixel], colours);
}

/** Covers a share of a pixel of the canvas with a tone between two colours. */
export function blend(
  canvas: Float32Array,
  pixel: number,
  alpha: number,
  tone: number,
  [first, second]: readonly [Colour, Colour],
): void {
  if (alpha === 0) return;
  for (let channel = 0; channel < 3; channel++) {
    const colour = first[channel] + (second[channel] - first[channel]) * tone;
    canvas[pixel * 3 + channel] += (colour - canvas[pixel * 3 + channel]) * alpha;
  }
}

/** Light, contrast and noise on a square canvas; then 8 bits. */
export function develop(
  canvas: Float32Array,
  nuisance: Pick<Nuisance, 'light' | 'noise'>,
  random: Random,
  side = SIDE,
): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(side * side * 3);
  const direction = random.uniform(0, 2 * Math.PI);
  const strength = random.uniform(0, nuisance.light);
  const slopeX = (strength * Math.cos(direction) * 2) / side;
  const slopeY = (strength * Math.sin(direction) * 2) / side;
  const exposure = random.uniform(1 - nuisance.light / 2, 1 + nuisance.light / 4);
  const fog = random.uniform(0, 0.15);
  // A sum of three uniform numbers of variance 1/12 has standard deviation 1/2.
  const noise = random.uniform(0, nuisance.noise) * 2;
  const seed = random.integer(1 << 30);
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const light = exposure * (1 + slopeX * (column - side / 2) + slopeY * (row - side / 2));
      for (let channel = 0; channel < 3; channel++, at++) {
        const grain = latticeValue(at, 0, seed) + latticeValue(at, 1, seed) + latticeValue(at, 2, seed) - 1.5;
        const value = (fog + canvas[at] * (1 - fog)) * light + noise * grain;
        pixels[at] = Math.max(0, Math.min(255, Math.round(value * 255)));
      }
    }
  }
  return pixels;
}

interface Colours {
  readonly background: readonly [Colour, Colour];
  readonly object: readonly [Colour, Colour];
}

export function drawColours(palette: Nuisance['palette'], random: Random): Colours {
  if (palette === 'ink') return inkColours(random);
  const ground = anyColour(random);
  const background = [ground, mix(ground, anyColour(random), random.uniform(0.1, 0.35))] as const;
  return { background, object: contrasting(mix(background[0], background[1], 0.4), 0.35, random) };
}

/** Two colours that differ from `from` by at least `distance` and from one another by at least 0.3. */
export function contrasting(from: Colour, distance: number, random: Random): readonly [Colour, Colour] {
  let [first, second] = [anyColour(random), anyColour(random)];
  for (let attempt = 0; attempt < 20; attempt++) {
    const middle = mix(first, second, 0.5);
    if (separation(first, second) >= 0.3 && separation(middle, from) >= distance) break;
    [first, second] = [anyColour(random), anyColour(random)];
  }
  return [first, second];
}

function inkColours(random: Random): Colours {
  const tint = anyColour(random);
  const paper = mix([0.9, 0.88, 0.82], tint, 0.12);
  const ink = mix(mix([0.1, 0.1, 0.14], tint, 0.18), paper, random.uniform(0, 0.45));
  const [ground, pen] = random.uniform() < 0.6 ? [paper, ink] : [ink, paper];
  return { background: [ground, mix(ground, pen, 0.35)], object: [pen, mix(pen, ground, 0.25)] };
}

/** Uniform in hue; saturation and brightness away from black. */
function anyColour(random: Random): Colour {
  const hue = random.uniform(0, 6);
  const saturation = random.uniform(0.05, 0.9);
  const brightness = random.uniform(0.15, 1);
  const channel = (offset: number) => {
    const k = (offset + hue) % 6;
    return brightness * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  };
  return [channel(5), channel(3), channel(1)];
}

function mix(a: Colour, b: Colour, share: number): Colour {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

/** Weighted distance of two colours, 0 .. 1: mostly the difference of brightness, as eyes see it. */
function separation(a: Colour, b: Colour): number {
  const [r, g, blue] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return Math.sqrt(0.3 * r * r + 0.59 * g * g + 0.11 * blue * blue);
}
