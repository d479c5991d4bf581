/**
 * Silhouettes: closed regions about the origin that reach to radius 1. A class fixes a code; each image
 * deforms it a little (`jitter`), so that no two outlines of a class are equal.
 */
import { Random } from '../../tensor/random.ts';

/** One part of a compound: an ellipse or a rectangle, added to the region or cut out of it. */
export interface Part {
  readonly shape: 'disc' | 'box';
  readonly cut?: boolean;
  readonly x: number;
  readonly y: number;
  /** Half extents. */
  readonly rx: number;
  readonly ry: number;
  readonly angle?: number;
}

export type SilhouetteCode =
  /** Star with straight edges; `inner` is the radius of the inner corners. */
  | { readonly kind: 'star'; readonly points: number; readonly inner: number }
  /** Gielis' superformula with a = b = 1 and n2 = n3. */
  | { readonly kind: 'superformula'; readonly m: number; readonly n1: number; readonly n2: number }
  /** Smooth outline: a random Fourier series of the radius, drawn once from `code`. */
  | { readonly kind: 'blob'; readonly code: number; readonly roughness: number }
  /** Straight edges between corners at random radii, drawn once from `code`. */
  | { readonly kind: 'polygon'; readonly code: number; readonly corners: number }
  /** A body of revolution seen from the side: half widths from top to bottom. */
  | { readonly kind: 'vessel'; readonly profile: readonly number[] }
  /** Parts, in the order in which they are added and cut. */
  | { readonly kind: 'compound'; readonly parts: readonly Part[] }
  /** `count` equal elements on a ring, turned with it. */
  | {
      readonly kind: 'cluster';
      readonly count: number;
      readonly element: 'disc' | 'box';
      readonly rx: number;
      readonly ry: number;
      readonly turn?: number;
    };

export type Inside = (x: number, y: number) => boolean;

const TABLE = 256;

/** The region of one image: the class's code, deformed by `jitter` (0: not at all). */
export function makeSilhouette(code: SilhouetteCode, jitter: number, random: Random): Inside {
  switch (code.kind) {
    case 'vessel':
      return vessel(code.profile, jitter, random);
    case 'compound':
      return compound(code.parts, jitter, random);
    case 'cluster':
      return compound(clusterParts(code), jitter, random);
    default:
      return radial(radiusOf(code), jitter, random);
  }
}

/** The radius as a function of the direction, for the kinds that are star-shaped about the origin. */
function radiusOf(
  code: Extract<SilhouetteCode, { kind: 'star' | 'superformula' | 'blob' | 'polygon' }>,
): (angle: number) => number {
  switch (code.kind) {
    case 'star':
      return throughCorners(
        Array.from({ length: 2 * code.points }, (_, corner) => ({
          angle: (Math.PI * corner) / code.points,
          radius: corner % 2 === 0 ? 1 : code.inner,
        })),
      );
    case 'superformula':
      return (angle) => {
        const quarter = (code.m * angle) / 4;
        return (
          (Math.abs(Math.cos(quarter)) ** code.n2 + Math.abs(Math.sin(quarter)) ** code.n2) ** (-1 / code.n1)
        );
      };
    case 'blob': {
      const random = new Random(code.code, 'blob');
      const waves = [2, 3, 4, 5, 6].map((order) => ({
        order,
        amplitude: (code.roughness * random.uniform(0.2, 1)) / order ** 0.4,
        phase: random.uniform(0, 2 * Math.PI),
      }));
      return (angle) =>
        Math.max(
          0.15,
          waves.reduce((r, wave) => r + wave.amplitude * Math.cos(wave.order * angle + wave.phase), 1),
        );
    }
    case 'polygon': {
      const random = new Random(code.code, 'polygon');
      const corners = Array.from({ length: code.corners }, (_, corner) => ({
        angle: (2 * Math.PI * (corner + random.uniform(-0.25, 0.25))) / code.corners,
        radius: random.uniform(0.35, 1),
      }));
      return throughCorners(corners);
    }
  }
}

