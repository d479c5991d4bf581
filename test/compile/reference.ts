/** Convolution and pooling by their definitions, loop by loop, in double precision. */
import type { ConvAttributes, PoolAttributes } from '../../src/graph/index.ts';
import { type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';

type Image = Tensor<'float32'>;
type Extents = readonly [number, number, number, number];

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

/** The rows or columns of one window that lie in the padded image, from `start` to before `end`. */
function windowOf(position: number, axis: 0 | 1, extent: number, a: PoolAttributes): [number, number] {
  const start = position * a.strides[axis] - a.padding[axis];
  return [start, Math.min(start + a.kernel[axis], extent + a.padding[2 + axis])];
}

/** Max pooling, or the mean of the cells that count (as PyTorch counts them). */
export function referencePool(
  image: Image,
  output: Extents,
  a: PoolAttributes,
  kind: 'max' | 'mean' | 'mean with padding',
): Float64Array {
  const result = new Float64Array(sizeOf(output));
  each(output, ([n, c, oy, ox], position) => {
    const [top, bottom] = windowOf(oy, 0, image.shape[2], a);
    const [left, right] = windowOf(ox, 1, image.shape[3], a);
    const cells: number[] = [];
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
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
