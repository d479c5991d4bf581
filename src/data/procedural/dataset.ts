/**
 * Opens a procedural set. Opening is immediate: records are recipes, pixels are made when asked for. A
 * seed draws other images of the same classes, so that a target's classes never occur in the source.
 */
import { invariant, nearestNames, UserError } from '../../util/errors.ts';
import { contentHash, sha256 } from '../../util/hash.ts';
import { type ImageDataset, type ImageRecord, SPLITS, type SplitName } from '../contract.ts';
import { renderPixels } from '../image/render.ts';
import { SIDE } from './layers.ts';
import type { SceneRecipe } from './recipe.ts';
import { renderPooled } from './render-pool.ts';
import { type ProceduralSet, SETS } from './sets.ts';

/** Raised whenever equal recipes would give other pixels. */
const GENERATOR_VERSION = 1;

/** What there is to open: names with one line each, for listings. */
export const PROCEDURAL_DATASETS: Readonly<Record<string, { readonly description: string }>> = SETS;

/** The coarse classes of a set and, per fine class (in the order of `classes`), the index of its coarse class. */
export interface ClassTree {
  readonly coarse: readonly string[];
  readonly parents: readonly number[];
}

/**
 * The two levels of a set's classes.
 *
 * Errors: `UNKNOWN_DATASET`.
 */
export function classTree(name: string): ClassTree {
  const families = requireSet(name).classes.map(({ family }) => family);
  const coarse = [...new Set(families)];
  return { coarse, parents: families.map((family) => coarse.indexOf(family)) };
}

/**
 * Opens the procedural set `name`, one of `PROCEDURAL_DATASETS`. Equal names and seeds (default 0) give equal
 * pixels. Images are made at 64 x 64 pixels; views of other sizes are resampled from those.
 *
 * Errors: `UNKNOWN_DATASET`, `DATASET_SEED` (not an integer).
 */
export function openProceduralDataset(name: string, options: { readonly seed?: number } = {}): ImageDataset {
  const set = requireSet(name);
  const seed = options.seed ?? 0;
  if (!Number.isSafeInteger(seed)) {
    throw new UserError('DATASET_SEED', `The seed of ${name} is ${seed}.`, 'Give an integer.');
  }
  const classes = set.classes.map((entry) => entry.name);
  const splits = Object.fromEntries(
    SPLITS.map((split) => [split, makeRecords(name, set, seed, split)]),
  ) as Record<SplitName, ImageRecord[]>;
  return Object.freeze({
    name,
    task: 'single-label',
    classes,
    metric: 'top1',
    splits,
    problems: [],
    fingerprint: contentHash({ classes, splits }),
    generated: true,
    render: async (record, view) => {
      const pixels = await renderPooled(recipeOf(name, set, seed, record));
      return renderPixels({ width: SIDE, height: SIDE, pixels }, view);
    },
  } satisfies ImageDataset);
}

function requireSet(name: string): ProceduralSet {
  if (Object.hasOwn(SETS, name)) return SETS[name];
  throw new UserError(
    'UNKNOWN_DATASET',
    `There is no procedural data set "${name}".`,
    `The nearest names are ${nearestNames(name, Object.keys(SETS)).join(', ')}.`,
  );
}

function makeRecords(name: string, set: ProceduralSet, seed: number, split: SplitName): ImageRecord[] {
  return set.classes.flatMap((entry, label) => {
    const recipe = contentHash({ version: GENERATOR_VERSION, name, seed, entry, nuisance: set.nuisance });
    return Array.from({ length: set.counts[split] }, (_, index) => ({
      id: `${split}/${entry.name}/${index}`,
      label,
      contentHash: sha256(`${recipe}/${split}/${index}`),
    }));
  });
}

/** The id names the image's random stream, so a copy of a record serves as well as the record itself. */
function recipeOf(name: string, set: ProceduralSet, seed: number, { id, label }: ImageRecord): SceneRecipe {
  const entry = set.classes[label];
  invariant(entry && id.split('/')[1] === entry.name, `${id} is no image of ${name}`);
  return { code: entry.code, nuisance: set.nuisance, seed, stream: [name, id] };
}
