/** Applying a design to a data set gives another data set, which knows nothing of the one that it was made of. */
import { invariant, nearestNames, UserError } from '../../util/errors.ts';
import { contentHash } from '../../util/hash.ts';
import {
  type DataProblem,
  type ImageDataset,
  type ImageRecord,
  SPLITS,
  type SplitName,
} from '../contract.ts';
import {
  type Amount,
  type Design,
  type DesignStep,
  describeDesign,
  type StepKind,
  type StepOf,
} from './design.ts';
import { firstStratified, lineUp, placeOf } from './sample.ts';

/** What steps change of a data set. */
interface Selection {
  readonly task: ImageDataset['task'];
  readonly classes: readonly string[];
  readonly splits: ImageDataset['splits'];
}

/**
 * The data set that a design leaves of another one. Records stay in their order and keep ids and content hashes; the
 * fingerprint is that of what is left, so two designs that leave the same have the same. Without steps it is the data
 * set itself.
 *
 * Errors: `DESIGN_UNKNOWN_CLASS`, `DESIGN_UNMERGED_CLASS`, `DESIGN_CLASS_TOO_SMALL`, `DESIGN_AMOUNT` (more than there
 * is, or too few), `DESIGN_TASK` (counts by class of a multi-label set), `DESIGN_NOTHING_LEFT`.
 */
export function applyDesign(dataset: ImageDataset, design: Design): ImageDataset {
  if (design.steps.length === 0) return dataset;
  const { task, metric } = dataset;
  let selection: Selection = { task, classes: dataset.classes, splits: dataset.splits };
  for (const step of design.steps) {
    selection = apply(step, selection);
    requireUseful(selection, dataset.name, step);
  }
  const { classes } = selection;
  const splits = mapSplits(selection.splits, (records) =>
    records.map((record) => Object.freeze({ ...record })),
  );
  const sources = new Map(
    SPLITS.flatMap((split) => dataset.splits[split].map((record) => [record.id, record])),
  );
  return Object.freeze({
    name: `${dataset.name} (${describeDesign(design)})`,
    task,
    classes,
    metric,
    splits,
    problems: problemsOf(dataset, splits),
    fingerprint: contentHash({ classes, splits }),
    generated: dataset.generated,
    // The data set may make pixels by a label of its own.
    render: (record, view) => {
      const source = sources.get(record.id);
      invariant(source, `${record.id} is no image of ${dataset.name}`);
      return dataset.render(source, view);
    },
  } satisfies ImageDataset);
}

const STEPS: {
  readonly [Kind in StepKind]: (step: StepOf<Kind>, selection: Selection) => Selection;
} = {
  'keep-classes': ({ classes }, selection) => {
    requireKnown(classes, selection);
    return keepClasses(selection, new Set(classes));
  },
  'drop-classes': ({ classes }, selection) => {
    requireKnown(classes, selection);
    return keepClasses(selection, new Set(selection.classes.filter((name) => !classes.includes(name))));
  },
  'draw-classes': ({ n, seed }, selection) => {
    const { classes } = selection;
    if (n > classes.length) throw tooMany(`${n} classes`, `${classes.length}`);
    const places = new Map(classes.map((name) => [name, placeOf(seed, 'class', name)]));
    const line = [...classes].sort((a, b) => (places.get(a)! < places.get(b)! ? -1 : 1));
    return keepClasses(selection, new Set(line.slice(0, n)));
  },
  'merge-classes': ({ into }, selection) => mergeClasses(selection, into),
  'per-class': perClass,
  total: ({ n, seed }, selection) => {
    const { train, validation } = divided(n, selection);
    return sampled(selection, { train, validation }, seed);
  },
  fraction: ({ share, seed }, selection) => {
    const { splits, classes } = selection;
    const part = (split: SplitName, least: number) =>
      Math.min(splits[split].length, Math.max(least, Math.round(share * splits[split].length)));
    return sampled(
      selection,
      { train: part('train', classes.length), validation: part('validation', 1) },
      seed,
    );
  },
};

function apply<Kind extends StepKind>(step: StepOf<Kind>, selection: Selection): Selection {
  return STEPS[step.kind as Kind](step, selection);
}

function keepClasses(selection: Selection, kept: ReadonlySet<string>): Selection {
  const { task, classes, splits } = selection;
  const before = classes.flatMap((name, label) => (kept.has(name) ? [label] : []));
  const after = new Map(before.map((label, index) => [label, index]));
  return {
    task,
    classes: before.map((label) => classes[label]),
    splits: mapSplits(splits, (records) =>
      task === 'multi-label'
        ? records.map((record) =>
            relabelled(
              record,
              before.map((label) => record.labels![label]),
            ),
          )
        : records.flatMap((record) => {
            const label = after.get(record.label);
            return label === undefined ? [] : [{ ...record, label }];
          }),
    ),
  };
}

function mergeClasses(selection: Selection, into: Readonly<Record<string, string>>): Selection {
  const { task, classes, splits } = selection;
  const unmerged = classes.filter((name) => !Object.hasOwn(into, name));
  if (unmerged.length > 0)
    throw new UserError(
      'DESIGN_UNMERGED_CLASS',
      `The label merge says nothing of these classes: ${shorten(unmerged)}.`,
      'Give each of them a class to be merged into (its own name to stay as it is), or leave them out in a step before.',
    );
  const merged = [...new Set(classes.map((name) => into[name]))].sort();
  const labels = classes.map((name) => merged.indexOf(into[name]));
  return {
    task,
    classes: merged,
    splits: mapSplits(splits, (records) =>
      records.map((record) =>
        task === 'multi-label'
          ? relabelled(record, mergedLabels(record.labels!, labels, merged.length))
          : { ...record, label: labels[record.label] },
      ),
    ),
  };
}

