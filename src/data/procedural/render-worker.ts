/** The thread that renders scenes for `render-pool.ts`. */
import { parentPort } from 'node:worker_threads';
import { invariant } from '../../util/errors.ts';
import { renderRecipe, type SceneRecipe } from './recipe.ts';

export interface RenderRequest {
  readonly job: number;
  readonly recipe: SceneRecipe;
}

export interface RenderedScene {
  readonly job: number;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

invariant(parentPort, 'the render worker runs as a worker thread');
const port = parentPort;

port.on('message', ({ job, recipe }: RenderRequest) => {
  const pixels = renderRecipe(recipe);
  const rendered: RenderedScene = { job, pixels };
  port.postMessage(rendered, [pixels.buffer]);
});
