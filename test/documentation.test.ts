/** What the documents promise: links lead somewhere, the example runs, schema and package exports are the present ones. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { OPTIONS } from '../src/cli/options.ts';
import { compareJsonSchema } from '../src/report/index.ts';
import { PROTOCOLS } from '../src/study/index.ts';

const root = resolve(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const pages = ['.', 'docs', 'docs/decisions'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

test.each(pages)('relative links of %s', (page) => {
  const targets = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target);
  const broken = targets.filter((target) => !existsSync(resolve(root, dirname(page), target)));
  expect(broken).toEqual([]);
});

test('the library example of the README prints what its last comment says', () => {
  const [, code] = /```ts\n(.*?)```/s.exec(read('README.md')) ?? [];
  const [, promised] = /console\.log\(.*\/\/ (.*)/.exec(code) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'transferlab-readme-'));
  const file = join(folder, 'example.mts');
  writeFileSync(file, code.replace("'transferlab'", `'${pathToFileURL(join(root, 'src/index.ts'))}'`));
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe(promised);
});

test('the README knows the protocols, and names no option that does not exist', () => {
  const text = read('README.md');
  for (const { name } of PROTOCOLS) expect(text).toContain(`| \`${name}\` |`);
  const flags = Object.values(OPTIONS).map(({ flags }) => flags.split(' ')[0]);
  const named = [...text.matchAll(/(?<=[\s`])--[a-z][a-z-]*/g)].map(([flag]) => flag);
  expect(named.filter((flag) => !(flags as string[]).includes(flag))).toEqual([]);
});

test('the schema in docs/schemas is that of the program', async () => {
  const schema = `${JSON.stringify(compareJsonSchema(), null, 2)}\n`;
  await expect(schema).toMatchFileSnapshot('../docs/schemas/compare.json');
});

test('every export of the package has its source', () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, { default?: string }> };
  const targets = Object.values(exports).flatMap((entry) => entry.default ?? []);
  const sources = targets.map((path) => path.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
  expect(sources).toContain('src/index.ts');
  expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
