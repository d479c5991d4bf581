/**
 * The page of a study: names of any kind stay text, its files are well formed and have the document's numbers, and a
 * real browser opens it without errors, requests or anything wider than a phone, and shows values to pointer, keyboard
 * and finger.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sax from 'sax';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Markup } from '../../src/report/markup.ts';
import { studyDocument } from '../../src/report/study/document.ts';
import { placeLabels } from '../../src/report/study/figures/labels.ts';
import { logitTick, logitTicks } from '../../src/report/study/figures/logit-axis.ts';
import { drawDatasetTransfer, drawTransfer } from '../../src/report/study/figures/transfer.ts';
import { studyHtml } from '../../src/report/study/html.ts';
import type { StudyInput } from '../../src/report/study/input.ts';
import { svgFile } from '../../src/report/study/svg-file.ts';
import { describeBrowser, launchBrowser, openPage, visit } from '../browser.ts';
import { studyPageSample, studyPageThumbnails } from './study-page-sample.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"onload="alert(2)',
  "' onerror='alert(3)",
  '</style><b>bold</b>',
  '--><img src=x onerror=alert(4)>',
  '</svg></script><script>alert(5)</script>',
  '&lt;&amp;]]>',
  'a\u0000b\u001b[2J\uFFFE',
  '=HYPERLINK("http://example.org")',
  'veryverylong'.repeat(12),
];

const SIZE = { models: 5, datasets: 3, images: 40, seeds: [0, 1] };
const input = studyPageSample(SIZE);
const hostile: StudyInput = {
  ...studyPageSample({ ...SIZE, names: HOSTILE }),
  title: '</title><script>alert("t")</script>',
  description: '<img src=x onerror=alert(6)>',
  command: 'x "<script>alert(7)</script>"',
  environment: { '<u>': '"onload=' },
  failedMeasurements: [
    { kind: 'scores', dataset: HOSTILE[0], model: HOSTILE[3], setting: HOSTILE[1], error: HOSTILE[5] },
  ],
};
const document = studyDocument(input);

function page(study: StudyInput): string {
  return studyHtml(studyDocument(study), { thumbnails: studyPageThumbnails(study) });
}

const text = page(input);
const hostileText = page(hostile);

/** Content of a data URI in base64. */
function decoded(uri: string): string {
  return Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64').toString('utf8');
}

/** The files that a page offers, by their names. */
function filesOf(html: string): Map<string, string> {
  const links = [...parseHTML(html).document.querySelectorAll('a[download]')];
  return new Map(
    links.map((link) => [link.getAttribute('download') ?? '', decoded(link.getAttribute('href') ?? '')]),
  );
}

/** The names of all elements, checked for what could run; throws where the text is not well-formed XML. */
function checkXml(xml: string): string[] {
  const names: string[] = [];
  const parser = sax.parser(true);
  parser.onerror = (error) => {
    throw error;
  };
  parser.onopentag = ({ name, attributes }) => {
    names.push(name);
    for (const attribute of Object.keys(attributes)) expect(attribute).not.toMatch(/^on/);
  };
  parser.write(xml).close();
  return names;
}