/** Straight edges through corners given in polar coordinates, in the order of their angles. */
function throughCorners(corners: readonly { angle: number; radius: number }[]): (angle: number) => number {
  const full = 2 * Math.PI;
  const first = corners[0].angle;
  const starts = corners.map(({ angle }) => angle - first);
  return (direction) => {
    const angle = (((direction - first) % full) + full) % full;
    let index = starts.length - 1;
    while (starts[index] > angle) index--;
    const from = corners[index];
    const to = corners[(index + 1) % corners.length];
    const span = (index + 1 < starts.length ? starts[index + 1] : full) - starts[index];
    const part = angle - starts[index];
    // The line between two polar points: r1 r2 sin(span) / (r1 sin(part) + r2 sin(span - part)).
    return (
      (from.radius * to.radius * Math.sin(span)) /
      (from.radius * Math.sin(span - part) + to.radius * Math.sin(part))
    );
  };
}

function radial(radius: (angle: number) => number, jitter: number, random: Random): Inside {
  const waves = [1, 2, 3, 5].map((order) => ({
    order,
    amplitude: (jitter * random.normal()) / 2,
    phase: random.uniform(0, 2 * Math.PI),
  }));
  const table = Float64Array.from({ length: TABLE + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / TABLE;
    return waves.reduce(
      (r, wave) => r * (1 + wave.amplitude * Math.cos(wave.order * angle + wave.phase)),
      radius(angle),
    );
  });
  // The unjittered radius sets the size, so that a class keeps its area.
  const reach = Math.max(...table);
  const perRadian = TABLE / (2 * Math.PI);
  return (x, y) => {
    const distance = Math.hypot(x, y) * reach;
    if (distance > reach) return false;
    const position = (Math.atan2(y, x) + Math.PI * 2) * perRadian;
    const index = Math.floor(position) % TABLE;
    const part = position - Math.floor(position);
    return distance < table[index] * (1 - part) + table[index + 1] * part;
  };
}

function vessel(profile: readonly number[], jitter: number, random: Random): Inside {
  const widths = profile.map((width) => width * (1 + 1.5 * jitter * random.normal()));
  const last = widths.length - 1;
  return (x, y) => {
    if (y < -1 || y > 1) return false;
    const position = ((y + 1) / 2) * last;
    const index = Math.min(last - 1, Math.floor(position));
    const part = position - index;
    const smooth = part * part * (3 - 2 * part);
    return Math.abs(x) < widths[index] * (1 - smooth) + widths[index + 1] * smooth;
  };
}

function clusterParts(code: Extract<SilhouetteCode, { kind: 'cluster' }>): Part[] {
  return Array.from({ length: code.count }, (_, index) => {
    const angle = (2 * Math.PI * index) / code.count;
    const distance = 1 - Math.max(code.rx, code.ry);
    return {
      shape: code.element,
      x: distance * Math.cos(angle),
      y: distance * Math.sin(angle),
      rx: code.rx,
      ry: code.ry,
      angle: angle + (code.turn ?? 0),
    };
  });
}

function compound(parts: readonly Part[], jitter: number, random: Random): Inside {
  const placed = parts.map((part) => {
    const angle = (part.angle ?? 0) + 1.5 * jitter * random.normal();
    return {
      x: part.x + 0.7 * jitter * random.normal(),
      y: part.y + 0.7 * jitter * random.normal(),
      cosine: Math.cos(angle),
      sine: Math.sin(angle),
      rx: part.rx * (1 + jitter * random.normal()),
      ry: part.ry * (1 + jitter * random.normal()),
      box: part.shape === 'box',
      cut: part.cut === true,
    };
  });
  return (x, y) => {
    let inside = false;
    for (const part of placed) {
      if (inside !== part.cut) continue;
      const dx = x - part.x;
      const dy = y - part.y;
      const u = (part.cosine * dx + part.sine * dy) / part.rx;
      const v = (part.cosine * dy - part.sine * dx) / part.ry;
      if (part.box ? Math.abs(u) < 1 && Math.abs(v) < 1 : u * u + v * v < 1) inside = !part.cut;
    }
    return inside;
  };
}
