/**
 * Convolutions as products of matrices whose rows are pixels. All patches are gathered in one pass that copies the
 * channels of a pixel at once and takes a row of zeros where a patch leaves its image, so strides, dilations and
 * padding cost nothing. It pays for small images, whose rows are too short to be copied one by one.
 */
import { tensor } from '../../tensor/tensor.ts';
import type { Emitter } from '../emitter.ts';
import { BLOCKED_DOMAIN } from '../rows.ts';
import { reorder } from './blocked.ts';
import type { Extents } from './extents.ts';

/** [C, P] -> [P, C]. */
function pixelRows(e: Emitter, image: string, channels: number, count: number): string {
  if (e.channelBlock === 0 || channels % e.channelBlock !== 0) {
    return e.transpose(e.reshape(image, [channels, count]), [1, 0]);
  }
  // Into blocks and out of them again, in the other order: both are several times faster than transposing.
  const blocks = reorder(e, e.reshape(image, [1, channels, 1, count]));
  const attributes = { channels: { int: channels }, channels_last: { int: 1 } };
  return e.reshape(e.emit('ReorderOutput', [blocks], attributes, BLOCKED_DOMAIN), [count, channels]);
}

/** For every pixel of the result and every tap the row of the pixel that is read there; `zero` outside. */
function patchRows(s: Extents, zero: number): BigInt64Array {
  const rows = new BigInt64Array(s.n * s.oh * s.ow * s.kh * s.kw);
  let at = 0;
  for (let pixel = 0; pixel < s.n * s.oh * s.ow; pixel++) {
    const n = Math.floor(pixel / (s.oh * s.ow));
    const top = (Math.floor(pixel / s.ow) % s.oh) * s.strides[0] - s.padding[0];
    const left = (pixel % s.ow) * s.strides[1] - s.padding[1];
    for (let ky = 0; ky < s.kh; ky++) {
      for (let kx = 0; kx < s.kw; kx++) {
        const [y, x] = [top + ky * s.dilations[0], left + kx * s.dilations[1]];
        const inside = y >= 0 && y < s.h && x >= 0 && x < s.w;
        rows[at++] = BigInt(inside ? (n * s.h + y) * s.w + x : zero);
      }
    }
  }
  return rows;
}

/** im2col with pixels as rows: [N OH OW, KH KW C]. */
function patches(e: Emitter, s: Extents, image: string): string {
  const count = s.n * s.h * s.w;
  const pixels = e.pad(pixelRows(e, image, s.c, count), [0, 0], [1, 0]);
  const index = patchRows(s, count);
  const rows = e.constant(tensor('int64', [index.length], index));
  const gathered = e.emit('Gather', [pixels, rows], { axis: { int: 0 } });
  return e.reshape(gathered, [s.n * s.oh * s.ow, s.kh * s.kw * s.c]);
}

/** dW [O, KH KW C] = dY [O, N OH OW] times the patches. */
export function gatheredWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const dy = e.reshape(gradient, [s.o, s.n * s.oh * s.ow]);
  return e.reshape(e.emit('MatMul', [dy, patches(e, s, image)]), [s.o, s.kh, s.kw, s.c]);
}
