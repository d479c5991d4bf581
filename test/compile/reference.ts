/** Ops on images by their definitions, loop by loop, in double precision. */
import type { ConvAttributes, PoolAttributes } from '../../src/graph/index.ts';
import { type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';

type Image = Tensor<'float32'>;
export type Extents = readonly [number, number, number, number];

/** Calls `body` for every index of a shape of four axes, with its flat position. */
function each(shape: Extents, body: (index: Extents, position: number) => void): void {
  const [a, b, c, d] = shape;
  for (let position = 0; position < sizeOf(shape); position++) {
    const column = Math.floor(position / d);
    const row = Math.floor(column / c);
    body([Math.floor(row / b) % a, row % b, column % c, position % d], position);
  }
}

function at({ shape, data }: Image, [n, c, y, x]: Extents): number | undefined {
  const [, channels, height, width] = shape;
  if (y < 0 || x < 0 || y >= height || x >= width) return undefined;
  return data[((n * channels + c) * height + y) * width + x];
}

export function referenceConv(image: Image, weight: Image, output: Extents, a: ConvAttributes): Float64Array {
  const [filters, inputs, kh, kw] = weight.shape;
  const result = new Float64Array(sizeOf(output));
  each(output, ([n, o, oy, ox], position) => {
    const first = Math.floor(o / (filters / a.groups)) * inputs;
    each([1, inputs, kh, kw], ([, i, ky, kx]) => {
      const y = oy * a.strides[0] - a.padding[0] + ky * a.dilations[0];
      const x = ox * a.strides[1] - a.padding[1] + kx * a.dilations[1];
      result[position] += (at(image, [n, first + i, y, x]) ?? 0) * at(weight, [o, i, ky, kx])!;
    });
  });
  return result;
}

/** Calls `body` with the flat positions of every image, weight and output number that meet in a convolution. */
function eachProduct(
  image: Extents,
  weight: Extents,
  output: Extents,
  a: ConvAttributes,
  body: (image: number, weight: number, output: number) => void,
): void {
  const [filters, inputs, kh, kw] = weight;
  each(output, ([n, o, oy, ox], position) => {
    const first = Math.floor(o / (filters / a.groups)) * inputs;
    each([1, inputs, kh, kw], ([, i, ky, kx]) => {
      const y = oy * a.strides[0] - a.padding[0] + ky * a.dilations[0];
      const x = ox * a.strides[1] - a.padding[1] + kx * a.dilations[1];
      if (y < 0 || x < 0 || y >= image[2] || x >= image[3]) return;
      body(positionOf(image, [n, first + i, y, x]), positionOf(weight, [o, i, ky, kx]), position);
    });
  });
}

export function referenceConvInputGradient(
  dy: Image,
  weight: Image,
  input: Extents,
  a: ConvAttributes,
): Float64Array {
  const dx = new Float64Array(sizeOf(input));
  eachProduct(input, weight.shape as Extents, dy.shape as Extents, a, (x, w, y) => {
    dx[x] += weight.data[w] * dy.data[y];
  });
  return dx;
}

export function referenceConvWeightGradient(
  image: Image,
  dy: Image,
  weight: Extents,
  a: ConvAttributes,
): Float64Array {
  const dw = new Float64Array(sizeOf(weight));
  eachProduct(image.shape as Extents, weight, dy.shape as Extents, a, (x, w, y) => {
    dw[w] += image.data[x] * dy.data[y];
  });
  return dw;
}

/** The rows or columns of one window that lie in the padded image, from `start` to before `end`. */
function windowOf(
  position: number,
  axis: 0 | 1,
  extent: number,
  a: PoolAttributes,
  dilation: number,
): [number, number] {
  const start = position * a.strides[axis] - a.padding[axis];
  return [start, Math.min(start + (a.kernel[axis] - 1) * dilation + 1, extent + a.padding[2 + axis])];
}

/** Max pooling, or the mean of the cells that count (as PyTorch counts them). */
export function referencePool(
  image: Image,
  output: Extents,
  a: PoolAttributes,
  kind: 'max' | 'mean' | 'mean with padding',
  dilations: readonly [number, number] = [1, 1],
): Float64Array {
  const result = new Float64Array(sizeOf(output));
  each(output, ([n, c, oy, ox], position) => {
    const [top, bottom] = windowOf(oy, 0, image.shape[2], a, dilations[0]);
    const [left, right] = windowOf(ox, 1, image.shape[3], a, dilations[1]);
    const cells: number[] = [];
    for (let y = top; y < bottom; y += dilations[0]) {
      for (let x = left; x < right; x += dilations[1]) {
        const value = at(image, [n, c, y, x]) ?? (kind === 'mean with padding' ? 0 : undefined);
        if (value !== undefined) cells.push(value);
      }
    }
    result[position] =
      kind === 'max' ? Math.max(...cells) : cells.reduce((sum, value) => sum + value, 0) / cells.length;
  });
  return result;
}

/** A number for every index of a shape, in order. */
export function tabulate(shape: Shape, of: (index: readonly number[]) => number): Float64Array {
  const index = shape.map(() => 0);
  return Float64Array.from({ length: sizeOf(shape) }, () => {
    const value = of(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    return value;
  });
}

/** Where an index lies in the numbers of a shape. */
export const positionOf = (shape: Shape, index: readonly number[]): number =>
  shape.reduce((position, extent, axis) => position * extent + index[axis], 0);

export const read = ({ shape, data }: Tensor, index: readonly number[]): number =>
  Number(data[positionOf(shape, index)]);

/** Bilinear interpolation at (y, x); nothing more than a pixel outside of the map. */
function interpolated(image: Image, n: number, c: number, y: number, x: number): number {
  const [, , height, width] = image.shape;
  if (y < -1 || y > height || x < -1 || x > width) return 0;
  const [row, column] = [Math.min(Math.max(y, 0), height - 1), Math.min(Math.max(x, 0), width - 1)];
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [down, right] = [row - top, column - left];
  const pixel = (dy: number, dx: number) =>
    read(image, [n, c, Math.min(top + dy, height - 1), Math.min(left + dx, width - 1)]);
  const upper = (1 - right) * pixel(0, 0) + right * pixel(0, 1);
  return (1 - down) * upper + down * ((1 - right) * pixel(1, 0) + right * pixel(1, 1));
}

/** RoIAlign as the paper and torchvision define it: the mean of points spread evenly over each cell. */
export function referenceRoiAlign(
  image: Image,
  boxes: Image,
  images: Tensor,
  output: Extents,
  a: { samplingRatio: number; spatialScale: number; aligned: boolean },
): Float64Array {
  const result = new Float64Array(sizeOf(output));
  each(output, ([r, c, p, q], position) => {
    const n = Number(images.data[r]);
    const points = (axis: 0 | 1, cell: number, cells: number) => {
      const corner = (index: number) => read(boxes, [r, index]) * a.spatialScale - (a.aligned ? 0.5 : 0);
      const raw = corner(axis + 2) - corner(axis);
      const bin = (a.aligned ? raw : Math.max(raw, 1)) / cells;
      const count = a.samplingRatio || Math.ceil(bin);
      return Array.from({ length: count }, (_, i) => corner(axis) + bin * (cell + (i + 0.5) / count));
    };
    const [rows, columns] = [points(1, p, output[2]), points(0, q, output[3])];
    for (const y of rows) for (const x of columns) result[position] += interpolated(image, n, c, y, x);
    result[position] /= Math.max(rows.length * columns.length, 1);
  });
  return result;
}
