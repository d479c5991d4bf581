/**
 * A study as a user runs it, from pre-training to the report: planned, killed in the middle, continued, reported,
 * exported and replayed. Small networks on small parts of procedural sets, all experiments at once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStudyDocument, type StudyDocument } from '../../src/report/index.ts';
import { describeBrowser, launchBrowser, visit } from '../browser.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { messagesOf, networksIn, runCli, startCli } from './run.ts';

const SEEDS = 2;
/** Two networks on two sets: fixed features once, the other settings with each seed. */
const SETTING_CELLS = 2 * 2 * (1 + 2 * SEEDS);
/** Six variants on one set. */
const VARIANT_CELLS = 6;
/** Two lengths in two settings; the length of the protocol itself is among the cells of all settings. */
const LENGTH_CELLS = 2;
/** One subset of two sizes in three settings. */
const SIZE_CELLS = 2 * 3;
const CELLS = SETTING_CELLS + VARIANT_CELLS + LENGTH_CELLS + SIZE_CELLS;

const study = (changes = '') => `
title: Small study
protocol: { base: smoke, finetune: { steps: 4, learningRates: [0.01] }, scratch: { steps: 4, learningRates: [0.01] }${changes} }
seeds: [0, 1]
sources:
  source:
    dataset: 'procedural/source#per-class=3,seed=0'
    training: { epochs: 1, batchSize: 16, learningRate: 0.01, smallestCrop: 0.8 }
models:
  - { name: Residual, pretrain: { model: cifar_resnet20@16, source: source } }
  - { name: Demo, open: demo/mobilenet_v1_025, sourceAccuracy: 0.36, sourceImages: 800 }
datasets:
  - { name: fine, open: procedural/fine }
  - { name: shapes, open: 'procedural/shapes#per-class=4,seed=0' }
experiments:
  settings: {}
  regularisation: { model: googlenet_025, source: source, datasets: [fine], settings: [fixed], seeds: [0] }
  convergence: { models: [Residual], datasets: [fine], steps: [2, 4], seeds: [0] }
  datasetSize: { models: [Residual], datasets: [fine], perClass: [2, 3], subsets: 1, seeds: [0] }
  embedding: { models: [Demo], datasets: [fine], settings: [fixed, finetune], imagesPerClass: 5 }
  panels: { models: [Residual], datasets: [fine], settings: [finetune], images: 2 }
`;

let folder: string;
let out: string;
let common: string[];
let document: StudyDocument;

const file = () => join(folder, 'small.yaml');
/** Everything that must not depend on when and how often the study was started. */
function settled({ cells }: StudyDocument) {
  return cells.map(({ seconds: _, finishedAt: __, ...cell }) => cell);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  out = join(folder, 'whole');
  common = ['--cache', await temporaryFolder(), '--threads', '1'];
  await writeFile(file(), study());
}, 60_000);

describe('plan --json', () => {
  it('counts cells and trials, and states time and memory, before anything is run', async () => {
    const { code, stdout } = await runCli('plan', file(), '--out', join(folder, 'plan'), ...common, '--json');
    expect(code).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan).toMatchObject({ kind: 'study-plan', cells: CELLS, done: 0 });
    expect(plan.experiments).toEqual({
      settings: SETTING_CELLS,
      regularisation: VARIANT_CELLS,
      convergence: 4,
      datasetSize: SIZE_CELLS,
    });
    // Three strengths for fixed features, one point for the others.
    const fixed = 2 * 2 + VARIANT_CELLS + 2;
    expect(plan.trials).toBe(3 * fixed + (CELLS - fixed));
    expect(plan.seconds).toBeGreaterThan(0);
    expect(plan.bytes).toBeGreaterThan(1e6);
    expect(plan.pretraining).toMatchObject({ networks: 1 + 6, done: 0 });
  }, 300_000);
});

