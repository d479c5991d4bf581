/** A recipe: all that determines the pixels of one procedural image. */
import { Random } from '../../tensor/random.ts';
import type { ClassCode } from './layers.ts';
import { type Nuisance, renderScene } from './scene.ts';

export interface SceneRecipe {
  readonly code: ClassCode;
  readonly nuisance: Nuisance;
  readonly seed: number;
  /** Labels of the image's own random stream. */
  readonly stream: readonly (string | number)[];
}

/** The 64 x 64 RGB pixels of a recipe, on the calling thread (2 to 3 ms). */
export function renderRecipe({ code, nuisance, seed, stream }: SceneRecipe): Uint8Array<ArrayBuffer> {
  return renderScene(code, nuisance, new Random(seed, ...stream));
}
