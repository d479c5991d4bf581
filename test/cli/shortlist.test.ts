/**
 * `compare --shortlist`: which networks are dropped untried, by which score, and what the answer says of it. The networks
 * of the demonstration on a small part of a procedural set, from the command line to the document.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Opened } from '../../src/cli/inputs.ts';
import { ProgressDisplay } from '../../src/cli/progress.ts';
import { type ShortlistOptions, shortlisted } from '../../src/cli/shortlist.ts';
import { type CompareDocument, parseCompareDocument } from '../../src/report/index.ts';
import { openEmbeddedStore, type Store } from '../../src/store/index.ts';
import { findProtocol, openDataset, planCells } from '../../src/study/index.ts';
import { transferabilityScores } from '../../src/transfer/index.ts';
import { silent } from '../../src/util/progress.ts';
import { openModel } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { messagesOf, runCli } from './run.ts';

const SET = 'procedural/shapes#per-class=6,seed=0';
const PRETRAINED = ['demo/resnet18_025', 'demo/mobilenet_v1_025', 'demo/mobilenet_v2_035'];
const ARCHITECTURE = 'cifar_resnet20@16';

let cache: string;
let out: string;
let store: Store;
let opened: Opened;

beforeAll(async () => {
  cache = await temporaryFolder();
  out = await temporaryFolder();
  const dataset = await openDataset(SET, { splitSeed: 0, cacheFolder: cache });
  const models: { spec: string; opened: Awaited<ReturnType<typeof openModel>> }[] = [];
  for (const spec of [...PRETRAINED, ARCHITECTURE]) models.push({ spec, opened: await openModel(spec) });
  opened = { datasets: [{ spec: SET, dataset }], models };
});

/** The shortlist, and the networks that are left. */
async function kept(shortlist: ShortlistOptions, given = opened) {
  const protocol = findProtocol('smoke');
  const plan = { ...given, settings: ['fixed', 'scratch'] as const, protocol, seeds: [0], splitSeed: 0 };
  const engine = { threads: 1, device: 'cpu', tuneSeconds: 0 } as const;
  const options = { out, cacheFolder: cache, splitSeed: 0, ...engine, shortlist };
  const result = await shortlisted(planCells(plan), store, given, options, new ProgressDisplay());
  return { shortlist: result.shortlist, models: new Set(result.tasks.map(({ cell }) => cell.model)) };
}

describe('a shortlist', () => {
  // The folder that the command line takes afterwards: a new store takes seconds.
  beforeAll(async () => {
    store = await openEmbeddedStore(join(out, 'store'));
  });
  afterAll(() => store.close());

  it('keeps the networks of the highest scores, and the one without weights, which has none', async () => {
    const { shortlist, models } = await kept({ keep: 2, score: 'nce' });
    const [{ score, candidates }] = shortlist!.datasets;
    expect(score).toBe('nce');
    expect(candidates.map((candidate) => candidate.kept)).toEqual([true, true, false]);
    const values = candidates.map(({ value }) => value!);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(models).toEqual(new Set([candidates[0].model, candidates[1].model, ARCHITECTURE]));
  });

  it('is not needed where all may stay', async () => {
    const { shortlist, models } = await kept({ keep: 3, score: 'hscore' });
    expect(shortlist).toBeUndefined();
    expect(models).toEqual(new Set([...PRETRAINED, ARCHITECTURE]));
  });

  it('keeps networks that the score cannot judge, though there are more then', async () => {
    // The worker process cannot open it.
    const [{ dataset }] = opened.datasets;
    const missing = {
      spec: 'demo/no_such',
      opened: { ...opened.models[0].opened, label: 'gone', weightsHash: 'gone' },
    };
    const more = { datasets: [{ spec: SET, dataset }], models: [...opened.models, missing] };
    const { shortlist: partly, models } = await kept({ keep: 1, score: 'leep' }, more);
    expect(partly!.datasets[0].candidates.at(-1)).toEqual({ model: 'gone', value: null, kept: true });
    expect(models).toContain('gone');
  });
});

describe('compare --shortlist 1', () => {
  const run = (...more: string[]) => {
    const fixed = ['--settings', 'fixed', '--protocol', 'smoke', '--cache', cache, '--threads', '1'];
    const models = PRETRAINED.join(',');
    return runCli('compare', SET, '--models', models, ...fixed, '--out', out, '--shortlist', '1', ...more);
  };
  let document: CompareDocument;
  beforeAll(async () => {
    const result = await run('--json');
    expect(messagesOf(result)).toEqual([]);
    document = parseCompareDocument(JSON.parse(result.stdout));
  });

  it('trains the network of the highest LogME, which is that of the training part', async () => {
    const [{ score, candidates }] = document.shortlist!.datasets;
    expect(score).toBe('logme');
    expect(document.cells.map(({ model }) => model)).toEqual([candidates[0].model]);
    const { model, value } = candidates[2];
    const [{ dataset }] = opened.datasets;
    const inputs = { ...(await openModel(model)), dataset, seed: 0, cacheFolder: cache, threads: 1 };
    const { value: scores } = await transferabilityScores(
      { ...inputs, device: 'cpu', onProgress: silent },
      { scores: ['logme'] },
    );
    expect(scores.logme).toBeCloseTo(value!, 4);
  });

  it('computes nothing again when it is run again, and says what was dropped and what that costs', async () => {
    const { stdout } = await run();
    const again = parseCompareDocument(JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8')));
    expect(again.shortlist).toEqual(document.shortlist);
    expect(again.cells).toEqual(document.cells);
    const text = stdout.replace(/\s+/g, ' ');
    const [best, ...dropped] = document.shortlist!.datasets[0].candidates.map(
      ({ model, value }) => `${model} (${value!.toPrecision(3)})`,
    );
    expect(text).toContain(`dropped untried by LogME: ${dropped.join(' and ')}; kept: ${best}.`);
    expect(text).toContain('a better network may be among it');
    expect(text).toContain('rank correlation of LogME');
  });
});