/** Present where one of the merged classes is present, difficult where none is but one is difficult. */
function mergedLabels(own: readonly number[], labels: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, merged) => {
    const parts = own.filter((_value, label) => labels[label] === merged);
    if (parts.includes(1)) return 1;
    return parts.includes(-1) ? -1 : 0;
  });
}

/** A multi-label record with other labels; its `label` is the first class present, or the first difficult, or 0. */
function relabelled(record: ImageRecord, labels: readonly number[]): ImageRecord {
  const present = labels.indexOf(1);
  return { ...record, labels, label: Math.max(present >= 0 ? present : labels.indexOf(-1), 0) };
}

function perClass({ n, upTo, seed }: StepOf<'per-class'>, selection: Selection): Selection {
  const { task, classes, splits } = selection;
  if (task === 'multi-label')
    throw new UserError(
      'DESIGN_TASK',
      'Images of a multi-label set belong to several classes, so they cannot be counted by class.',
      'Draw images in total, or a fraction.',
    );
  const wanted = divided(n, selection);
  const part = (split: 'train' | 'validation') => {
    const lines = lineUp(splits[split], classes.length, seed);
    const small = lines.flatMap((line, label) =>
      line.length < wanted[split] ? [`${classes[label]} (${line.length})`] : [],
    );
    if (small.length > 0 && !upTo)
      throw new UserError(
        'DESIGN_CLASS_TOO_SMALL',
        `${wanted[split]} images of every class were asked for of ${split}, but these classes have fewer: ${shorten(small)}.`,
        'Ask for fewer, leave these classes out, or set "upTo" to take all that such classes have.',
      );
    return inOrder(
      splits[split],
      lines.flatMap((line) => line.slice(0, wanted[split])),
    );
  };
  return { ...selection, splits: { ...splits, train: part('train'), validation: part('validation') } };
}

/** How many of `n` images each part gets; both grow with n. */
function divided(n: Amount, { splits }: Selection): { train: number; validation: number } {
  if (typeof n !== 'number') return n;
  if (n < 2)
    throw new UserError(
      'DESIGN_AMOUNT',
      `${n} image was asked for, to be divided into train and validation.`,
      'Ask for 2 at least, or say how many of each: {"train": 1, "validation": 1}.',
    );
  const share = splits.validation.length / (splits.train.length + splits.validation.length);
  const validation = Math.min(n - 1, Math.max(1, Math.round(n * share)));
  return { train: n - validation, validation };
}

function sampled(
  selection: Selection,
  wanted: { readonly train: number; readonly validation: number },
  seed: number,
): Selection {
  const { classes, splits } = selection;
  const part = (split: 'train' | 'validation') => {
    const records = splits[split];
    if (wanted[split] > records.length)
      throw tooMany(`${wanted[split]} images of ${split}`, `${records.length}`);
    return inOrder(records, firstStratified(records, classes, wanted[split], seed));
  };
  if (selection.task === 'single-label' && wanted.train < classes.length)
    throw new UserError(
      'DESIGN_AMOUNT',
      `${wanted.train} training images were asked for of ${classes.length} classes.`,
      'Ask for one image of every class at least, or leave classes out in a step before.',
    );
  return { ...selection, splits: { ...splits, train: part('train'), validation: part('validation') } };
}

function inOrder(records: readonly ImageRecord[], chosen: readonly ImageRecord[]): ImageRecord[] {
  const kept = new Set(chosen);
  return records.filter((record) => kept.has(record));
}

function mapSplits(
  splits: ImageDataset['splits'],
  change: (records: readonly ImageRecord[]) => readonly ImageRecord[],
): ImageDataset['splits'] {
  const { train, validation, test } = splits;
  return { train: change(train), validation: change(validation), test: change(test) };
}

/** Problems of images that are still there, and of files that were never in a part. */
function problemsOf(dataset: ImageDataset, splits: ImageDataset['splits']): DataProblem[] {
  const idsOf = (all: ImageDataset['splits']) =>
    new Set(SPLITS.flatMap((split) => all[split].map(({ id }) => id)));
  const [before, after] = [idsOf(dataset.splits), idsOf(splits)];
  return dataset.problems.filter(
    ({ images }) => images.some((id) => after.has(id)) || !images.some((id) => before.has(id)),
  );
}

function requireKnown(names: readonly string[], { classes }: Selection): void {
  const unknown = names.filter((name) => !classes.includes(name));
  if (unknown.length === 0) return;
  throw new UserError(
    'DESIGN_UNKNOWN_CLASS',
    `The design names classes that are not there: ${shorten(unknown)}.`,
    `Classes are told by their exact names; nearest to the first are ${nearestNames(unknown[0], classes).join(', ')}.`,
  );
}

function requireUseful({ task, classes, splits }: Selection, name: string, step: DesignStep): void {
  const least = task === 'single-label' ? 2 : 1;
  const empty = SPLITS.filter((split) => splits[split].length === 0);
  if (classes.length >= least && empty.length === 0) return;
  const left = empty.length > 0 ? `no image of ${empty.join(' and ')}` : `${classes.length} class`;
  throw new UserError(
    'DESIGN_NOTHING_LEFT',
    `The step "${step.kind}" leaves ${left} of ${name}.`,
    `A data set needs ${least} classes at least, and images in each of ${SPLITS.join(', ')}.`,
  );
}

function tooMany(wanted: string, found: string): UserError {
  return new UserError(
    'DESIGN_AMOUNT',
    `${wanted} were asked for, but there are ${found}.`,
    'Ask for fewer.',
  );
}

function shorten(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
