/**
 * t-SNE: points in two dimensions whose closeness is that of the points given, as probabilities of picking each other.
 * Exact, as no more than a few thousand points are drawn.
 *
 * References: L. van der Maaten & G. Hinton, "Visualizing data using t-SNE", 2008; A. C. Belkina et al., "Automated
 * optimized parameters for t-SNE", 2019 (learning rate); D. Kobak & P. Berens, "The art of using t-SNE", 2019 (start
 * from the principal components).
 */
import { type Points, squaredDistances } from './neighbours.ts';
import { principalAxes } from './principal-axes.ts';
import { addMultiple, dot } from './vectors.ts';

export interface TsneOptions {
  /** How many neighbours each point has, effectively; below the number of points. */
  readonly perplexity: number;
  readonly iterations?: number;
}

const ITERATIONS = 1000;
/** Similarities are multiplied at first, so that groups form before they settle. */
const EXAGGERATION = 12;
const EXAGGERATED = 250;
const MOMENTUM = { exaggerated: 0.5, after: 0.8 };
const START_DEVIATION = 1e-4;

/** Kullback-Leibler divergence of the drawing from the points, in nats, and the drawing: x and y of every point. */
export interface Tsne {
  readonly points: Float64Array;
  readonly divergence: number;
}

/** @param distances squared ones, where they are known */
export async function tsne(
  points: Points,
  { perplexity, iterations = ITERATIONS }: TsneOptions,
  distances: Float64Array = squaredDistances(points),
): Promise<Tsne> {
  const { count } = points;
  const similar = similarities(distances, count, perplexity);
  const drawing = await principalComponents(points);
  const rate = Math.max(count / EXAGGERATION / 4, 50);
  const descent = { velocity: new Float64Array(2 * count), gains: new Float64Array(2 * count).fill(1) };
  const forces = new Forces(count);
  for (let i = 0; i < iterations; i++) {
    const early = i < EXAGGERATED;
    forces.compute(similar, drawing, early ? EXAGGERATION : 1);
    move(drawing, forces.gradient, descent, rate, early ? MOMENTUM.exaggerated : MOMENTUM.after);
  }
  return { points: drawing, divergence: divergence(similar, drawing, count) };
}

/**
 * Probabilities of the pairs i < j, row after row: of each point a normal distribution over the others whose entropy is
 * that of `perplexity` equal neighbours, both directions averaged.
 */
function similarities(distances: Float64Array, count: number, perplexity: number): Float64Array {
  const pairs = new Float64Array((count * (count - 1)) / 2);
  for (let i = 0; i < count; i++) {
    const row = conditional(distances.subarray(i * count, (i + 1) * count), i, perplexity);
    for (let j = 0; j < count; j++) if (j !== i) pairs[pairIndex(i, j, count)] += row[j] / (2 * count);
  }
  return pairs;
}

function pairIndex(i: number, j: number, count: number): number {
  const [low, high] = i < j ? [i, j] : [j, i];
  return low * count - (low * (low + 1)) / 2 + high - low - 1;
}

const ENTROPY_TOLERANCE = 1e-5;
const BISECTIONS = 100;

/** exp(-precision d) of one row, summing to 1, the precision by bisection. */
function conditional(distances: Float64Array, self: number, perplexity: number): Float64Array {
  const wanted = Math.log(perplexity);
  const row = new Float64Array(distances.length);
  let nearest = Number.POSITIVE_INFINITY;
  for (const [j, distance] of distances.entries()) if (j !== self && distance < nearest) nearest = distance;
  let [low, precision, high] = [0, 1, Number.POSITIVE_INFINITY];
  for (let step = 0; step < BISECTIONS; step++) {
    const entropy = fill(row, distances, self, nearest, precision);
    if (Math.abs(entropy - wanted) <= ENTROPY_TOLERANCE) break;
    if (entropy > wanted) low = precision;
    else high = precision;
    precision = high === Number.POSITIVE_INFINITY ? 2 * low : (low + high) / 2;
  }
  return row;
}

/** Fills the row for a precision and returns its entropy in nats. */
function fill(
  row: Float64Array,
  distances: Float64Array,
  self: number,
  nearest: number,
  precision: number,
): number {
  let [sum, weighted] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    // From the nearest on, so that one of them is 1 and the sum is never 0.
    const excess = distances[j] - nearest;
    row[j] = j === self ? 0 : Math.exp(-precision * excess);
    sum += row[j];
    weighted += row[j] * excess;
  }
  for (let j = 0; j < row.length; j++) row[j] /= sum;
  return Math.log(sum) + (precision * weighted) / sum;
}

/** More than the two that are wanted, so that the first two come close to the principal axes. */
const AXES = 10;

