/**
 * `transferlab tune` as a user runs it, and what a study makes of it: the study's folder keeps the table that it began
 * with, whatever is timed later, and results say which table it was.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCompareDocument } from '../../src/report/index.ts';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
import { messagesOf, runCli } from './run.ts';

const MODEL = 'cifar_resnet20@16';

let cache: string;
let tuned: {
  kind: string;
  version: number;
  file: string;
  formulations: string;
  networks: {
    name: string;
    batch: number;
    timed: number;
    convolutions: number;
    seconds: { usual: number; tuned: number };
    changed: { convolution: string; usual: string; chosen: string }[];
  }[];
};
const tune = (...more: string[]) =>
  runCli('tune', '--models', MODEL, '--batch', '8', '--threads', '1', '--cache', cache, ...more);

beforeAll(async () => {
  cache = await temporaryFolder();
  const first = await tune('--json');
  expect([messagesOf(first), first.code]).toEqual([[], 0]);
  tuned = JSON.parse(first.stdout);
});

describe('tune', () => {
  it('times every convolution, and none is chosen that is slower', () => {
    const [network, ...others] = tuned.networks;
    expect([tuned.kind, tuned.version, others]).toEqual(['tune', 1, []]);
    expect([network.name, network.batch]).toEqual([MODEL, 8]);
    expect(network.timed).toBeGreaterThan(10);
    expect(network.convolutions).toBeGreaterThanOrEqual(network.timed);
    expect(network.seconds.tuned).toBeGreaterThan(0);
    expect(network.seconds.tuned).toBeLessThanOrEqual(network.seconds.usual);
    for (const { usual, chosen } of network.changed) expect(chosen).not.toBe(usual);
  });

  it('remembers: the second time nothing is timed again', async () => {
    const file = readFileSync(tuned.file, 'utf8');
    const again = await tune('--json');
    expect(JSON.parse(again.stdout)).toEqual(tuned);
    expect(readFileSync(tuned.file, 'utf8')).toBe(file);
  });

  it('says it in words', async () => {
    const { stdout } = await tune();
    const [network] = tuned.networks;
    expect(stdout).toContain(`${MODEL}, 8 images of 16 pixels: ${network.convolutions} different`);
    expect(stdout).toContain(tuned.file);
    for (const { convolution } of network.changed) expect(stdout).toContain(convolution);
  });

  it('has no batch of no images', async () => {
    const { code, stderr } = await runCli('tune', '--models', MODEL, '--batch', '0', '--cache', cache);
    expect([code, stderr]).toEqual([1, expect.stringContaining('[OPTION_NUMBER]')]);
  });
});

describe('a study', () => {
  it('goes on with the table that it began with, and its results name it', async () => {
    const folder = await folderOf(await colourFiles({ red: 8, green: 8, blue: 8 }));
    const compare = async (out: string, seeds: number, tuneSeconds: number, with_ = cache) => {
      const run = await runCli(
        ...['compare', folder, '--models', MODEL, '--settings', 'scratch', '--protocol', 'smoke', '--json'],
        ...['--threads', '1', '--cache', with_, '--out', out],
        ...['--seeds', `${seeds}`, '--tune', `${tuneSeconds}`],
      );
      expect(messagesOf(run)).toEqual([]);
      return parseCompareDocument(JSON.parse(run.stdout));
    };
    const tables = (out: string) => {
      const [name, ...others] = readdirSync(join(out, 'formulations'));
      expect(others).toEqual([]);
      return readFileSync(join(out, 'formulations', name), 'utf8');
    };
    const [untuned, out, elsewhere] = await Promise.all([0, 1, 2].map(() => temporaryFolder()));
    const plain = await compare(untuned, 1, 0, await temporaryFolder());
    expect(plain.environment.formulations).toBe('usual');

    // Times are asked for at the first start only; a second one has more seeds, and a cache that knows nothing.
    const first = await compare(out, 1, 60);
    expect(first.environment.formulations).toMatch(/^[0-9a-f]{12}$/);
    const table = tables(out);
    const second = await compare(out, 2, 60, await temporaryFolder());
    expect(tables(out)).toBe(table);
    expect(second.environment.formulations).toBe(first.environment.formulations);

    // What the machine's table says gives the same numbers in another folder.
    const other = await compare(elsewhere, 2, 0);
    expect(other.environment.formulations).toBe(first.environment.formulations);
    const numbers = ({ cells }: typeof other) => cells.map(({ key, seed, test }) => ({ key, seed, test }));
    expect(numbers(other)).toEqual(numbers(second));
  });
});
