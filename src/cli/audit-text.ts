/** What an audit for copies found, as text. */
import type { AuditedImage, DataProblem, DuplicateAudit, DuplicateGroup } from '../data/index.ts';

/** Groups that are listed; `--json` has all. */
const MOST_GROUPS = 40;
const MOST_IMAGES = 6;

/** Ends with a line break. `problems`: copies that were found when the data sets were opened. */
export function auditText(
  names: readonly string[],
  audit: DuplicateAudit,
  problems: readonly DataProblem[],
): string {
  const several = names.length > 1;
  const place = (dataset: string, split: string) => (several ? `${split} of ${dataset}` : split);
  const lines = [
    `${names.join(' and ')}: ${count(audit.images, 'image')} compared; ${count(audit.groups.length, 'group')} of copies.`,
    ...audit.overlaps.map(
      ({ dataset, split, otherDataset, otherSplit, images, exact }) =>
        `! ${count(images.length, 'image')} in ${place(dataset, split)} ${images.length === 1 ? 'has' : 'have'} ` +
        `a copy in ${place(otherDataset, otherSplit)}${exact > 0 ? `, ${exact} with the same bytes` : ''}.`,
    ),
    ...audit.within.map(
      ({ dataset, split, images }) =>
        `  ${count(images, 'superfluous copy', 'superfluous copies')} within ${place(dataset, split)}.`,
    ),
    ...(audit.labelConflicts > 0
      ? [`! ${count(audit.labelConflicts, 'group')} of copies with different labels.`]
      : []),
    ...(audit.unreadable > 0 ? [`! ${count(audit.unreadable, 'image')} could not be decoded.`] : []),
    ...(audit.crowded ? ['! So many images look alike that not all of them were compared.'] : []),
    ...problems.map(({ message }) => `! ${message}`),
  ];
  const listed = audit.groups.slice(0, MOST_GROUPS).flatMap((group) => ['', ...groupLines(group, several)]);
  const rest = audit.groups.length - MOST_GROUPS;
  const more = rest > 0 ? ['', `${count(rest, 'more group')}: --json lists all.`] : [];
  return `${[...lines, ...listed, ...more].map(plain).join('\n')}\n`;
}

function groupLines({ kind, images, mirrored, correlation }: DuplicateGroup, several: boolean): string[] {
  const how =
    kind === 'exact' ? 'same bytes' : `correlation ${correlation.toFixed(3)}${mirrored ? ', mirrored' : ''}`;
  const name = ({ dataset, split, id, label }: AuditedImage) =>
    `  ${several ? `${dataset} ` : ''}${split}: ${id}${label !== null && !id.includes(label) ? ` (${label})` : ''}`;
  const rest = images.length - MOST_IMAGES;
  return [
    `${images.length} copies (${how})`,
    ...images.slice(0, MOST_IMAGES).map(name),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}

function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? noun : plural}`;
}

/** Names come from files, so control characters (terminal commands) are replaced. */
function plain(text: string): string {
  return text.replace(/\p{C}/gu, '\uFFFD');
}
