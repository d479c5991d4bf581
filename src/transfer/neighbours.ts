/** Nearest neighbours among points, and what they say of labels and of drawings of the points. */

/** Points as rows of a matrix, row-major. */
export interface Points {
  readonly data: ArrayLike<number>;
  readonly count: number;
  readonly columns: number;
}

/** Squared Euclidean distances of every pair, count x count, row-major. */
export function squaredDistances({ data, count, columns }: Points): Float64Array {
  const distances = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      let sum = 0;
      for (let k = 0, a = i * columns, b = j * columns; k < columns; k++, a++, b++) {
        const difference = data[a] - data[b];
        sum += difference * difference;
      }
      distances[i * count + j] = sum;
      distances[j * count + i] = sum;
    }
  }
  return distances;
}

/** The other points from the nearest to the farthest, one row per point; ties in the points' order. */
export function neighbourOrder(distances: Float64Array, count: number): Uint32Array[] {
  return Array.from({ length: count }, (_, i) => {
    const row = distances.subarray(i * count, (i + 1) * count);
    const others = Uint32Array.from({ length: count - 1 }, (__, j) => (j < i ? j : j + 1));
    return others.sort((a, b) => row[a] - row[b] || a - b);
  });
}

/**
 * Share of points whose `neighbours` nearest other points have the point's own label most often; ties go to the lowest
 * label, as in scikit-learn's `KNeighborsClassifier` under leave-one-out.
 * @param order of `neighbourOrder`
 */
export function neighbourAccuracy(
  order: readonly Uint32Array[],
  labels: ArrayLike<number>,
  neighbours: number,
): number {
  let right = 0;
  for (const [i, others] of order.entries()) {
    const votes = new Map<number, number>();
    for (const j of others.subarray(0, neighbours)) votes.set(labels[j], (votes.get(labels[j]) ?? 0) + 1);
    const [winner] = [...votes].sort(([a, m], [b, n]) => n - m || a - b)[0];
    right += Number(winner === labels[i]);
  }
  return right / order.length;
}

/**
 * How far the `neighbours` nearest points in a drawing are near in the original space too: 1 where all are among as many
 * nearest there; each that is not takes away by how much farther it is in rank.
 *
 * Reference: J. Venna & S. Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.
 * @param order of the points in the original space, `drawn` in the drawing; `neighbours` is below half of the points
 */
export function trustworthiness(
  order: readonly Uint32Array[],
  drawn: readonly Uint32Array[],
  neighbours: number,
): number {
  const count = order.length;
  const rank = new Uint32Array(count);
  let excess = 0;
  for (const [i, others] of order.entries()) {
    for (const [before, j] of others.entries()) rank[j] = before + 1;
    for (const j of drawn[i].subarray(0, neighbours)) excess += Math.max(0, rank[j] - neighbours);
  }
  return 1 - (2 * excess) / (count * neighbours * (2 * count - 3 * neighbours - 1));
}

/** For each of `asked` the `count` points among `points` whose cosine similarity is greatest, greatest first. */
export function mostSimilar(
  asked: Points,
  points: Points,
  count: number,
): { readonly index: number; readonly similarity: number }[][] {
  const lengths = lengthsOf(points);
  return Array.from(lengthsOf(asked), (length, i) => {
    const similar = Array.from(lengths, (other, index) => {
      let sum = 0;
      for (let k = 0; k < points.columns; k++)
        sum += asked.data[i * points.columns + k] * points.data[index * points.columns + k];
      // Points without a direction are like no other.
      return { index, similarity: length * other > 0 ? sum / (length * other) : 0 };
    });
    return similar.sort((a, b) => b.similarity - a.similarity || a.index - b.index).slice(0, count);
  });
}

function lengthsOf({ data, count, columns }: Points): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let k = i * columns; k < (i + 1) * columns; k++) sum += data[k] * data[k];
    return Math.sqrt(sum);
  });
}
