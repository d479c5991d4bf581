/** The terminal text: the verdict first, aligned tables within the width, and nothing that a name could command. */
import { describe, expect, it } from 'vitest';
import { compareDocument } from '../../src/report/compare-document.ts';
import { compareText } from '../../src/report/terminal.ts';
import { sampleInput } from './sample.ts';

const input = sampleInput({ datasets: 1 });
const document = compareDocument(input);

describe('compareText', () => {
  const text = compareText(document, {
    width: 100,
    places: { Report: 'out/report.html', Network: 'out/a.onnx' },
  });
  const lines = text.split('\n');

  it('begins with the verdict and ends with where things lie', () => {
    expect(text.replaceAll('\n', ' ').startsWith(document.verdict.headline)).toBe(true);
    expect(text.endsWith('Report:  out/report.html\nNetwork: out/a.onnx\n')).toBe(true);
  });

  it('has a row per candidate, in order, with aligned columns', () => {
    const header = lines.findIndex((line) => line.startsWith('#'));
    const rows = lines.slice(header + 2, header + 2 + document.rankings[0].candidates.length);
    const column = lines[header].indexOf('Setting');
    document.rankings[0].candidates.forEach((candidate, i) => {
      expect(rows[i]).toMatch(new RegExp(`^${candidate.rank} +${candidate.model} `));
      expect(rows[i].slice(column)).toMatch(/^(fixed features|fine-tuned|from scratch) /);
      expect(/ tied /.test(rows[i])).toBe(candidate.tied && i > 0);
      expect(rows[i]).toContain(`${(100 * candidate.test.value).toFixed(1)}%`);
    });
    expect(rows[0]).toContain('best');
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  });

  it('mentions skipped and repeated images, and failed runs', () => {
    expect(text).toContain('! 1 unreadable image skipped.');
    expect(text).toContain('! 1 group of identical images');
    const failed = compareText(compareDocument(sampleInput({ failure: true })), { width: 200 });
    expect(failed).toContain(
      'Failed: demo-net-32 from scratch on textures, seed 0: The loss was not finite at step 12.',
    );
  });

  it('names how a published data set deviates, the first three in full', () => {
    const [dataset] = input.datasets;
    const problems = [1, 2, 3, 4, 5].map((n) => ({
      kind: 'deviation' as const,
      images: [],
      message: `This copy is not as published: part ${n}, expected 10, found ${n}.`,
    }));
    const deviating = compareText(compareDocument({ ...input, datasets: [{ ...dataset, problems }] }), {
      width: 200,
    });
    expect(deviating).toContain('! This copy is not as published: part 3, expected 10, found 3.');
    expect(deviating).not.toContain('part 4');
    expect(deviating).toContain('! 2 more deviations from what was published.');
  });

  it('keeps to the width', () => {
    for (const width of [64, 74, 80, 110]) {
      for (const line of compareText(document, { width }).split('\n')) {
        expect(line.length, line).toBeLessThanOrEqual(width);
      }
    }
  });

  it('colours only when asked, and never passes on escape sequences of names', () => {
    expect(text).not.toContain('\u001b');
    expect(compareText(document, { width: 100, color: true })).toContain('\u001b[1m');
    const [dataset] = input.datasets;
    const hostile = compareDocument({
      ...input,
      datasets: [{ ...dataset, name: 'x\u001b[2Jy' }],
      outcomes: input.outcomes.map((outcome) => ({
        ...outcome,
        cell: { ...outcome.cell, dataset: 'x\u001b[2Jy', model: `m\u001b]0;t\u0007${outcome.cell.model}` },
      })),
    });
    for (const control of ['\u001b', '\u0007']) {
      expect(compareText(hostile, { width: 100 })).not.toContain(control);
    }
  });
});
