/**
 * `compare --shortlist`: which networks are dropped untried, by which score, and what the answer says of it. The networks
 * of the demonstration on a small part of a procedural set, from the command line to the document.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CompareDocument, parseCompareDocument } from '../../src/report/index.ts';
import { openDataset } from '../../src/study/index.ts';
import { transferabilityScores } from '../../src/transfer/index.ts';
import { silent } from '../../src/util/progress.ts';
import { openModel } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { messagesOf, runCli } from './run.ts';

const SET = 'procedural/shapes#per-class=6,seed=0';
const PRETRAINED = ['resnet18_025', 'mobilenet_v1_025', 'mobilenet_v2_035'].map((name) => `demo/${name}`);

let common: string[];
let cache: string;
let out: string;
let document: CompareDocument;

async function shortlisted(...given: string[]): Promise<CompareDocument> {
  const result = await runCli(...common, ...given, '--json');
  expect(messagesOf(result)).toEqual([]);
  expect(result.code).toBe(0);
  return parseCompareDocument(JSON.parse(result.stdout));
}

beforeAll(async () => {
  cache = await temporaryFolder();
  out = await temporaryFolder();
  const models = [...PRETRAINED, 'cifar_resnet20@32'].join(',');
  common = ['compare', SET, '--models', models, '--protocol', 'smoke', '--cache', cache, '--threads', '1'];
  common.push('--settings', 'fixed,scratch', '--out', out);
  document = await shortlisted('--shortlist', '1');
});

describe('compare --shortlist 1', () => {
  it('trains the network of the highest H-score, and the one without weights, which has no score', () => {
    const [{ score, candidates }] = document.shortlist!.datasets;
    expect(score).toBe('hscore');
    expect(candidates.map(({ kept }) => kept)).toEqual([true, false, false]);
    const values = candidates.map(({ value }) => value!);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(candidates.map(({ model }) => model).sort()).toEqual([...PRETRAINED].sort());
    const trained = new Set(document.cells.map(({ model }) => model));
    expect(trained).toEqual(new Set([candidates[0].model, 'cifar_resnet20@32']));
  });

  it('has the scores of the training part', async () => {
    const dataset = await openDataset(SET, { splitSeed: 0, cacheFolder: cache });
    const { candidates } = document.shortlist!.datasets[0];
    const { model, value } = candidates[2];
    const { value: scores } = await transferabilityScores(
      {
        ...(await openModel(model)),
        dataset,
        seed: 0,
        cacheFolder: cache,
        threads: 1,
        device: 'cpu',
        onProgress: silent,
      },
      { scores: ['hscore'] },
    );
    expect(scores.hscore).toBeCloseTo(value!, 4);
  });

  it('says in the answer what was dropped, by what, and what that costs in certainty', async () => {
    const { stdout } = await runCli(...common, '--shortlist', '1');
    const text = stdout.replace(/\s+/g, ' ');
    const [kept, ...dropped] = document.shortlist!.datasets[0].candidates.map(
      ({ model, value }) => `${model} (${value!.toPrecision(3)})`,
    );
    expect(text).toContain(`dropped untried by H-score: ${dropped.join(' and ')}; kept: ${kept}.`);
    expect(text).toContain('a better network may be among it');
    expect(text).toContain('rank correlation of H-score');
    expect(text).toContain('nothing of training from scratch');
  });

  it('computes nothing again when it is run again, and drops nothing when all may stay', async () => {
    const again = await shortlisted('--shortlist', '1');
    expect(again.shortlist).toEqual(document.shortlist);
    expect(again.cells).toEqual(document.cells);
    const all = await shortlisted('--shortlist', '3', '--settings', 'fixed');
    expect(all.shortlist).toBeUndefined();
    expect(new Set(all.cells.map(({ model }) => model))).toEqual(new Set(PRETRAINED));
  });

  it('goes by another score when it is told to', async () => {
    const { shortlist } = await shortlisted(
      '--shortlist',
      '2',
      '--shortlist-by',
      'nce',
      '--settings',
      'fixed',
    );
    const [{ score, candidates }] = shortlist!.datasets;
    expect(score).toBe('nce');
    expect(candidates.map(({ kept }) => kept)).toEqual([true, true, false]);
    for (const { value } of candidates) expect(value).toBeLessThanOrEqual(0);
  });
});

it('refuses a score that there is not, and no networks at all, before anything is written', async () => {
  const elsewhere = join(out, 'elsewhere');
  for (const [given, code] of [
    [['--shortlist', '2', '--shortlist-by', 'luck'], 'UNKNOWN_SCORE'],
    [['--shortlist', '0'], 'OPTION_NUMBER'],
  ] as const) {
    const result = await runCli(...common, ...given, '--out', elsewhere);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`[${code}]`);
  }
  expect(existsSync(elsewhere)).toBe(false);
});
