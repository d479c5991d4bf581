/** The examples run, as the people who read them would run them: losses fall, and the files they write can be used. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as graph from '../src/graph/index.ts';
import * as library from '../src/library.ts';
import { messagesOf, runCli } from './cli/run.ts';
import { colourFolder } from './colour-folder.ts';

const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'transferlab-examples-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

function run(example: string, ...args: string[]): { text: string; losses: number[] } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join('examples', `${example}.ts`), ...args],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  return { text: stdout, losses: [...stdout.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss)) };
}

test('train-by-hand: less than 30 lines from the network to its file, which computes what the training step does', () => {
  const code = readFileSync(join(root, 'examples/train-by-hand.ts'), 'utf8');
  const [, essence] = /(\/\/ The network:.*?)\/\/ The file gives/s.exec(code) ?? [];
  const lines = essence.split('\n').filter((line) => !/^\s*(\/\/.*)?$/.test(line));
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.length).toBeLessThan(30);
  const { text, losses } = run('train-by-hand', '31', at('stripes.onnx'));
  expect(losses.at(-1)).toBeLessThan(losses[0] / 3);
  expect(Number(/by at most (\S+)/.exec(text)?.[1])).toBeLessThan(1e-4);
});

test('train-classifier: learns, and transferlab predict reads its file', async () => {
  const file = at('textures.onnx');
  const { text, losses } = run('train-classifier', '50', file);
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  expect(Number(/([\d.]+)% of 200 test images/.exec(text)?.[1])).toBeGreaterThan(60);
  const pictures = await colourFolder({ red: 1 });
  const answer = await runCli('predict', file, join(pictures, 'red/0.png'), '--json');
  expect(messagesOf(answer)).toEqual([]);
  const [{ classes }] = JSON.parse(answer.stdout).answers;
  expect(classes).toHaveLength(3);
});

test('import-and-fine-tune: the demo network, and the file that this has written', () => {
  for (const [source, file] of [
    ['demo/mobilenet_v1_025', at('first.onnx')],
    [at('first.onnx'), at('second.onnx')],
  ]) {
    const { text, losses } = run('import-and-fine-tune', source, '21', file);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    expect(text).toContain(`written: ${file}`);
  }
});

test('every example is run here', () => {
  const names = readdirSync(join(root, 'examples')).map((name) => name.replace(/\.ts$/, ''));
  expect(names.sort()).toEqual(['import-and-fine-tune', 'train-by-hand', 'train-classifier']);
});

test('the door has every name that building graphs alone has', () => {
  expect(Object.keys(library)).toEqual(expect.arrayContaining(Object.keys(graph)));
});

/** Only what is built is imported by the package's name; `npm test` builds first. */
const built = join(root, 'dist/library.js');
const isBuilt = existsSync(built) && statSync(built).mtimeMs > statSync(join(root, 'src/library.ts')).mtimeMs;
test.skipIf(!isBuilt)(
  `the built package has the same door${isBuilt ? '' : ' (skipped: dist is older than the sources)'}`,
  () => {
    const program = "console.log(JSON.stringify(Object.keys(await import('transferlab/graph'))))";
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout).sort()).toEqual(Object.keys(library).sort());
  },
);
