/**
 * Renders scenes: the first few on the calling thread, since starting threads takes longer than they do,
 * and the rest in as many worker threads as there are processors.
 */
import { availableParallelism } from 'node:os';
import { moduleBeside } from '../../util/worker.ts';
import { WorkerPool } from '../../util/worker-pool.ts';
import { renderRecipe, type SceneRecipe } from './recipe.ts';

/** About half a second of rendering. */
const INLINE_IMAGES = 200;
const MOST_THREADS = 8;

const pool = new WorkerPool<SceneRecipe, Uint8Array>(
  moduleBeside(import.meta.url, 'render-worker'),
  Math.min(MOST_THREADS, availableParallelism()),
);
let rendered = 0;

/** The 64 x 64 RGB pixels of a recipe; the same on every thread. */
export async function renderPooled(recipe: SceneRecipe): Promise<Uint8Array> {
  rendered++;
  return rendered <= INLINE_IMAGES ? renderRecipe(recipe) : pool.run(recipe);
}
