/** Pre-trained weights for tests that only need some: random initial values, made on the spot from a seed. */
import { join } from 'node:path';
import { findModel, variablesOf } from '../src/models/index.ts';
import { initialize } from '../src/nn/index.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { saveWeights } from '../src/weights/index.ts';

/** Initial values of a registry model's backbone. */
export function smallWeights(model: string, seed = 1): Map<string, Tensor<'float32'>> {
  const { backbone } = variablesOf(findModel(model));
  return initialize(backbone, seed) as Map<string, Tensor<'float32'>>;
}

/** Writes them to `folder/name.safetensors`, and returns that path. */
export async function smallWeightsFile(
  folder: string,
  name: string,
  model: string,
  seed = 1,
): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  await saveWeights(path, findModel(model), smallWeights(model, seed), {
    classes: [],
    source: `random initial values from seed ${seed}`,
    licence: 'Apache-2.0',
  });
  return path;
}
