/** The thread that renders images for `render-threads.ts`. */
import { serveTasks } from '../../util/worker-tasks.ts';
import type { View } from '../contract.ts';
import { renderBytes } from './render.ts';

export interface RenderTask {
  readonly bytes: Uint8Array;
  readonly view: View;
}

serveTasks(
  ({ bytes, view }: RenderTask) => renderBytes(bytes, view),
  ({ pixels }) => pixels.buffer as ArrayBuffer,
);
