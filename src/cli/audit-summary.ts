/** What the report keeps of an audit of one data set. */
import type { DuplicateAudit, DuplicateGroup } from '../data/index.ts';
import type { CompareDocument } from '../report/index.ts';

/** Groups in the document: enough to look at, few enough for a page. */
const MOST_GROUPS = 24;
const MOST_IMAGES = 4;

export function auditSummary(
  audit: DuplicateAudit,
): NonNullable<CompareDocument['datasets'][number]['audit']> {
  const { images, unreadable, overlaps, within, labelConflicts, crowded, groups } = audit;
  // Sorting is stable: within both kinds the order stays.
  const shown = [...groups].sort((a, b) => Number(crosses(b)) - Number(crosses(a))).slice(0, MOST_GROUPS);
  return {
    images,
    unreadable,
    overlaps: overlaps.map(({ split, otherSplit, images: ids, exact }) => ({
      split,
      otherSplit,
      images: [...ids],
      exact,
    })),
    within: within.map(({ split, images: copies }) => ({ split, images: copies })),
    labelConflicts,
    crowded,
    groupCount: groups.length,
    groups: shown.map(({ kind, mirrored, correlation, images: copies }) => ({
      kind,
      mirrored,
      correlation,
      size: copies.length,
      images: spread(copies).map(({ id, split, label }) => ({ id, split, label })),
    })),
  };
}

function crosses({ images }: DuplicateGroup): boolean {
  return images.some(({ split }) => split !== images[0].split);
}

/** The first images, and among them one of every part. */
function spread(images: DuplicateGroup['images']): DuplicateGroup['images'] {
  const firsts = images.filter(({ split }, i) => images.findIndex((one) => one.split === split) === i);
  const others = images.filter((image) => !firsts.includes(image));
  return [...firsts, ...others].slice(0, MOST_IMAGES);
}
