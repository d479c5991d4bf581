/**
 * Convolutions as ONNX convolutions over the batch as one tall image: the images lie under one another with
 * empty rows between them, and the rows of the result that straddle two images are cut away.
 */
import type { Emitter } from '../emitter.ts';
import { turnedRows } from './columns.ts';
import { convAttributes, type Extents, turned } from './extents.ts';

/** Any convolution. The rows of an image are made a multiple of the stride. */
export function tallForward(e: Emitter, s: Extents, image: string, weight: string): string {
  const stride = s.strides[0];
  const span = (s.kh - 1) * s.dilations[0] + 1;
  const rows = Math.ceil(Math.max(s.h + s.padding[0] + s.padding[2], s.oh * stride) / stride) * stride;
  // Rows behind the last image so that every image has rows / stride rows of results.
  const tail = Math.max(0, span - stride);
  const padded = e.pad(image, [0, 0, s.padding[0], 0], [0, 0, rows - s.h - s.padding[0], 0]);
  const tall = e.pad(e.reshape(padded, [1, s.c, s.n * rows, s.w]), [0, 0, 0, 0], [0, 0, tail, 0]);
  const attributes = convAttributes({ ...s, padding: [0, s.padding[1], 0, s.padding[3]] });
  const y = e.emit('Conv', [tall, weight], attributes);
  const perImage = rows / stride;
  const made = Math.floor((s.n * rows + tail - span) / stride) + 1;
  const whole = made > s.n * perImage ? e.slice(y, [2], [0], [s.n * perImage]) : y;
  const stacked = e.reshape(whole, [s.o, s.n, perImage, s.ow]);
  return perImage === s.oh ? stacked : e.slice(stacked, [2], [0], [s.oh]);
}

/** dX at stride 1 as the turned convolution. The weight is wanted as rows, [O, KH, KW, I]. */
export function turnedInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const rows = turnedRows(e, s, weight);
  const kernel = e.reshape(e.transpose(e.reshape(rows, [s.i, s.kh * s.kw, s.o]), [0, 2, 1]), [
    s.i,
    s.o,
    s.kh,
    s.kw,
  ]);
  return tallForward(e, turned(s)!, gradient, kernel);
}

/** dX of any convolution by ONNX's transposed convolution. The weight is wanted as ONNX has it, [O, I, KH, KW]. */
export function tallInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const stride = s.strides[0];
  const span = (s.kh - 1) * s.dilations[0] + 1;
  // Empty rows behind each image, so that the rows it makes do not reach into the next image's.
  const gap = Math.max(0, Math.ceil((span - stride) / stride));
  const rows = (s.oh + gap) * stride;
  const tall = e.reshape(e.pad(gradient, [0, 0, 0, 0], [0, 0, gap, 0]), [1, s.o, s.n * (s.oh + gap), s.ow]);
  const columns = (s.ow - 1) * s.strides[1] + (s.kw - 1) * s.dilations[1] + 1;
  const attributes = convAttributes({ ...s, padding: [0, 0, 0, 0] });
  const dx = e.emit('ConvTranspose', [tall, weight], attributes);
  const made = (s.n * (s.oh + gap) - 1) * stride + span;
  const stackedRows = s.n * rows;
  const whole =
    made > stackedRows
      ? e.slice(dx, [2], [0], [stackedRows])
      : e.pad(dx, [0, 0, 0, 0], [0, 0, stackedRows - made, 0]);
  const stacked = e.reshape(whole, [s.c, s.n, rows, columns]);
  const [top, left] = s.padding;
  const [bottom, right] = [Math.min(rows, top + s.h), Math.min(columns, left + s.w)];
  const inside = e.slice(stacked, [2, 3], [top, left], [bottom, right]);
  return e.pad(inside, [0, 0, 0, 0], [0, 0, top + s.h - bottom, left + s.w - right]);
}
