/** Means of a map over a grid of cells, whatever its size: what PyTorch calls adaptive average pooling. */
import { averagePool2d, matmul, reshape } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { tensor } from '../tensor/tensor.ts';

/** Row `h * width + w`, column `i * grid + j`: the share of pixel (h, w) in the mean of cell (i, j). */
function cellShares(height: number, width: number, grid: number): Float32Array<ArrayBuffer> {
  const cells = grid * grid;
  const shares = new Float32Array(height * width * cells);
  for (let cell = 0; cell < cells; cell++) {
    const [i, j] = [Math.floor(cell / grid), cell % grid];
    const [top, bottom] = [Math.floor((i * height) / grid), Math.ceil(((i + 1) * height) / grid)];
    const [left, right] = [Math.floor((j * width) / grid), Math.ceil(((j + 1) * width) / grid)];
    for (let h = top; h < bottom; h++) {
      for (let w = left; w < right; w++) {
        shares[(h * width + w) * cells + cell] = 1 / ((bottom - top) * (right - left));
      }
    }
  }
  return shares;
}

/** [N, C, H, W] -> [N, C, grid, grid]: means over cells, which overlap or repeat where `grid` does not divide a size. */
export function adaptiveMean(x: Value, grid: number): Value {
  const [n, channels, height, width] = x.shape;
  if (height === grid && width === grid) return x;
  if (height % grid === 0 && width % grid === 0) {
    return averagePool2d(x, { kernel: [height / grid, width / grid] });
  }
  const shares = tensor('float32', [height * width, grid * grid], cellShares(height, width, grid));
  const pixels = reshape(x, [n * channels, height * width]);
  return reshape(matmul(pixels, x.graph.constant(shares)), [n, channels, grid, grid]);
}