describe('escaping', () => {
  const { document: dom } = parseHTML(hostileText);

  it('keeps names of networks, data sets, classes and images as text', () => {
    const scripts = [...dom.querySelectorAll('script')];
    expect(scripts.map((script) => script.getAttribute('type'))).toEqual(['application/json', null]);
    expect(hostileText).not.toMatch(/<script>alert/);
    for (const element of dom.querySelectorAll('*')) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on/);
    }
    expect(dom.querySelectorAll('img')).toHaveLength(0);
    expect(dom.querySelector('#reproduce .problems')?.textContent).toContain(HOSTILE[5]);
    expect(dom.querySelector('nav')?.textContent).not.toContain('undefined');
  });

  it('allows its one script by hash and no other, and names nothing outside the page', () => {
    const policy = dom.querySelector('meta[http-equiv]')?.getAttribute('content') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[A-Za-z0-9+/]{43}=';/);
    const addresses = [...dom.querySelectorAll('[src], [href]')].map(
      (element) => element.getAttribute('src') ?? element.getAttribute('href') ?? '',
    );
    expect(addresses.filter((address) => !/^(data:|#)/.test(address))).toEqual([]);
    const ids = [...dom.querySelectorAll('[id]')].map((element) => element.getAttribute('id') ?? '');
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of addresses.filter((address) => address.startsWith('#')))
      expect(ids).toContain(link.slice(1));
  });

  it('offers files with plain names, whose SVG is well formed and whose CSV runs no formula', () => {
    const files = filesOf(hostileText);
    expect(files.size).toBeGreaterThan(20);
    for (const [name, content] of files) {
      expect(name).toMatch(/^[a-z0-9-]+\.(svg|csv|md|tex)$/);
      if (name.endsWith('.svg')) {
        expect(checkXml(content)[0]).toBe('svg');
        expect(content).not.toMatch(/<script|var\(--/);
      }
      if (name.endsWith('.csv')) {
        for (const row of parse(content) as string[][])
          for (const cell of row) expect(cell).not.toMatch(/^=/);
      }
    }
  });
});

describe('figures', () => {
  it('have a value for every mark where no script runs', () => {
    const { document: dom } = parseHTML(text);
    const points = document.figure1.reduce((sum, panel) => sum + panel.points.length, 0);
    const titles = [...dom.querySelectorAll('#figure-1-figure svg.plot title')];
    expect(titles).toHaveLength(points);
    const [best] = document.figure1[0].points;
    expect(titles.some((title) => title.textContent.startsWith(`${best.model}\nsource `))).toBe(true);
    for (const figure of dom.querySelectorAll('figure'))
      expect(figure.querySelectorAll('svg title').length, figure.id).toBeGreaterThan(0);
  });

  it('offer the numbers of the document', () => {
    const files = filesOf(text);
    const rows = parse(files.get('figure-1.csv') ?? '', { columns: true }) as Record<string, string>[];
    const points = document.figure1.flatMap((panel) => panel.points);
    expect(rows.map((row) => Number(row['Adjusted score']))).toEqual(points.map(({ score }) => score));
    expect(rows.map((row) => Number(row['Source accuracy']))).toEqual(
      points.map(({ source }) => source?.value),
    );
    const fixed = document.figure2.filter(({ setting }) => setting === 'fixed');
    const panels = parse(files.get('figure-2-fixed.csv') ?? '', { columns: true }) as Record<
      string,
      string
    >[];
    expect(panels.map((row) => Number(row.Test))).toEqual(
      fixed.flatMap((panel) => panel.points.map(({ test }) => test.value)),
    );
    const sizes = parse(files.get('dataset-size.csv') ?? '', { columns: true }) as Record<string, string>[];
    expect(sizes.map((row) => Number(row.Test))).toEqual(
      document.datasetSize?.curves.flatMap((curve) => curve.points.flatMap(({ values }) => values)),
    );
    expect(files.get('claims.md')).toContain(document.claims[0].claim);
  });

  it('leave out networks without source accuracy and intervals that do not exist', () => {
    const [panel] = document.figure1;
    const [first, ...others] = panel.points;
    const drawn = drawTransfer(
      { ...panel, points: [{ ...first, source: null }, ...others], trend: null, pearson: null },
      320,
    ).text;
    expect(drawn.match(/<title>/g)).toHaveLength(others.length);
    expect(drawn).not.toContain('r = ');
    expect(drawn).not.toContain('NaN');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('count the networks of a correlation, not those of the panel', () => {
    const figure1 = document.figure1.map((panel) => ({ ...panel, pearson: { ...panel.pearson!, n: 37 } }));
    const { document: dom } = parseHTML(studyHtml({ ...document, figure1 }, { thumbnails: new Map() }));
    const rows = [...dom.querySelectorAll('#transfer .card:not(figure) tbody tr')].filter((row) =>
      row.textContent.includes('images: r ='),
    );
    expect(rows.map((row) => row.querySelectorAll('td')[1].textContent)).toEqual(figure1.map(() => '37'));
  });

  it('colour the best alone and say so where one data set allows no test', () => {
    const one = studyDocument(studyPageSample({ ...SIZE, datasets: 1, settingsOnly: true }));
    const drawn = drawTransfer(one.figure1[0], 320).text;
    expect(drawn.match(/the best/g)).toHaveLength(1);
    expect(drawn).not.toContain('±');
    const dots = [...drawn.matchAll(/<circle[^>]*>/g)].map(([dot]) => /fill="([^"]*)"/.exec(dot)?.[1]);
    expect(dots).toEqual(['var(--good)', ...Array(SIZE.models - 1).fill('var(--surface)')]);
    const reading = (html: string) => parseHTML(html).document.querySelector('#figure-1-figure')?.textContent;
    expect(reading(studyHtml(one, { thumbnails: new Map() }))).toContain('One data set allows no test');
    expect(reading(text)).not.toContain('One data set allows no test');
  });

  it('say where the tested network of a tied one is ahead of the best', () => {
    const [panel] = document.figure2;
    const [best, other] = panel.points;
    const titleOf = (testedDifference: number, tied: boolean) => {
      const points = [best, { ...other, adjustedP: 0.01, testedDifference, tied }];
      return drawDatasetTransfer({ ...panel, points }, 200).text;
    };
    expect(titleOf(0.1, true)).toContain('tied with the best: ahead in the paired test, p = 0.010');
    expect(titleOf(-0.1, false)).toContain('worse than the best: p = 0.010');
  });

  it('say which ratios of steps are only bounds', () => {
    const convergence = document.convergence!;
    const leadWith = (bounds: readonly ('exact' | 'at least' | 'unknown')[]) => {
      const ratios = bounds.map((bound) => ({ ...convergence.ratios[0], bound }));
      const n = bounds.filter((bound) => bound !== 'unknown').length;
      const ratio = { value: 3, interval: null, n };
      const changed = { ...document, convergence: { ...convergence, ratios, ratio } };
      const page = studyHtml(changed, { thumbnails: new Map() });
      return parseHTML(page).document.querySelector('#convergence .lead')?.textContent;
    };
    expect(leadWith(['exact', 'exact'])).toContain(
      'that takes 3.0\u00a0times as many steps as fine-tuning, over 2 pairs.',
    );
    expect(leadWith(['at least', 'unknown'])).toContain(
      'takes at least 3.0\u00a0times as many steps as fine-tuning, over 1 pair.',
    );
    expect(leadWith(['at least', 'exact'])).toContain('over 2 pairs, 1 of them only a bound.');
  });

  it('become files whose panels lie beside each other, within their frame', () => {
    const svg = new Markup(
      '<svg class="plot" aria-label="a <&> b" width="320" height="200"><g fill="var(--ink)"/></svg>',
    );
    const panels = Array.from({ length: 5 }, (_, i) => ({ title: `panel ${i} <&>`, svg }));
    const file = svgFile('Title & more', panels);
    expect(checkXml(file).filter((name) => name === 'svg')).toHaveLength(6);
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(file) ?? [];
    const places = [...file.matchAll(/<svg x="(\d+)" y="(\d+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(new Set(places.map(String)).size).toBe(5);
    for (const [x, y] of places) {
      expect(x + 320).toBeLessThanOrEqual(Number(width));
      expect(y + 200).toBeLessThanOrEqual(Number(height));
    }
    expect(file).toContain('fill="#1d2329"');
  });
});

describe('sentences that depend on the study', () => {
  const partOf = (study: typeof document, id: string) => {
    const html = studyHtml(study, { thumbnails: new Map() });
    return parseHTML(html).document.querySelector(`#${id}`)?.textContent;
  };
  const small = { ...SIZE, models: 2, datasets: 1, settingsOnly: true };
  const complete = studyPageSample(small);

  it.each([
    ['none', 'Without a correction for several comparisons, p is at least'],
    ['holm', "After Holm's correction"],
    ['benjamini-hochberg', "After Benjamini and Hochberg's correction"],
  ] as const)('what is tied, by correction %s', (correction, sentence) => {
    const reproduce = partOf(studyDocument({ ...complete, correction }), 'reproduce');
    expect(reproduce).toContain(sentence);
    expect(reproduce?.includes('Holm')).toBe(correction === 'holm');
    expect(reproduce).toContain('Where classes count alike, so do their images (permutation test');
  });

  it('whether every network was run in each setting', () => {
    const settingsOf = (isLost: (cell: StudyInput['outcomes'][number]['cell']) => boolean) => {
      const outcomes = complete.outcomes.map((outcome) =>
        isLost(outcome.cell)
          ? { cell: outcome.cell, status: 'failed' as const, error: 'The loss was not finite.' }
          : outcome,
      );
      return partOf(studyDocument({ ...complete, outcomes }), 'settings');
    };
    const [{ name }] = complete.models;
    expect(settingsOf(() => false)).toContain('Every network was run in each setting');
    expect(settingsOf(({ model, seed }) => model === name && seed === 0)).toContain('Every network was run');
    for (const lost of [
      settingsOf(({ model, setting }) => model === name && setting === 'scratch'),
      settingsOf(({ model }) => model === name),
      settingsOf(({ setting }) => setting === 'scratch'),
    ])
      expect(lost).toContain('Not every network has results in all three settings');
  });
});

describe('names beside dots', () => {
  const frame = { left: 40, top: 0, right: 320, bottom: 300 };
  const dot = fc.record({
    x: fc.double({ min: 50, max: 310, noNaN: true }),
    y: fc.double({ min: 10, max: 290, noNaN: true }),
    text: fc.string({ minLength: 1, maxLength: 14 }),
  });
  const box = ({ left, middle, text: name }: { left: number; middle: number; text: string }) => ({
    left,
    right: left + [...name].length * 5,
    top: middle - 4,
    bottom: middle + 4,
  });

  it('never overlap each other and stay inside the frame', () => {
    fc.assert(
      fc.property(fc.array(dot, { maxLength: 20 }), (dots) => {
        const boxes = placeLabels(dots, frame, [], 10).map(box);
        for (const [i, a] of boxes.entries()) {
          expect(a.left >= frame.left && a.right <= frame.right).toBe(true);
          expect(a.top >= frame.top && a.bottom <= frame.bottom).toBe(true);
          for (const b of boxes.slice(i + 1)) {
            const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            expect(apart).toBe(true);
          }
        }
      }),
    );
  });

  it('are all there where dots are far apart', () => {
    const dots = Array.from({ length: 16 }, (_, i) => ({
      x: 60 + 70 * (i % 4),
      y: 40 + 70 * Math.floor(i / 4),
      text: 'ResNet-50',
    }));
    const placed = placeLabels(dots, frame, [], 10);
    expect(placed).toHaveLength(16);
    expect(placed.every(({ leader }) => !leader)).toBe(true);
  });
});

describe('axes in logits', () => {
  it('have round ticks inside the domain, few of them', () => {
    const shares = fc.tuple(
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
    );
    fc.assert(
      fc.property(shares, ([a, b]) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((share) => Math.log(share / (1 - share)));
        const ticks = logitTicks([low, high], 5);
        expect(ticks.every((tick) => tick >= low - 1e-6 && tick <= high + 1e-6)).toBe(true);
        expect(ticks.length).toBeLessThanOrEqual(9);
      }),
    );
    expect(logitTicks([0, 2.2]).map(logitTick)).toEqual(['50%', '60%', '70%', '80%', '90%']);
  });
});

describeBrowser('in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'transferlab-study-'));
  const file = join(folder, 'study.html');
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, text);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (options: BrowserContextOptions) =>
    openPage(browser, file, { viewport: { width: 1280, height: 900 }, ...options });

  const dotOf = (tab: Page, index: number) =>
    tab.locator('#figure-1-figure svg.plot').first().locator('g[aria-label=dot] circle').nth(index);

  const pages: Record<string, () => string> = {
    study: () => text,
    hostile: () => hostileText,
    empty: () => page({ ...studyPageSample({ ...SIZE, settingsOnly: true }), outcomes: [] }),
    large: () => page(studyPageSample({ models: 16, datasets: 12, images: 30, settingsOnly: true })),
  };

  for (const [name, make] of Object.entries(pages)) {
    it(`opens the ${name} page without errors, requests or overflow`, async () => {
      const path = join(folder, `${name}.html`);
      writeFileSync(path, make());
      for (const width of [390, 1280]) {
        const seen = await visit(browser, path, width);
        expect(seen.complaints).toEqual([]);
        expect(seen.requests).toEqual([]);
        expect(seen.scrollWidth, `${name} at ${width}`).toBeLessThanOrEqual(width);
      }
    });
  }

  it('shows the value of a dot to the pointer and to the keyboard', async () => {
    const tab = await open({});
    const [first, second] = document.figure1[0].points;
    await dotOf(tab, 0).hover();
    const tip = tab.locator('.tip');
    expect(await tip.textContent()).toContain(first.model);
    expect(await tip.textContent()).toContain(`transfer ${(100 * first.accuracy).toFixed(1)}%`);
    await tab.mouse.move(2, 2);
    expect(await tip.isVisible()).toBe(false);
    // Focus that comes from the keyboard shows the first mark, arrows go on.
    await tab.evaluate('document.querySelector("nav a:last-child").focus()');
    await tab.keyboard.press('Tab');
    expect(await tip.textContent()).toContain(first.model);
    await tab.keyboard.press('ArrowRight');
    expect(await tip.textContent()).toContain(second.model);
    await tab.keyboard.press('Escape');
    expect(await tip.isVisible()).toBe(false);
    await tab.context().close();
  });

  it('shows the value of a dot to a finger, inside the screen', async () => {
    const tab = await open({ viewport: { width: 390, height: 800 }, hasTouch: true });
    await dotOf(tab, 0).tap();
    const tip = tab.locator('.tip');
    expect(await tip.textContent()).toContain(document.figure1[0].points[0].model);
    const box = await tip.boundingBox();
    expect(box && box.x >= 0 && box.x + box.width <= 390).toBe(true);
    await tab.context().close();
  });

  it('saves a figure as it is and its data', async () => {
    const tab = await open({ acceptDownloads: true });
    const saved = async (label: string) => {
      const link = tab.locator('#figure-1-figure a.file', { hasText: label }).first();
      const [download] = await Promise.all([tab.waitForEvent('download'), link.click()]);
      return readFileSync(await download.path(), 'utf8');
    };
    expect(checkXml(await saved('SVG')).filter((name) => name === 'svg')).toHaveLength(
      1 + document.figure1.length,
    );
    expect(await saved('CSV')).toBe(filesOf(text).get('figure-1.csv'));
    await tab.context().close();
  });

  it('shows values as titles where scripts do not run', async () => {
    const tab = await open({ javaScriptEnabled: false });
    expect(await dotOf(tab, 0).locator('title').textContent()).toContain(document.figure1[0].points[0].model);
    await tab.locator('#figure-1-figure details.data summary').click();
    expect(await tab.locator('#figure-1-figure details.data td').first().isVisible()).toBe(true);
    await tab.context().close();
  });
});
