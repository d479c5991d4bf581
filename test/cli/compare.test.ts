/**
 * The main job as a user runs it, on a small folder with two broken files in it: the answer as JSON and as
 * text, the report in a browser, the exported network, running it again, and killing it again and again.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompareDocument, parseCompareDocument } from '../../src/report/index.ts';
import { type FinishedCell, openEmbeddedStore } from '../../src/store/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { describeBrowser, launchBrowser, visit } from '../browser.ts';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';
import { type CliResult, messagesOf, networksIn, runCli, startCli } from './run.ts';

/** Fixed features, and two seeds of both others: the architecture alone adds no cell of its own. */
const CELLS = 5;

let folder: string;
let arguments_: string[];
let out: string;
let first: CliResult;
let document: CompareDocument;

beforeAll(async () => {
  const pictures = await colourFiles({ red: 8, green: 8, blue: 8 });
  folder = await folderOf({ ...pictures, 'red/empty.jpg': '', 'blue/text.png': 'no picture' });
  const weights = await smallWeightsFile(await temporaryFolder(), 'random20', 'cifar_resnet20@16');
  const cache = await temporaryFolder();
  const models = `${weights},cifar_resnet20@16`;
  arguments_ = ['compare', folder, '--models', models, '--protocol', 'smoke', '--seeds', '2'];
  arguments_.push('--cache', cache, '--threads', '1');
  out = await temporaryFolder();
  first = await runCli(...arguments_, '--out', out, '--json');
  document = parseCompareDocument(JSON.parse(first.stdout));
});

describe('compare --json', () => {
  it('prints one document of the schema and nothing else', () => {
    expect(first.code).toBe(0);
    expect(messagesOf(first)).toEqual([]);
    expect(document.failed).toEqual([]);
    expect(document.rankings[0].candidates.map(({ model, setting }) => `${model} ${setting}`).sort()).toEqual(
      ['cifar_resnet20@16 scratch', 'random20 finetune', 'random20 fixed', 'random20 scratch'],
    );
    expect(JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8'))).toEqual(JSON.parse(first.stdout));
  });

  it('lists the broken files and counts none of them', () => {
    const [{ problems, images }] = document.datasets;
    expect(problems.flatMap((problem) => problem.images).sort()).toEqual(['blue/text.png', 'red/empty.jpg']);
    expect(images.train + images.validation + images.test).toBe(24);
  });

  it('computes a cell once that two networks share', () => {
    const keys = document.cells.map(({ key }) => key);
    expect([keys.length, new Set(keys).size]).toEqual([CELLS + 2, CELLS]);
    const scratch = document.cells.filter(({ setting, seed }) => setting === 'scratch' && seed === 0);
    expect(scratch[1]).toEqual({ ...scratch[0], model: 'cifar_resnet20@16' });
  });
});

describe('compare', () => {
  let again: CliResult;
  beforeAll(async () => {
    again = await runCli(...arguments_, '--out', out);
  });

  it('run again computes nothing again', () => {
    expect(again.code).toBe(0);
    const stored = JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8')) as CompareDocument;
    expect(stored.cells).toEqual(document.cells);
    expect(stored.rankings).toEqual(document.rankings);
  });

  it('prints the winner, the broken files, and where the files are', () => {
    const [best] = document.rankings[0].candidates;
    expect(again.stdout.split('\n')[0]).toContain(best.model);
    expect(again.stdout.replaceAll('\n', ' ')).toContain(document.verdict.headline);
    expect(again.stdout).toContain('2 unreadable images skipped.');
    const [report, network] = ['Report', 'Network'].map(
      (label) => new RegExp(`^${label}: +(\\S+)`, 'm').exec(again.stdout)?.[1] ?? '',
    );
    expect(readFileSync(report, 'utf8')).toContain('<!doctype html>');
    expect(existsSync(network)).toBe(true);
  });
});

describeBrowser('the report of compare', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it('opens from disk at desktop and phone width without errors, requests or overflow', async () => {
    for (const width of [1280, 360]) {
      const seen = await visit(browser, join(out, 'report.html'), width);
      expect(seen).toMatchObject({ complaints: [], requests: [], brokenPictures: 0 });
      expect(seen.scrollWidth).toBeLessThanOrEqual(width);
      expect(seen.heading).toBe(document.verdict.headline);
    }
  });
});