describe('run', () => {
  beforeAll(async () => {
    const first = await runCli('run', file(), '--out', out, ...common, '--json');
    expect(messagesOf(first)).toEqual([]);
    expect(first.code).toBe(0);
    document = parseStudyDocument(JSON.parse(first.stdout));
  }, 600_000);

  it('prints the document of the schema, with every cell of every experiment', () => {
    expect(document.failed).toEqual([]);
    expect(document.cells).toHaveLength(CELLS);
    expect(document.figure1.map(({ setting }) => setting)).toEqual(['fixed', 'finetune', 'scratch']);
    expect(document.regularisation?.effects.length).toBeGreaterThan(0);
    expect(document.convergence).not.toBeNull();
    expect(document.datasetSize).not.toBeNull();
    expect(document.embeddings).toHaveLength(2);
    expect(document.panels.map(({ kind }) => kind)).toEqual(['neighbours', 'activation']);
    expect(document.transferability).not.toBeNull();
    const [residual, demo] = document.models;
    expect(residual.sourceAccuracy?.images).toBe(800);
    expect(demo.sourceAccuracy?.value).toBe(0.36);
  });

  it('says how far it is', async () => {
    const { stdout } = await runCli('status', file(), '--out', out, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      cells: CELLS,
      done: CELLS,
      failed: 0,
      finished: true,
      running: false,
    });
  });

  it('reports again without data or models', async () => {
    const copy = join(folder, 'copy');
    await cp(out, copy, { recursive: true });
    const { code, stdout } = await runCli('report', file(), '--out', copy, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('exports tables and networks', async () => {
    const { code, stdout } = await runCli('export', file(), '--out', out, '--json');
    expect(code).toBe(0);
    const { folder: target, files } = JSON.parse(stdout) as { folder: string; files: string[] };
    for (const name of files) expect(existsSync(join(target, name)), name).toBe(true);
    expect(files).toContain(join('networks', 'fine.onnx'));
    expect(files.filter((name) => name.endsWith('.csv')).length).toBeGreaterThan(5);
  });

  it('replays a cell of each setting to the number', async () => {
    for (const setting of ['fixed', 'finetune', 'scratch']) {
      const key = document.cells.find((cell) => cell.setting === setting && cell.dataset === 'shapes')!.key;
      const { code, stdout } = await runCli(
        'replay',
        file(),
        key.slice(0, 16),
        '--out',
        out,
        ...common,
        '--json',
      );
      expect(JSON.parse(stdout)).toMatchObject({ identical: true, differences: [] });
      expect(code).toBe(0);
    }
  }, 300_000);

  it('computes again exactly what a changed field affects', async () => {
    const copy = join(folder, 'changed');
    await cp(out, copy, { recursive: true });
    await writeFile(file(), study(', fixed: { lambdas: [0.001, 1] }'));
    const { code, stdout } = await runCli('run', file(), '--out', copy, ...common, '--json');
    await writeFile(file(), study());
    expect(code).toBe(0);
    const changed = parseStudyDocument(JSON.parse(stdout));
    const old = new Map(document.cells.map((cell) => [cell.key, cell]));
    for (const cell of changed.cells) {
      if (cell.setting === 'fixed') expect(old.has(cell.key)).toBe(false);
      else expect(old.get(cell.key)).toEqual(cell);
    }
  }, 300_000);
});

describe.skipIf(process.platform !== 'linux')('run, killed twice', () => {
  it('goes on and ends with the numbers of the whole run', async () => {
    const target = join(folder, 'killed');
    for (const networks of [2, 14]) {
      const { child, result } = startCli(['run', file(), '--out', target, ...common]);
      while (networksIn(target) < networks && child.exitCode === null) await sleep(20);
      child.kill('SIGKILL');
      expect((await result).signal, `the run with ${networks} networks ended by itself`).toBe('SIGKILL');
    }
    const last = await runCli('run', file(), '--out', target, ...common, '--json');
    expect(last.code).toBe(0);
    const resumed = parseStudyDocument(JSON.parse(last.stdout));
    expect(settled(resumed)).toEqual(settled(document));
    expect(resumed.claims).toEqual(document.claims);
  }, 600_000);
});

describeBrowser('the report of a study', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it('opens from disk at desktop and phone width without errors, requests or overflow', async () => {
    for (const width of [1280, 390]) {
      const seen = await visit(browser, join(out, 'report.html'), width);
      expect(seen).toMatchObject({ complaints: [], requests: [], brokenPictures: 0 });
      expect(seen.scrollWidth).toBeLessThanOrEqual(width);
      expect(seen.heading).toBe(document.verdict.headline);
    }
  });
});

describe('mistakes in studies', () => {
  it.each([
    [
      'an unknown model in an experiment',
      'models: [Residual], datasets: [fine], steps',
      'models: [Nobody], datasets: [fine], steps',
      'STUDY_NAME',
    ],
    ['a protocol that does not exist', 'base: smoke', 'base: smoek', 'UNKNOWN_PROTOCOL'],
    [
      'a field that a protocol does not have',
      'steps: 4, learningRates',
      'step: 4, learningRates',
      'STUDY_FORM',
    ],
    ['a source that is not described', 'source: source }', 'source: nowhere }', 'STUDY_FORM'],
    ['a variable that is not set', 'procedural/fine', "'$" + "{NOWHERE_SET}/fine'", 'STUDY_VARIABLE'],
    ['no YAML', 'seeds: [0, 1]', 'seeds: [0, 1', 'STUDY_SYNTAX'],
    ['one name twice', 'name: Demo', 'name: Residual', 'NAME_TWICE'],
    ['a seed twice', 'seeds: [0, 1]', 'seeds: [0, 0]', 'STUDY_FORM'],
    ['more dots than can be drawn', 'imagesPerClass: 5', 'imagesPerClass: 301', 'STUDY_FORM'],
  ])('%s', async (_, before, after, code) => {
    const path = join(folder, 'mistake.yaml');
    await writeFile(path, study().replace(before, after));
    const result = await runCli('run', path, '--out', join(folder, 'mistake'), ...common);
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(`[${code}]`);
    expect(existsSync(join(folder, 'mistake'))).toBe(false);
  });

  it('a folder without a study', async () => {
    for (const command of ['status', 'report', 'export']) {
      const result = await runCli(command, file(), '--out', join(folder, 'nowhere'));
      expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('[STUDY_NOT_STARTED]')]);
      expect(existsSync(join(folder, 'nowhere'))).toBe(false);
    }
  });

  it('a cell that the study does not have', async () => {
    const result = await runCli('replay', file(), 'nowhere', '--out', out, ...common);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('[CELL_UNKNOWN]')]);
    expect(readFileSync(join(out, 'study.json'), 'utf8')).toContain('"kind": "study"');
  });
});
