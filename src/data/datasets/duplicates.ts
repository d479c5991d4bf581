/** Copies of an image in two parts or under two labels: what is wrong with them and what is done about it. */
import type { DataProblem, ImageRecord, SplitName } from '../contract.ts';
import { groupByContent } from '../split.ts';

/** A record and the official part that it was found in. */
export interface PlacedRecord extends ImageRecord {
  readonly part: SplitName;
}

/** The part that is used last keeps the image: test and validation stay as given. */
const KEEPS_BEFORE: readonly SplitName[] = ['test', 'validation', 'train'];

/**
 * Leaves out of train (and validation) every image whose bytes are also in validation (or test), and says so.
 * Copies within one part stay.
 */
export function separateParts(records: readonly PlacedRecord[]): {
  kept: PlacedRecord[];
  problems: DataProblem[];
} {
  const left = new Set<string>();
  const problems: DataProblem[] = [];
  for (const { images } of groupByContent(records)) {
    const keeper = KEEPS_BEFORE.find((part) => images.some((image) => image.part === part));
    const leaving = images.filter((image) => image.part !== keeper);
    if (leaving.length === 0) continue;
    for (const { id } of leaving) left.add(id);
    const staying = images.filter((image) => image.part === keeper);
    problems.push({
      kind: 'duplicate',
      images: images.map(({ id }) => id),
      message:
        `${quote(leaving)} ${leaving.length === 1 ? 'has' : 'have'} the same bytes as ${quote(staying)} ` +
        `of ${keeper} and ${leaving.length === 1 ? 'was' : 'were'} left out, so that ${keeper} stays as given.`,
    });
  }
  return { kept: records.filter(({ id }) => !left.has(id)), problems };
}

/** One problem for each content that occurs under several labels. Nothing is left out: who is right is unknown. */
export function findLabelConflicts(
  records: readonly ImageRecord[],
  classes: readonly string[],
): DataProblem[] {
  return groupByContent(records).flatMap(({ images }) => {
    const labels = [...new Set(images.map(({ label }) => label))];
    if (labels.length === 1) return [];
    const names = labels.map((label) => `"${classes[label]}"`).join(' and ');
    return [
      {
        kind: 'duplicate' as const,
        images: images.map(({ id }) => id),
        message: `${quote(images)} have the same bytes but different labels, ${names}; at most one label is right.`,
      },
    ];
  });
}

function quote(images: readonly ImageRecord[]): string {
  return images.map(({ id }) => `"${id}"`).join(', ');
}
