/**
 * What the page and the tables say of the number of images from which on one setting leads: certain to lead at all sizes,
 * certain not to, or from a size on that is known better or worse.
 */
import { expect, it } from 'vitest';
import { studyDocument } from '../../src/report/study/document.ts';
import type { DatasetSizeRun } from '../../src/report/study/input.ts';
import { sizePart } from '../../src/report/study/page/growth.ts';
import { tableIndex } from '../../src/report/study/page/tables.ts';
import { parseStudyDocument } from '../../src/report/study/schema.ts';
import { finished, logistic, studyInput } from './study-sample.ts';

/** Fine-tuned minus fixed features in logits, per data set, size and subset. */
const LEADS = {
  ahead: [
    [1, 2, 1],
    [1, 1, 2],
    [2, 3, 2],
  ],
  behind: [
    [-3, -2, -1],
    [-1, -2, -1],
    [-1, -1, -2],
  ],
  overtaking: [
    [-3, -2, -1],
    [-0.5, -1, -0.8],
    [2, 3, 2],
  ],
  anywhere: [
    [-1, 1, 2],
    [0.5, -1, 0.8],
    [-1, 2, -0.5],
  ],
};

const runs = Object.entries(LEADS).flatMap(([dataset, rows]) =>
  rows.flatMap((row, i) =>
    row.flatMap((lead, subset) =>
      (['fixed', 'finetune'] as const).map((setting) => {
        const images = 100 * 4 ** i;
        const outcome = finished({
          dataset: `${dataset}/${images}-${subset}`,
          model: 'net-0',
          setting,
          accuracy: logistic(setting === 'fixed' ? 0 : lead),
        });
        const { key } = outcome.cell;
        const run: DatasetSizeRun = {
          key,
          model: 'net-0',
          dataset,
          setting,
          images,
          perClass: images / 2,
          subset,
        };
        return { run, outcome };
      }),
    ),
  ),
);
const input = studyInput({ skills: [], eases: [] });
const document = parseStudyDocument(
  JSON.parse(
    JSON.stringify(
      studyDocument({
        ...input,
        outcomes: runs.map(({ outcome }) => outcome),
        experiments: { ...input.experiments, datasetSize: { runs: runs.map(({ run }) => run) } },
      }),
    ),
  ),
);
const tables = tableIndex(document);

/** The cells of the row of a data set in the table of the page. */
function pageRow(dataset: string): string[] {
  const page = sizePart(document, tables)?.text ?? '';
  const row = page
    .slice(page.indexOf('Which setting leads'))
    .match(new RegExp(`<td>${dataset}</td>.*?</tr>`, 's'));
  return [...(row?.[0] ?? '').matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell]) => cell).slice(1);
}

it('a setting that is ahead, or is not, in every draw is said to be', () => {
  expect(pageRow('ahead')[0]).toMatch(/at every size<small>at every size in all draws/);
  expect(pageRow('behind')[0]).toMatch(/at the largest size<small>not at the largest size in all draws/);
  // What does not cross has no interval.
  for (const dataset of ['ahead', 'behind']) expect(pageRow(dataset).slice(1)).toEqual(['–', '–']);
});

it('a known crossing has an interval, an unknown one the shares of the draws', () => {
  const [leader, at, interval] = pageRow('overtaking');
  expect(leader).toContain('with more images in all draws');
  expect(Number(at.replace(',', ''))).toBeGreaterThan(400);
  expect(interval).toMatch(/^[\d,]+ – [\d,]+$/);
  const unknown = document.datasetSize?.comparisons.find(({ dataset }) => dataset === 'anywhere')?.crossing;
  expect(unknown?.interval).toEqual({ low: null, high: null });
  const share = (100 * (unknown?.draws?.always ?? 0)).toFixed(1);
  expect(pageRow('anywhere')[0]).toContain(`draws: ${share}% at every size, `);
});

it('the table has the shares of the draws too', () => {
  const table = tables.get('dataset-size-crossings');
  const column = table?.columns.findIndex(({ title }) => title === 'Draws: at all sizes') ?? -1;
  const shares = document.datasetSize?.comparisons.map(({ crossing }) => crossing?.draws?.always);
  expect(table?.rows.map((row) => row[column])).toEqual(shares);
  expect(shares?.slice(0, 3)).toEqual([1, 0, 0]);
});
