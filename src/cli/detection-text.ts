/** Published detection sets, and what one holds, for 80 columns. */
import {
  type DetectionCounts,
  type DetectionDataset,
  type OfficialDetection,
  SPLITS,
} from '../data/index.ts';
import { count, countsRow, plain, problemLines } from './datasets-text.ts';

/** Classes that are listed; `--json` has all. */
const MOST_CLASSES = 110;

/** What was published of a detection set. */
export function officialDetectionText(entry: OfficialDetection): string {
  const row = (label: string, text: string) => `  ${label.padEnd(13)}${text}`;
  const { title, reference, classes, images, objects, counted, md5 = {}, form, name } = entry;
  const parts = SPLITS.flatMap((part) => {
    const published = images[part];
    const label = part[0].toUpperCase() + part.slice(1);
    return published === undefined ? [] : [row(label, `${count(published)} images`)];
  });
  const files = Object.keys(md5);
  return [
    title,
    row('Reference', reference),
    row('Classes', count(classes)),
    ...parts,
    row('Objects', counted === 'all' ? count(objects) : `${count(objects)} that are not difficult`),
    ...(files.length > 0 ? [row('MD5 known of', files.join(', '))] : []),
    '',
    'Files, in a folder or in the archives as downloaded:',
    `  ${form}`,
    '',
    `transferlab datasets ${name} --data FOLDER --sheet samples.png`,
    `transferlab datasets verify ${name} --data FOLDER`,
    '',
  ].join('\n');
}

/** Images and objects by part and class. @param sheet where sample images were written */
export function detectionText(
  { name, classes, problems }: DetectionDataset,
  counts: DetectionCounts,
  sheet: string | null,
): string {
  const listed = counts.perClass.slice(0, MOST_CLASSES);
  const rest = classes.length - listed.length;
  const extras = [
    [counts.crowds, 'are crowds'],
    [counts.difficult, 'are difficult'],
    [counts.masks, 'have masks'],
    [counts.keypoints, 'have keypoints'],
  ] as const;
  return [
    `${plain(name)}: ${count(classes.length)} ${classes.length === 1 ? 'class' : 'classes'}, boxes`,
    '',
    countsRow(['Train', 'Validation', 'Test'], '').trimEnd(),
    countsRow(
      SPLITS.map((part) => counts.images[part]),
      'images',
    ),
    countsRow(
      SPLITS.map((part) => counts.objects[part]),
      'objects',
    ),
    ...listed.map((own) =>
      countsRow(
        SPLITS.map((part) => own.objects[part]),
        `${plain(own.name)} (${count(own.images)} ${own.images === 1 ? 'image' : 'images'})`,
      ),
    ),
    ...(rest > 0 ? [`  and ${count(rest)} more classes: --json names all.`] : []),
    '',
    `Images without objects: ${count(counts.imagesWithoutObjects)}. Annotations left out: ${count(counts.leftOut)}.`,
    ...extras.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} objects ${what}.`),
    ...problemLines(problems),
    ...(sheet === null ? [] : ['', `Samples, a row for each class in this order: ${sheet}`]),
    '',
  ].join('\n');
}
