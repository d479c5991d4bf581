/** Where an object stands in the image: a projective map between object and image coordinates. */
import type { Random } from '../../tensor/random.ts';

/** A row-major 3x3 matrix that acts on (x, y, 1). */
export type Homography = readonly number[];

export interface Pose {
  /** From the object (radius about 1) to the image (-1 .. 1 in both directions, y downwards). */
  readonly toImage: Homography;
  readonly toObject: Homography;
}

export interface PoseRange {
  /** Greatest rotation to either side, radians. */
  readonly rotation: number;
  /** Object radius in units of half the image, least and greatest. */
  readonly scale: readonly [number, number];
  /** Greatest displacement of the centre in either direction, in units of half the image. */
  readonly shift: number;
  readonly shear: number;
  /** Greatest change of the projective denominator over one object radius. */
  readonly perspective: number;
}

export function drawPose(range: PoseRange, random: Random): Pose {
  const angle = random.uniform(-range.rotation, range.rotation);
  const scale = random.uniform(range.scale[0], range.scale[1]);
  const stretch = 1 + random.uniform(-0.5, 0.5) * range.shear;
  const shear = random.uniform(-range.shear, range.shear);
  const cosine = Math.cos(angle) * scale;
  const sine = Math.sin(angle) * scale;
  const toImage = [
    cosine * stretch,
    cosine * shear - sine / stretch,
    random.uniform(-range.shift, range.shift),
    sine * stretch,
    sine * shear + cosine / stretch,
    random.uniform(-range.shift, range.shift),
    random.uniform(-range.perspective, range.perspective),
    random.uniform(-range.perspective, range.perspective),
    1,
  ];
  return { toImage, toObject: invert(toImage) };
}

/** The image of a point. */
export function project(m: Homography, x: number, y: number): [number, number] {
  const w = 1 / (m[6] * x + m[7] * y + m[8]);
  return [(m[0] * x + m[1] * y + m[2]) * w, (m[3] * x + m[4] * y + m[5]) * w];
}

/** The bounds in the image of the object's square of half side `reach`: left, top, right, bottom. */
export function boundsInImage(toImage: Homography, reach: number): [number, number, number, number] {
  const corners = [
    project(toImage, -reach, -reach),
    project(toImage, reach, -reach),
    project(toImage, reach, reach),
    project(toImage, -reach, reach),
  ];
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The inverse up to a factor, which a projective map ignores: the transposed cofactors. */
function invert([a, b, c, d, e, f, g, h, i]: Homography): Homography {
  return [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ];
}
