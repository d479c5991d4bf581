/**
 * The procedural set for detection. Opening it is immediate: a scene and its annotations are made when they are first
 * asked for. Equal seeds give equal scenes.
 */
import { Random } from '../../tensor/random.ts';
import { UserError } from '../../util/errors.ts';
import { contentHash, sha256 } from '../../util/hash.ts';
import { SPLITS, type SplitName } from '../contract.ts';
import type { DetectionDataset, DetectionImage } from '../detection.ts';
import { type CrowdedScene, renderCrowdedScene, SCENE_KEYPOINTS, SCENE_SIDE } from './crowded-scene.ts';
import { SCENES } from './sets.ts';

/** Raised whenever an equal seed would give other pixels or annotations. */
const SCENE_VERSION = 1;

/**
 * Scenes of 128 x 128 pixels with boxes, masks and four keypoints to an object.
 *
 * Errors: `DATASET_SEED` (not an integer).
 */
export function openProceduralDetection(options: { readonly seed?: number } = {}): DetectionDataset {
  const { classes, counts, nuisance, most } = SCENES;
  const { seed = 0 } = options;
  if (!Number.isSafeInteger(seed))
    throw new UserError('DATASET_SEED', `The seed of procedural/scenes is ${seed}.`, 'Give an integer.');
  const codes = classes.map(({ code }) => code);
  const recipe = contentHash({ version: SCENE_VERSION, classes, nuisance, most, seed });
  const render = (id: string): CrowdedScene =>
    renderCrowdedScene(codes, nuisance, most, new Random(seed, 'scene', id));
  const imageOf = (id: string): DetectionImage => {
    let instances: DetectionImage['instances'] | undefined;
    return Object.freeze({
      id,
      width: SCENE_SIDE,
      height: SCENE_SIDE,
      contentHash: sha256(`${recipe}/${id}`),
      get instances() {
        instances ??= render(id).instances;
        return instances;
      },
    });
  };
  const part = (name: SplitName) =>
    Array.from({ length: counts[name] }, (_, i) => imageOf(`${name}/${String(i).padStart(5, '0')}.png`));
  return Object.freeze({
    name: 'procedural/scenes',
    classes: classes.map(({ name }) => ({
      name,
      keypoints: SCENE_KEYPOINTS,
      skeleton: [[0, 2] as const, [1, 3] as const],
    })),
    splits: Object.fromEntries(
      SPLITS.map((name) => [name, part(name)]),
    ) as unknown as DetectionDataset['splits'],
    problems: [],
    leftOut: 0,
    fingerprint: contentHash({ recipe, counts }),
    decode: async ({ id }) => ({ width: SCENE_SIDE, height: SCENE_SIDE, pixels: render(id).pixels }),
  } satisfies DetectionDataset);
}
