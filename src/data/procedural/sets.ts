/**
 * The procedural suite as data: which classes each set has, how many images per class and split, and how
 * hard the images are. Everything that can be tuned is in this file; raise `GENERATOR_VERSION` in
 * dataset.ts when equal numbers here would give other pixels.
 *
 * A source set, the same with larger and clearer objects (`studio`), and six targets at growing distances from them.
 * No class of a target occurs in the source: `shapes` has new members of the source's families, `fine` has one new
 * family member and its variations, `plants` has new fractals, `materials` has the source's kinds of texture alone, in
 * other sizes, `large` has new families with new textures, and `glyphs` has strokes in ink instead of surfaces.
 */
import type { SplitName } from '../contract.ts';
import type { ClassCode } from './layers.ts';
import type { Nuisance } from './scene.ts';
import type { Part, SilhouetteCode } from './silhouettes.ts';
import type { TextureCode, TextureKind } from './textures.ts';

interface ProceduralClass {
  readonly name: string;
  /** The coarse class. */
  readonly family: string;
  readonly code: ClassCode;
}

export interface ProceduralSet {
  /** One line for listings. */
  readonly description: string;
  readonly classes: readonly ProceduralClass[];
  /** Images per class. */
  readonly counts: Readonly<Record<SplitName, number>>;
  readonly nuisance: Nuisance;
}

const SURFACES: Nuisance = {
  pose: { rotation: 0.7, scale: [0.5, 0.8], shift: 0.22, shear: 0.25, perspective: 0.16 },
  jitter: 0.05,
  clutter: 2,
  occluder: 0.3,
  light: 0.6,
  noise: 0.05,
  palette: 'vivid',
};

/** Large, nearly upright objects: easy enough to be learned from scratch, given the images. */
const STUDIO: Nuisance = {
  pose: { rotation: 0.4, scale: [0.7, 0.95], shift: 0.1, shear: 0.15, perspective: 0.1 },
  jitter: 0.04,
  clutter: 1,
  occluder: 0.2,
  light: 0.4,
  noise: 0.03,
  palette: 'vivid',
};

const INK: Nuisance = {
  pose: { rotation: 0.7, scale: [0.4, 0.75], shift: 0.28, shear: 0.35, perspective: 0.16 },
  jitter: 0.085,
  clutter: 3,
  occluder: 0.4,
  light: 0.6,
  noise: 0.07,
  palette: 'ink',
};

/** `stripes/0.5` or `stripes/0.5/1.57`: kind, period and direction. */
function texture(text: string): TextureCode {
  const [kind, period, angle] = text.split('/');
  return { kind: kind as TextureKind, period: Number(period), angle: Number(angle ?? 0) };
}

/** A class of a family whose members are silhouettes filled with textures. */
function textured(family: string, name: string, silhouette: SilhouetteCode, fill: string): ProceduralClass {
  return { name, family, code: { draw: 'textured', silhouette, texture: texture(fill) } };
}

function fractal(family: string, name: string, maps: number, code: number): ProceduralClass {
  return { name, family, code: { draw: 'fractal', code, maps } };
}

function material(family: string, name: string, fill: string): ProceduralClass {
  return { name, family, code: { draw: 'material', texture: texture(fill) } };
}

const disc = (x: number, y: number, rx: number, ry = rx): Part => ({ shape: 'disc', x, y, rx, ry });
const box = (x: number, y: number, rx: number, ry: number): Part => ({ shape: 'box', x, y, rx, ry });
const cut = (part: Part): Part => ({ ...part, cut: true });
const compound = (...parts: Part[]): SilhouetteCode => ({ kind: 'compound', parts });
const star = (points: number, inner: number): SilhouetteCode => ({ kind: 'star', points, inner });
const petals = (m: number, n1: number, n2: number): SilhouetteCode => ({ kind: 'superformula', m, n1, n2 });
const blob = (code: number, roughness = 0.22): SilhouetteCode => ({ kind: 'blob', code, roughness });
const polygon = (code: number, corners: number): SilhouetteCode => ({ kind: 'polygon', code, corners });
const vessel = (...profile: number[]): SilhouetteCode => ({ kind: 'vessel', profile });
const cluster = (
  count: number,
  element: 'disc' | 'box',
  rx: number,
  ry: number,
  turn = 0,
): SilhouetteCode => ({ kind: 'cluster', count, element, rx, ry, turn });

