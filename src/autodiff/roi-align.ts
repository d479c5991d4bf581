/**
 * The gradient of RoIAlign. Bilinear interpolation is separable: a cell (p, q) of region r is the product
 *   y[r, c, p, q] = sum over h, w of V[r, p, h] U[r, q, w] x[image(r), c, h, w],
 * so the gradient is two matrix products, first over q, then over all regions and p at once:
 *   dx[n, c, h, w] = sum over r of image n and p of V[r, p, h] (sum over q of dy[r, c, p, q] U[r, q, w]).
 */
import {
  abs,
  add,
  cast,
  clip,
  concat,
  equal,
  floor,
  greater,
  greaterEqual,
  lessEqual,
  logicalAnd,
  matmul,
  maximum,
  minimum,
  mul,
  neg,
  reciprocal,
  relu,
  reshape,
  slice,
  sub,
  sum,
  transpose,
} from '../graph/build.ts';
import type { NodeOf, Value } from '../graph/graph.ts';
import type { RoiAlignAttributes } from '../graph/ops.ts';
import { float32 } from '../tensor/tensor.ts';

/** Numbers that the first product may make at a time: regions are taken in parts. 2^24 numbers are 64 MB. */
const LARGEST_PRODUCT = 2 ** 24;

/** The cotangent of x [N, C, H, W] from dy [R, C, P, Q]; exact for regions no longer than the image. */
export function roiAlignCotangent({ inputs, attributes }: NodeOf<'roiAlign'>, dy: Value): Value {
  const [x, boxes, images] = inputs;
  const [n, c, h, w] = x.shape;
  const [regions, , p, q] = dy.shape;
  const rows = ofImages(axisWeights(boxes, 1, h, attributes), images, n);
  const columns = axisWeights(boxes, 0, w, attributes);
  const cells = reshape(transpose(dy, [0, 2, 1, 3]), [regions, p * c, q]);
  const part = Math.max(1, Math.floor(LARGEST_PRODUCT / (p * c * w)));
  let total: Value | undefined;
  for (let first = 0; first < regions; first += part) {
    const last = Math.min(first + part, regions);
    const of = (value: Value) => slice(value, [first, 0, 0], [last, value.shape[1], value.shape[2]]);
    const spread = reshape(matmul(of(cells), of(columns)), [(last - first) * p, c * w]);
    const product = matmul(reshape(of(rows), [(last - first) * p, n * h]), spread, { transposeA: true });
    total = total ? add(total, product) : product;
  }
  return asImages(total as Value, n, c, h, w);
}

/** [N H, C W] -> [N, C, H, W]. */
function asImages(product: Value, n: number, c: number, h: number, w: number): Value {
  const single = Array.from({ length: n }, (_, image) => {
    const rows = slice(product, [image * h, 0], [(image + 1) * h, c * w]);
    return reshape(transpose(reshape(rows, [h, c, w]), [1, 0, 2]), [1, c, h, w]);
  });
  return n === 1 ? single[0] : concat(single, 0);
}

/** Weights [R, P, H] of each region's rows, put at the rows of its own image: [R, P, N H]. */
function ofImages(weights: Value, images: Value, n: number): Value {
  if (n === 1) return weights;
  const own = (image: number) => reshape(cast(equal(images, image), 'float32'), [images.shape[0], 1, 1]);
  return concat(
    Array.from({ length: n }, (_, image) => mul(weights, own(image))),
    2,
  );
}

/** How much each of `extent` rows (axis 1) or columns (axis 0) counts in each cell: [R, cells, extent]. */
function axisWeights(boxes: Value, axis: 0 | 1, extent: number, attributes: RoiAlignAttributes): Value {
  const { size, spatialScale, samplingRatio, aligned } = attributes;
  const graph = boxes.graph;
  const regions = boxes.shape[0];
  const cells = size[1 - axis];
  const corner = (index: number) =>
    add(mul(slice(boxes, [0, index], [regions, index + 1]), spatialScale), aligned ? -0.5 : 0);
  const start = corner(axis);
  const raw = sub(corner(axis + 2), start);
  const length = aligned ? raw : maximum(raw, 1);
  // Cells of a region as long as the image have the most points; a region that reaches far beyond gets no more.
  const most = samplingRatio > 0 ? samplingRatio : Math.ceil(extent / cells);
  const list = (of: (cell: number, point: number) => number) =>
    graph.constant(
      float32(
        [1, cells * most],
        Array.from({ length: cells * most }, (_, i) => of(Math.floor(i / most), i % most)),
      ),
    );
  const perCell = mul(length, 1 / cells);
  const points = samplingRatio > 0 ? graph.scalar(samplingRatio) : minimum(neg(floor(neg(perCell))), most);
  const share = reciprocal(maximum(points, 1));
  const place = add(
    list((cell) => cell),
    mul(
      list((_, point) => point + 0.5),
      share,
    ),
  );
  const position = add(start, mul(perCell, place));
  const inside = logicalAnd(greaterEqual(position, -1), lessEqual(position, extent));
  const counts = logicalAnd(
    inside,
    greater(
      points,
      list((_, point) => point),
    ),
  );
  const weight = mul(cast(counts, 'float32'), share);
  const nearness = hats(clip(position, 0, extent - 1), extent);
  const weighted = mul(nearness, reshape(weight, [regions * cells * most, 1]));
  return reshape(sum(reshape(weighted, [regions * cells, most, extent]), [1]), [regions, cells, extent]);
}

/** The share of each of `extent` pixels in a linear interpolation at each position: [positions, extent]. */
function hats(positions: Value, extent: number): Value {
  const pixels = positions.graph.constant(
    float32(
      [1, extent],
      Array.from({ length: extent }, (_, i) => i),
    ),
  );
  const column = reshape(positions, [positions.shape[0] * positions.shape[1], 1]);
  const distance = abs(sub(column, pixels));
  return relu(add(neg(distance), 1));
}
