/** What was published of a data set against what is there: each check with what was expected and what was found. */
import type { DataProblem, SplitName } from '../contract.ts';
import type { PlacedRecord } from '../datasets/duplicates.ts';
import { groupByContent } from '../split.ts';
import type { OfficialDataset, OfficialListing, Range } from './entry.ts';

export interface DatasetCheck {
  /** What is counted, such as "test images". */
  readonly name: string;
  /** A number, or a text such as "30 of each class". */
  readonly expected: number | string;
  readonly found: number | string;
  readonly passed: boolean;
  /** Some images or files that are concerned. */
  readonly examples: readonly string[];
}

const MOST_EXAMPLES = 5;

export const numberCheck = (
  name: string,
  expected: number,
  found: number,
  examples: readonly string[] = [],
): DatasetCheck => ({
  name,
  expected,
  found,
  passed: expected === found,
  examples: examples.slice(0, MOST_EXAMPLES),
});

/** None of a kind is expected; those that there are become the examples. */
export const noneOf = (name: string, found: readonly string[]) => numberCheck(name, 0, found.length, found);

/** Checks of classes, counts and lists. */
export function listingChecks(entry: OfficialDataset, listing: OfficialListing): DatasetCheck[] {
  const { classes, missing, unlisted, repeated, shared } = listing;
  const { train, validation, test } = entry.images;
  const count = (part: SplitName) => listing.images.filter((image) => image.part === part).length;
  return [
    numberCheck('classes', entry.classes, classes.length),
    numberCheck(
      validation === 'held out' ? 'train images, with validation' : 'train images',
      train,
      count('train'),
    ),
    ...(validation === 'held out' ? [] : [numberCheck('validation images', validation, count('validation'))]),
    numberCheck('test images', test, count('test')),
    ...(Object.entries(entry.perClass ?? {}) as [SplitName, Range][]).map(([part, range]) =>
      perClassCheck(part, range, listing),
    ),
    noneOf('images that lists name and that are not there', missing),
    ...(unlisted === null ? [] : [noneOf('images that are there and in no list', unlisted)]),
    noneOf('images that a list names more than once', repeated),
    noneOf('images that are in the lists of two parts', shared),
  ];
}

function perClassCheck(part: SplitName, range: Range, { classes, images }: OfficialListing): DatasetCheck {
  const counts = classes.map(() => 0);
  for (const image of images) if (image.part === part) counts[image.label]++;
  const outside = classes.filter((_, label) => counts[label] < range.from || counts[label] > range.to);
  const found = { from: Math.min(...counts), to: Math.max(...counts) };
  return {
    name: `${part} images of each class`,
    expected: rangeText(range),
    found: rangeText(found),
    passed: outside.length === 0,
    examples: outside.slice(0, MOST_EXAMPLES).map((name) => `${name} (${counts[classes.indexOf(name)]})`),
  };
}

const rangeText = ({ from, to }: Range): number | string => (from === to ? from : `${from} to ${to}`);

/** Checks of the images themselves. @param wrongContent ids of images that are not the published ones */
export function fileChecks(
  listing: OfficialListing,
  records: readonly PlacedRecord[],
  problems: readonly DataProblem[],
  wrongContent: readonly string[],
): DatasetCheck[] {
  const unreadable = problems.flatMap(({ kind, images }) => (kind === 'unreadable' ? images : []));
  const hasHashes = listing.images.some(({ md5 }) => md5 !== undefined);
  return [
    noneOf('images that cannot be decoded', unreadable),
    ...(hasHashes ? [noneOf('images with another content than published', wrongContent)] : []),
    noneOf('images of train or validation whose copy is in a later part', copiesAcrossParts(records)),
  ];
}

/** `earlier = later`, for images of equal bytes. */
function copiesAcrossParts(records: readonly PlacedRecord[]): string[] {
  return groupByContent(records).flatMap(({ images }) => {
    const last = (['test', 'validation', 'train'] as const)
      .map((part) => images.find((image) => image.part === part))
      .find((image) => image !== undefined);
    return images.flatMap(({ id, part }) => (part === last?.part ? [] : [`${id} = ${last?.id}`]));
  });
}

/** A failed check as a sentence; null for one that passed. */
export function deviationOf(
  title: string,
  { name, expected, found, passed, examples }: DatasetCheck,
): string | null {
  if (passed) return null;
  const some = examples.length > 0 ? `: ${examples.join(', ')}` : '';
  return `This copy of ${title} is not as published: ${name}, expected ${expected}, found ${found}${some}.`;
}