const SOURCE: readonly ProceduralClass[] = [
  textured('star', 'star-3-stripes', star(3, 0.3), 'stripes/0.45'),
  textured('star', 'star-4-spots', star(4, 0.4), 'spots/0.45'),
  textured('star', 'star-5-stripes', star(5, 0.45), 'stripes/0.45/1.57'),
  textured('star', 'star-5-checks', star(5, 0.5), 'checks/0.55'),
  textured('star', 'star-8-spots', star(8, 0.65), 'spots/0.45'),
  textured('petals', 'petals-3-cells', petals(3, 0.6, 1.2), 'cells/0.5'),
  textured('petals', 'petals-4-marble', petals(4, 0.4, 0.9), 'marble/0.6'),
  textured('petals', 'petals-6-cells', petals(6, 0.9, 1.4), 'cells/0.5'),
  textured('petals', 'petals-4-rings', petals(4, 0.9, 1.8), 'rings/0.4'),
  textured('petals', 'petals-7-marble', petals(7, 0.7, 1.3), 'marble/0.6'),
  textured('blob', 'blob-a-weave', blob(1), 'weave/0.4'),
  textured('blob', 'blob-b-clouds', blob(2), 'clouds/0.5'),
  textured('blob', 'blob-c-weave', blob(3), 'weave/0.4'),
  textured('blob', 'blob-d-clouds', blob(4), 'clouds/0.5'),
  textured('blob', 'blob-d-spots', blob(4), 'spots/0.5'),
  textured('polygon', 'polygon-a-checks', polygon(1, 5), 'checks/0.55'),
  textured('polygon', 'polygon-b-grid', polygon(2, 6), 'grid/0.4'),
  textured('polygon', 'polygon-c-checks', polygon(3, 7), 'checks/0.55'),
  textured('polygon', 'polygon-d-grid', polygon(4, 6), 'grid/0.4'),
  textured('polygon', 'polygon-a-stripes', polygon(1, 5), 'stripes/0.4/0.8'),
  textured('compound', 'ring-stripes', compound(disc(0, 0, 1), cut(disc(0, 0, 0.5))), 'stripes/0.45'),
  textured('compound', 'crescent-cells', compound(disc(0, 0, 1), cut(disc(0.5, 0, 0.75))), 'cells/0.45'),
  textured('compound', 'cross-marble', compound(box(0, 0, 1, 0.3), box(0, 0, 0.3, 1)), 'marble/0.6'),
  textured(
    'compound',
    'keyhole-cells',
    compound(disc(0, -0.4, 0.55), box(0, 0.45, 0.28, 0.55)),
    'cells/0.45',
  ),
  textured(
    'compound',
    'dumbbell-stripes',
    compound(disc(-0.6, 0, 0.4), disc(0.6, 0, 0.4), box(0, 0, 0.6, 0.15)),
    'stripes/0.4/1.57',
  ),
  textured('cluster', 'cluster-3-discs', cluster(3, 'disc', 0.42, 0.42), 'rings/0.35'),
  textured('cluster', 'cluster-4-boxes', cluster(4, 'box', 0.3, 0.3), 'plain/1'),
  textured('cluster', 'cluster-5-discs', cluster(5, 'disc', 0.3, 0.3), 'plain/1'),
  textured('cluster', 'cluster-6-bars', cluster(6, 'box', 0.42, 0.12), 'plain/1'),
  textured('cluster', 'cluster-5-bars', cluster(5, 'box', 0.42, 0.14, 1.2), 'stripes/0.35'),
  ...[2, 7, 11, 13, 17].map((code, index) => fractal('bush', `bush-${'abcde'[index]}`, 4, code)),
  ...[3, 4, 8, 10, 25].map((code, index) => fractal('frond', `frond-${'abcde'[index]}`, 2, code)),
];

const SHAPES: readonly ProceduralClass[] = [
  textured('star', 'star-6-marble', star(6, 0.5), 'marble/0.6'),
  textured('star', 'star-4-cells', star(4, 0.55), 'cells/0.45'),
  textured('petals', 'petals-5-stripes', petals(5, 0.6, 1.2), 'stripes/0.4'),
  textured('petals', 'petals-3-spots', petals(3, 1.1, 1.9), 'spots/0.45'),
  textured('blob', 'blob-e-marble', blob(7), 'marble/0.6'),
  textured('blob', 'blob-f-checks', blob(8), 'checks/0.5'),
  textured('polygon', 'polygon-e-clouds', polygon(7, 6), 'clouds/0.5'),
  textured(
    'compound',
    'arch-weave',
    compound(disc(0, -0.1, 0.9), cut(disc(0, 0.1, 0.5)), cut(box(0, 0.75, 1, 0.5))),
    'weave/0.4',
  ),
  fractal('bush', 'bush-f', 4, 24),
  fractal('frond', 'frond-f', 2, 27),
];

const FINE: readonly ProceduralClass[] = ['stripes/0.32', 'stripes/0.6', 'spots/0.38', 'checks/0.5'].flatMap(
  (fill, index) =>
    [1.5, 0.95].map((n, variant) =>
      textured('petals', `petals-5${'ab'[variant]}-${index}`, petals(5, n * 0.6, 1.6), fill),
    ),
);

const GLYPHS: readonly ProceduralClass[] = Array.from({ length: 10 }, (_, index) => ({
  name: `glyph-${'abcdefghij'[index]}`,
  family: 'glyph',
  code: { draw: 'glyph', code: index + 1, strokes: 4 },
}));

