/** The thread that renders images for `render-threads.ts`. */
import { parentPort } from 'node:worker_threads';
import { invariant, messageOf } from '../../util/errors.ts';
import type { DecodedImage, View } from '../contract.ts';
import { renderBytes } from './render.ts';

export interface RenderRequest {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly view: View;
}

export type RenderResult =
  | { readonly id: number; readonly image: DecodedImage }
  | { readonly id: number; readonly error: string };

invariant(parentPort, 'the render worker runs as a worker thread');
const port = parentPort;

port.on('message', async (request: RenderRequest | ArrayBuffer) => {
  // Pixels that come back are garbage of this thread, which has little else to look through.
  if (request instanceof ArrayBuffer) return;
  const { id, bytes, view } = request;
  try {
    const image = await renderBytes(bytes, view);
    port.postMessage({ id, image } satisfies RenderResult, [image.pixels.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage({ id, error: messageOf(error) } satisfies RenderResult);
  }
});
