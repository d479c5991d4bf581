/**
 * The page: hostile names stay text, the embedded JSON comes out as it went in, and a real browser opens it
 * from disk without errors, requests, or anything wider than a phone.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompareInput, compareDocument } from '../../src/report/compare-document.ts';
import { compareHtml } from '../../src/report/html.ts';
import { jsonForScript } from '../../src/report/markup.ts';
import { describeBrowser, launchBrowser, visit } from '../browser.ts';
import { sampleInput, sampleThumbnails } from './sample.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"onload=',
  "' onerror='alert(2)",
  '</style><b>bold</b>',
  '--><img src=x onerror=alert(3)>',
  '`+alert(4)+`',
  '&lt;&amp;',
  'a\u0000b\u001b[2J',
  '</script><script>alert(5)</script>',
  'veryverylong'.repeat(12),
];

function page(input: CompareInput): string {
  return compareHtml(compareDocument(input), {
    outcomes: input.outcomes,
    thumbnails: sampleThumbnails(input),
  });
}

/** Copies whose ids and labels are hostile too; the first test image has one in train. */
function hostileAudit(): CompareInput['datasets'][number]['audit'] {
  const images = HOSTILE.map((name, i) => ({
    id: name,
    split: i === 0 ? ('train' as const) : ('test' as const),
    label: name,
  }));
  return {
    images: 1200,
    unreadable: 0,
    overlaps: [{ split: 'test', otherSplit: 'train', images: HOSTILE.slice(1), exact: 1 }],
    within: [{ split: 'test', images: HOSTILE.length - 2 }],
    labelConflicts: 1,
    crowded: false,
    groupCount: 30,
    groups: [{ kind: 'near', mirrored: true, correlation: 0.95, size: 40, images }],
  };
}

function hostileInput(): CompareInput {
  const input = sampleInput({ datasets: 1, classes: HOSTILE });
  const rename = (model: string) => `${model}<script>alert("m")</script>`;
  const [dataset] = input.datasets;
  const name = '"><script>alert("d")</script>';
  return {
    ...input,
    title: '</title><script>alert("t")</script>',
    command: 'x "<script>alert(6)</script>"',
    protocol: { ...input.protocol, fields: { '<i>': ['<script>'], nested: { a: '</script>' } } },
    environment: { '<u>': '"onload=' },
    datasets: [
      {
        ...dataset,
        name,
        problems: [{ kind: 'unreadable', images: ['<x>'], message: '<script>alert(7)</script> is broken.' }],
        audit: hostileAudit(),
      },
    ],
    models: input.models.map((model) => ({ ...model, name: rename(model.name), source: '<script>' })),
    outcomes: input.outcomes.map((outcome) => {
      const cell = { ...outcome.cell, dataset: name, model: rename(outcome.cell.model) };
      if (outcome.status === 'failed') return { ...outcome, cell };
      const predictions = outcome.result.predictions.map((p) => ({ ...p, image: `"><script>${p.image}` }));
      return { ...outcome, cell, result: { ...outcome.result, predictions } };
    }),
  };
}

describe('escaping', () => {
  const input = hostileInput();
  const text = page(input);
  const { document } = parseHTML(text);

  it('keeps class, file, model and data set names as text', () => {
    const scripts = [...document.querySelectorAll('script')];
    expect(scripts.map((script) => script.getAttribute('type'))).toEqual(['application/json']);
    expect(text).not.toMatch(/<script>/);
    for (const element of document.querySelectorAll('*')) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on/);
    }
    const bold: string[] = [...document.querySelectorAll('b')].map((element) => element.textContent);
    expect(bold).not.toContain('bold');
    expect(document.querySelector('h2')?.textContent).toContain('"><script>alert("d")</script>');
  });

  it('embeds the JSON document so that it can be read back', () => {
    const json = document.querySelector('#compare-document')?.textContent ?? '';
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(compareDocument(input))));
    expect(jsonForScript('</script><!--\u2028').text).toBe('"\\u003c/script\\u003e\\u003c!--\\u2028"');
  });

  it('names nothing outside the page', () => {
    const addresses = [...document.querySelectorAll('[src], [href]')].map(
      (element) => element.getAttribute('src') ?? element.getAttribute('href') ?? '',
    );
    expect(addresses.filter((address) => !address.startsWith('data:') && !address.startsWith('#'))).toEqual(
      [],
    );
    expect(document.querySelector('meta[http-equiv]')?.getAttribute('content')).toContain(
      "default-src 'none'",
    );
  });
});

describeBrowser('in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'transferlab-report-'));
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const pages = {
    sample: () => sampleInput({ failure: true }),
    seeds: () => sampleInput({ datasets: 1, seeds: [0, 1, 2] }),
    hostile: hostileInput,
    empty: () => ({ ...sampleInput({ datasets: 1 }), outcomes: [] }),
  };

  for (const [name, make] of Object.entries(pages)) {
    it(`opens the ${name} page without errors, requests or overflow`, async () => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, page(make()));
      for (const width of [360, 1280]) {
        const seen = await visit(browser, file, width);
        expect(seen.complaints).toEqual([]);
        expect(seen.requests).toEqual([]);
        expect(seen.scrollWidth, `${name} at ${width}`).toBeLessThanOrEqual(width);
        expect(seen.brokenPictures).toBe(0);
      }
    });
  }
});
