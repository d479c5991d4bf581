/**
 * UMAP: points in two dimensions whose nearest neighbours are those of the points given, by umap-js. It starts from
 * random places, so distances between groups mean less than in t-SNE from principal components.
 *
 * Reference: L. McInnes, J. Healy & J. Melville, "UMAP: Uniform manifold approximation and projection", 2018.
 */
import { UMAP } from 'umap-js';
import { Random } from '../tensor/random.ts';

export interface UmapOptions {
  /** Neighbours of each point, itself among them; at most the number of points. */
  readonly neighbours: number;
  readonly seed: number;
}

/**
 * @param distances squared ones of every pair, and `order` of the other points from the nearest
 * @returns x and y of every point
 */
export function umap(
  distances: Float64Array,
  order: readonly Uint32Array[],
  { neighbours, seed }: UmapOptions,
): Float64Array {
  const count = order.length;
  const random = new Random(seed, 'umap');
  const method = new UMAP({ nNeighbors: neighbours, random: () => random.uniform() });
  const nearest = order.map((others, i) => [i, ...others.subarray(0, neighbours - 1)]);
  method.setPrecomputedKNN(
    nearest,
    nearest.map((row, i) => row.map((j) => Math.sqrt(distances[i * count + j]))),
  );
  // With the neighbours given it asks the points only for their number.
  return Float64Array.from(method.fit(order.map(() => [])).flat());
}