describe('predict', () => {
  const image = (id: string) => join(folder, id);

  it('says of test images what the comparison counted', async () => {
    const key = document.rankings[0].candidates[0].keys[0];
    const cell = (await outcomesIn(out)).get(key)!;
    const { predictions, classes } = cell.result;
    const paths = predictions.map((prediction) => image(prediction.image));
    const { code, stdout } = await runCli('predict', join(out, 'winner.onnx'), ...paths, '--json');
    expect(code).toBe(0);
    const { kind, answers, unreadable } = JSON.parse(stdout);
    expect([kind, unreadable]).toEqual(['predict', []]);
    for (const [i, { predicted, probability }] of predictions.entries()) {
      expect(answers[i].image).toBe(paths[i]);
      expect(answers[i].classes[0].label).toBe(classes[predicted]);
      expect(answers[i].classes[0].probability).toBeCloseTo(probability, 4);
      expect(answers[i].classes).toHaveLength(3);
    }
  });

  it('answers for the readable images, and says which are not', async () => {
    const paths = [image('red/0.png'), image('red/empty.jpg'), image('nowhere.png'), image('blue/0.png')];
    const result = await runCli('predict', join(out, 'winner.onnx'), ...paths, '--top', '1');
    expect(result.code).toBe(1);
    const lines = result.stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^\S+\.png: (red|green|blue) \d+\.\d%$/);
    expect(messagesOf(result)).toHaveLength(2);
    expect(messagesOf(result)[0]).toContain('empty.jpg');
    expect(messagesOf(result)[1]).toContain('nowhere.png');
  });
});

describe.skipIf(process.platform !== 'linux')('compare, killed at five moments', () => {
  it('leaves no process behind, computes no cell twice, and ends with the numbers of the whole run', async () => {
    const target = await temporaryFolder();
    const random = new Random(0, 'moments of death');
    const finished = new Map<string, FinishedCell>();
    for (let kill = 0; kill < CELLS; kill++) {
      const { child, result } = startCli([...arguments_, '--out', target]);
      // The first kills may hit the start; later ones wait for a cell more, so that all stages are hit.
      while (networksIn(target) < kill && child.exitCode === null) await sleep(20);
      await sleep(random.uniform(0, kill === 0 ? 4000 : 700));
      const family = descendantsOf(child.pid!);
      child.kill('SIGKILL');
      expect((await result).signal, `run ${kill} ended by itself`).toBe('SIGKILL');
      await expect.poll(() => family.filter(isAlive), { timeout: 15_000 }).toEqual([]);
      const now = await outcomesIn(target);
      for (const [key, cell] of finished) expect(now.get(key)).toEqual(cell);
      for (const [key, cell] of now) finished.set(key, cell);
    }
    expect(finished.size).toBeGreaterThan(1);

    const last = await runCli(...arguments_, '--out', target, '--json');
    expect(last.code).toBe(0);
    const [resumed, whole] = [await outcomesIn(target), await outcomesIn(out)];
    for (const [key, cell] of finished) expect(resumed.get(key)).toEqual(cell);
    expect([...resumed.values()].map(withoutTimes)).toEqual([...whole.values()].map(withoutTimes));
    const rankings = (JSON.parse(last.stdout) as CompareDocument).rankings;
    expect(rankings.map(({ candidates }) => candidates.map(({ seconds: _, ...rest }) => rest))).toEqual(
      document.rankings.map(({ candidates }) => candidates.map(({ seconds: _, ...rest }) => rest)),
    );
  }, 300_000);
});

/** Every finished cell of an output folder, in the order of planning. */
async function outcomesIn(folderOfRun: string): Promise<Map<string, FinishedCell>> {
  const store = await openEmbeddedStore(join(folderOfRun, 'store'));
  try {
    const keys = (await store.cells()).map(({ key }) => key);
    const outcomes = [...(await store.outcomes(keys)).values()];
    expect(outcomes.filter(({ status }) => status === 'failed')).toEqual([]);
    return new Map(outcomes.flatMap((cell) => (cell.status === 'done' ? [[cell.cell.key, cell]] : [])));
  } finally {
    await store.close();
  }
}

/** Everything that must not depend on when and how often the run was started. */
function withoutTimes({ cell, result }: FinishedCell) {
  const { seconds: _, finishedAt: __, trials, environment, ...rest } = result;
  const settled = Object.entries(environment).filter(([name]) => !name.startsWith('seconds'));
  return {
    key: cell.key,
    ...rest,
    environment: Object.fromEntries(settled),
    trials: trials.map(({ seconds: ___, ...trial }) => trial),
  };
}

/** Process and state by pid, from /proc. */
function processes(): Map<number, { parent: number; state: string }> {
  const found = new Map<number, { parent: number; state: string }>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      found.set(Number(name), { parent: Number(parent), state });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function descendantsOf(pid: number): number[] {
  const children = [...processes()].flatMap(([child, { parent }]) => (parent === pid ? [child] : []));
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** A zombie has ended; only nobody has asked how. */
function isAlive(pid: number): boolean {
  const found = processes().get(pid);
  return found !== undefined && found.state !== 'Z';
}
