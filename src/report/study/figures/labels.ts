/**
 * Names beside dots without overlaps: each name tries places around its dot, near ones first, and takes the
 * cheapest. Greedy, the most crowded dots first; what finds no place stays without a name.
 */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Labelled {
  /** Centre of the dot, pixels. */
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

interface PlacedLabel extends Labelled {
  /** Where the text begins, on its middle line. */
  readonly left: number;
  readonly middle: number;
  /** Whether it is so far from its dot that a line must lead there. */
  readonly leader: boolean;
}

const DIRECTIONS = Array.from({ length: 32 }, (_, i) => (i * Math.PI) / 16);
const DISTANCES = [9, 13, 19, 26, 34, 43, 53, 64, 76, 90, 106, 124];
/** From here on a line leads to the dot. */
const NEAR = 16;

/**
 * @param obstacles boxes of anything else that a name should not cover, for example error bars
 * @param reserved boxes that a name must not touch
 */
export function placeLabels(
  dots: readonly Labelled[],
  frame: Box,
  obstacles: readonly Box[],
  fontSize: number,
  reserved: readonly Box[] = [],
): PlacedLabel[] {
  const taken: Box[] = [...reserved, ...dots.map(({ x, y }) => around(x, y, 6))];
  const placed: PlacedLabel[] = [];
  const crowd = (dot: Labelled) => dots.filter(({ x, y }) => Math.hypot(x - dot.x, y - dot.y) < 60).length;
  for (const dot of [...dots].sort((a, b) => crowd(b) - crowd(a))) {
    const best = candidates(dot, fontSize)
      .filter(({ box }) => inside(box, frame) && !taken.some((other) => overlap(box, other) > 0))
      .map((candidate) => ({ ...candidate, cost: cost(candidate, dot, obstacles, placed, taken) }))
      .sort((a, b) => a.cost - b.cost)[0];
    if (!best) continue;
    taken.push(best.box);
    placed.push({
      ...dot,
      left: best.box.left,
      middle: (best.box.top + best.box.bottom) / 2,
      leader: best.distance > NEAR,
    });
  }
  return placed;
}

interface Candidate {
  readonly box: Box;
  readonly distance: number;
}

/** Boxes whose edge is `distance` from the dot, in every direction. */
function candidates({ x, y, text }: Labelled, fontSize: number): Candidate[] {
  const width = [...text].length * fontSize * 0.56 + 2;
  const height = fontSize * 1.15;
  return DISTANCES.flatMap((distance) =>
    DIRECTIONS.map((angle) => {
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const middleX = x + cos * distance + (Math.sign(Math.round(cos * 100)) * width) / 2;
      const middleY = y + sin * (distance + height / 2);
      const [left, top] = [middleX - width / 2, middleY - height / 2];
      return { box: { left, top, right: left + width, bottom: top + height }, distance };
    }),
  );
}

/** Far is bad, covering an error bar, the line to another name or, by its own line, another name is worse. */
function cost(
  { box, distance }: Candidate,
  dot: Labelled,
  obstacles: readonly Box[],
  placed: readonly PlacedLabel[],
  taken: readonly Box[],
): number {
  const covered = obstacles.reduce((sum, other) => sum + Math.min(60, overlap(box, other)), 0);
  const nearest = { x: clamp(dot.x, box.left, box.right), y: clamp(dot.y, box.top, box.bottom) };
  const crossed = placed.filter(
    (other) =>
      other.leader &&
      crosses(dot, nearest, other, { x: clamp(dot.x, other.left, other.left + 40), y: other.middle }),
  );
  const hidden = distance > NEAR ? taken.filter((other) => passes(dot, nearest, other)).length : 0;
  return distance + 0.6 * covered + 40 * crossed.length + 40 * hidden;
}

function around(x: number, y: number, radius: number): Box {
  return { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius };
}

function inside(box: Box, frame: Box): boolean {
  return (
    box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom
  );
}

/** Area that two boxes share. */
function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Whether the segment from a to b enters a box that does not have a itself. */
function passes(a: Point, b: Point, box: Box): boolean {
  const within = ({ x, y }: Point) => x > box.left && x < box.right && y > box.top && y < box.bottom;
  if (within(a)) return false;
  return Array.from({ length: 12 }, (_, i) => (i + 1) / 12).some((part) =>
    within({ x: a.x + part * (b.x - a.x), y: a.y + part * (b.y - a.y) }),
  );
}

/** Whether the segments from a to b and from c to d cross. */
function crosses(a: Point, b: Point, c: Point, d: Point): boolean {
  const side = (p: Point, q: Point, r: Point) => (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x);
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