const LARGE: readonly ProceduralClass[] = [
  textured('vessel', 'vase-scales', vessel(0.45, 0.25, 0.3, 0.7, 0.75, 0.5, 0.35), 'scales/0.45'),
  textured('vessel', 'bottle-bricks', vessel(0.16, 0.16, 0.2, 0.48, 0.5, 0.5, 0.5), 'bricks/0.55'),
  textured('vessel', 'goblet-scales', vessel(0.6, 0.62, 0.5, 0.12, 0.1, 0.12, 0.5), 'scales/0.45'),
  textured('vessel', 'bell-zigzag', vessel(0.15, 0.4, 0.5, 0.52, 0.6, 0.85, 0.9), 'zigzag/0.5'),
  textured('vessel', 'spindle-bricks', vessel(0.1, 0.3, 0.6, 0.3, 0.6, 0.3, 0.1), 'bricks/0.55'),
  textured('vessel', 'bottle-zigzag', vessel(0.16, 0.16, 0.2, 0.48, 0.5, 0.5, 0.5), 'zigzag/0.5'),
  material('material', 'triangles', 'triangles/0.4'),
  material('material', 'scales', 'scales/0.4'),
  material('material', 'bricks', 'bricks/0.5'),
  material('material', 'zigzag', 'zigzag/0.4'),
];

const PLANTS: readonly ProceduralClass[] = [
  ...[5, 19, 23, 29].map((code, index) => fractal('bush', `bush-${'ghij'[index]}`, 4, code)),
  ...[6, 12, 14, 20].map((code, index) => fractal('frond', `frond-${'ghij'[index]}`, 2, code)),
];

const MATERIALS: readonly ProceduralClass[] = [
  material('lines', 'stripes-narrow', 'stripes/0.25'),
  material('lines', 'stripes-middling', 'stripes/0.42'),
  material('lines', 'stripes-wide', 'stripes/0.7'),
  material('patches', 'spots-narrow', 'spots/0.4'),
  material('patches', 'spots-wide', 'spots/0.65'),
  material('patches', 'cells-narrow', 'cells/0.3'),
  material('patches', 'cells-wide', 'cells/0.5'),
  material('patches', 'marble-wide', 'marble/0.95'),
];

export const SETS: Readonly<Record<string, ProceduralSet>> = {
  'procedural/source': {
    description: 'Source: 40 classes of 8 families (textured shapes and fractals), for pre-training.',
    classes: SOURCE,
    counts: { train: 400, validation: 20, test: 20 },
    nuisance: SURFACES,
  },
  'procedural/studio': {
    description:
      'Easier source: the classes of procedural/source, large and upright, 200 training images each.',
    classes: SOURCE,
    counts: { train: 200, validation: 10, test: 20 },
    nuisance: STUDIO,
  },
  'procedural/shapes': {
    description: 'Near target: 10 new members of the source families, 30 training images each.',
    classes: SHAPES,
    counts: { train: 30, validation: 15, test: 40 },
    nuisance: SURFACES,
  },
  'procedural/fine': {
    description: 'Fine-grained small target: 8 variations of one flower, 12 training images each.',
    classes: FINE,
    counts: { train: 12, validation: 10, test: 40 },
    nuisance: SURFACES,
  },
  'procedural/plants': {
    description: 'Near target: 8 new bushes and fronds, 20 training images each.',
    classes: PLANTS,
    counts: { train: 20, validation: 10, test: 40 },
    nuisance: SURFACES,
  },
  'procedural/materials': {
    description: 'Target of texture alone: 8 materials that differ in kind or size, 25 training images each.',
    classes: MATERIALS,
    counts: { train: 25, validation: 10, test: 40 },
    nuisance: SURFACES,
  },
  'procedural/glyphs': {
    description: 'Far target: 10 characters written in ink, 20 training images each.',
    classes: GLYPHS,
    counts: { train: 20, validation: 10, test: 40 },
    nuisance: INK,
  },
  'procedural/large': {
    description: 'Largest target: 10 vessels and materials with new textures, 250 training images each.',
    classes: LARGE,
    counts: { train: 250, validation: 40, test: 60 },
    nuisance: STUDIO,
  },
};

/** The set for detection: vessels, which have a top and a bottom, several to a scene (`detection-dataset.ts`). */
export const SCENES = {
  classes: LARGE.filter(({ family }) => family === 'vessel'),
  /** Scenes in each part. */
  counts: { train: 400, validation: 100, test: 200 } satisfies Record<SplitName, number>,
  nuisance: {
    ...SURFACES,
    pose: { rotation: 0.6, scale: [0.35, 0.85], shift: 0, shear: 0.15, perspective: 0.1 },
  } satisfies Nuisance,
  /** Objects in a scene. */
  most: 5,
};
