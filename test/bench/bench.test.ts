/** The bench itself: its table of rows, its command line, and that sides run, take turns and are compared. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { measureRow, median, type Outcome } from '../../bench/measure.ts';
import { parseOptions } from '../../bench/options.ts';
import { readmeOf } from '../../bench/results.ts';
import { ROWS, type Row, rowsNamed } from '../../bench/rows.ts';
import { findModel } from '../../src/models/index.ts';

const root = resolve(import.meta.dirname, '../..');

async function bench(...args: string[]): Promise<string> {
  const command = ['--import', 'tsx', 'bench/main.ts', ...args];
  return (await promisify(execFile)(process.execPath, command, { cwd: root })).stdout;
}

const selftest = rowsNamed('selftest')[0];

describe('rows', () => {
  test('have names of their own and programs that exist', () => {
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
    for (const { ours, peers, check, prepare } of ROWS) {
      const programs = [ours, ...peers, ...(check ? [check] : [])].map(({ program }) => program);
      for (const program of [...programs, ...(prepare ? [prepare] : [])]) {
        expect(existsSync(resolve(root, 'bench', program)), program).toBe(true);
      }
    }
  });

  test('are found by name and by group', () => {
    expect(rowsNamed('train/resnet18-64').map(({ name }) => name)).toEqual(['train/resnet18-64']);
    const training = ROWS.filter(({ name }) => name.startsWith('train/'));
    expect(rowsNamed('train')).toEqual(training);
    expect(rowsNamed('train/')).toEqual(training);
    expect(rowsNamed('train/resnet')).toEqual([]);
  });

  test('ask for networks that are registered', () => {
    const named = ROWS.flatMap(({ options }) => (typeof options.model === 'string' ? [options.model] : []));
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(findModel(name).featureSize).toBeGreaterThan(0);
  });

  test('tell PyTorch the multiply-adds that our own graph counts', () => {
    const [{ options }] = rowsNamed('peak/resnet50');
    expect(options.multiplyAdds).toBe(findModel(String(options.model)).multiplyAdds);
  });
});

describe('the command line', () => {
  test('runs every row but the selftest unless told otherwise', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ json: false, quick: false, repetitions: undefined });
    expect(options !== 'help' && options.rows.length).toBe(ROWS.length - 1);
  });

  test('takes a row, threads and repetitions', () => {
    const options = parseOptions(['--only', 'selftest', '--threads', '3', '--repetitions', '4', '--json']);
    expect(options).toMatchObject({ rows: [selftest], threads: 3, repetitions: 4, json: true });
  });

  test.each([
    [['--only', 'train/nothing'], 'no row "train/nothing"'],
    [['--threads', '0'], '--threads must be a whole number'],
    [['--repetitions', 'many'], '--repetitions must be a whole number'],
    [['--fast'], '--fast'],
  ])('%j is refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  test('lists the rows', async () => {
    const lines = (await bench('--list')).trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(
      ROWS.map(({ name }) => name).filter((name) => name !== 'selftest'),
    );
  });

  test('measures one row and prints it as JSON alone', async () => {
    const outcome = JSON.parse(await bench('--only', 'selftest', '--json', '--threads', '1')) as Outcome;
    expect(outcome).toMatchObject({ row: 'selftest', unit: 's', threads: 1, repetitions: 3, skipped: null });
    expect(outcome.ours).toBeGreaterThan(0);
    expect(outcome.ratio).toBeCloseTo(outcome.peer! / outcome.ours, 10);
    // Both sides made the same product of matrices of ones.
    expect(outcome.details).toEqual({ 'ours.sample': 64, 'peer.sample': 64 });
  });
});

describe('measuring', () => {
  const quiet = { threads: 1, repetitions: 2, onProgress: () => {} };
  // Two sides without the engine, which start faster.
  const [loops] = selftest.peers;
  const light: Row = { ...selftest, ours: loops, peers: [] };

  test('a peer that is not there is skipped with the reason', async () => {
    const peers = [{ name: 'nobody', program: 'peers/selftest.py', needs: ['a_package_that_nobody_has'] }];
    const outcome = await measureRow({ ...light, peers }, quiet);
    expect(outcome).toMatchObject({ peer: null, ratio: null, spread: null });
    expect(outcome.skipped).toContain('a_package_that_nobody_has');
    expect(readmeOf({ machine: {}, outcomes: [{ ...outcome, row: 'train/resnet18-64' }] })).toContain(
      'a_package_that_nobody_has',
    );
  });

  test('a side that ends early is reported with what it said', async () => {
    const broken: Row = { ...light, options: { size: 1e6 } };
    const message = /JavaScript loops \(peers\/selftest\.mjs\) ended early:[\s\S]*RangeError/;
    await expect(measureRow(broken, quiet)).rejects.toThrow(message);
  });

  test('the better of several peers counts', async () => {
    const slower = { ...loops, name: 'more work', options: { size: 160 } };
    const { peerName } = await measureRow({ ...light, peers: [slower, loops] }, quiet);
    expect(peerName).toBe(loops.name);
  });

  test('parts of a repetition are added up', async () => {
    const outcome = await measureRow({ ...light, parts: 3 }, quiet);
    expect(outcome).toMatchObject({
      repetitions: 2,
      peer: null,
      skipped: null,
      details: { 'ours.sample': 192 },
    });
  });

  test('medians', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