/** The first two principal components, made so small that they only break the symmetry. */
async function principalComponents(points: Points): Promise<Float64Array> {
  const rows = centredRows(points);
  const gram = (block: Float32Array) => Promise.resolve(gramProduct(rows, block));
  const axes = (await principalAxes(gram, points.columns, AXES)).slice(0, 2);
  const drawing = new Float64Array(2 * points.count);
  for (const [d, axis] of axes.entries())
    for (const [i, row] of rows.entries()) drawing[2 * i + d] = dot(row, axis);
  const variance = drawing.reduce((sum, along, k) => sum + (k % 2 === 0 ? along ** 2 / points.count : 0), 0);
  const scale = variance > 0 ? START_DEVIATION / Math.sqrt(variance) : 1;
  return drawing.map((along) => scale * along);
}

function centredRows({ data, count, columns }: Points): Float64Array[] {
  const rows = Array.from({ length: count }, (_, i) =>
    Float64Array.from({ length: columns }, (__, k) => data[i * columns + k]),
  );
  const mean = new Float64Array(columns);
  for (const row of rows) addMultiple(mean, 1 / count, row);
  for (const row of rows) addMultiple(row, -1, mean);
  return rows;
}

/** Each row of `block` times X'X, X being `rows`. */
function gramProduct(rows: readonly Float64Array[], block: Float32Array): Float32Array {
  const [{ length: columns }] = rows;
  const products = new Float32Array(block.length);
  for (let start = 0; start < block.length; start += columns) {
    const direction = Float64Array.from(block.subarray(start, start + columns));
    const product = new Float64Array(columns);
    for (const row of rows) addMultiple(product, dot(row, direction), row);
    products.set(product, start);
  }
  return products;
}

/** The gradient of the divergence, without the factor 4. */
class Forces {
  readonly gradient: Float64Array;
  readonly #repulsion: Float64Array;

  constructor(readonly count: number) {
    this.gradient = new Float64Array(2 * count);
    this.#repulsion = new Float64Array(2 * count);
  }

  compute(similar: Float64Array, drawing: Float64Array, exaggeration: number): void {
    const { count, gradient } = this;
    const repulsion = this.#repulsion;
    gradient.fill(0);
    repulsion.fill(0);
    let total = 0;
    for (let i = 0, pair = 0; i < count; i++) {
      const [x, y] = [drawing[2 * i], drawing[2 * i + 1]];
      let [pullX, pullY, pushX, pushY] = [0, 0, 0, 0];
      for (let j = i + 1; j < count; j++, pair++) {
        const dx = x - drawing[2 * j];
        const dy = y - drawing[2 * j + 1];
        const closeness = 1 / (1 + dx * dx + dy * dy);
        total += closeness;
        const pull = similar[pair] * closeness;
        const push = closeness * closeness;
        pullX += pull * dx;
        pullY += pull * dy;
        pushX += push * dx;
        pushY += push * dy;
        gradient[2 * j] -= pull * dx;
        gradient[2 * j + 1] -= pull * dy;
        repulsion[2 * j] -= push * dx;
        repulsion[2 * j + 1] -= push * dy;
      }
      gradient[2 * i] += pullX;
      gradient[2 * i + 1] += pullY;
      repulsion[2 * i] += pushX;
      repulsion[2 * i + 1] += pushY;
    }
    // `similar` sums to 1/2 over the pairs i < j, and so do the probabilities in the drawing.
    for (let k = 0; k < gradient.length; k++)
      gradient[k] = exaggeration * gradient[k] - repulsion[k] / (2 * total);
  }
}

/** Gradient descent with momentum and a gain for each coordinate (Jacobs, 1988). */
function move(
  drawing: Float64Array,
  gradient: Float64Array,
  { velocity, gains }: { velocity: Float64Array; gains: Float64Array },
  rate: number,
  momentum: number,
): void {
  for (let k = 0; k < drawing.length; k++) {
    const downhill = velocity[k] * gradient[k] < 0;
    gains[k] = Math.max(downhill ? gains[k] + 0.2 : gains[k] * 0.8, 0.01);
    velocity[k] = momentum * velocity[k] - 4 * rate * gains[k] * gradient[k];
    drawing[k] += velocity[k];
  }
}

function divergence(similar: Float64Array, drawing: Float64Array, count: number): number {
  let [total, crossed, entropy] = [0, 0, 0];
  for (let i = 0, pair = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++, pair++) {
      const dx = drawing[2 * i] - drawing[2 * j];
      const dy = drawing[2 * i + 1] - drawing[2 * j + 1];
      const closeness = 1 / (1 + dx * dx + dy * dy);
      total += 2 * closeness;
      if (similar[pair] === 0) continue;
      entropy += 2 * similar[pair] * Math.log(similar[pair]);
      crossed += 2 * similar[pair] * Math.log(closeness);
    }
  }
  return entropy - crossed + Math.log(total);
}
