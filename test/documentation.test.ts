/** What the documents promise: links lead somewhere, the example runs, schema and package exports are the present ones. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { OPTIONS } from '../src/cli/options.ts';
import { compareJsonSchema, studyJsonSchema } from '../src/report/index.ts';
import { PROTOCOLS, readStudy, studyFileJsonSchema } from '../src/study/index.ts';

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

/** What the first TypeScript example of a page prints, with the package's sources in place of the package. */
function printedBy(page: string): { code: string; printed: string } {
  const [, code] = /```ts\n(.*?)```/s.exec(read(page)) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'transferlab-example-'));
  const file = join(folder, 'example.mts');
  const sources = { transferlab: 'src/index.ts', 'transferlab/graph': 'src/library.ts' };
  const local = Object.entries(sources).reduce(
    (text, [name, path]) => text.replace(`'${name}'`, `'${pathToFileURL(join(root, path))}'`),
    code,
  );
  writeFileSync(file, local);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe('');
  return { code, printed: stdout.trim() };
}

test('the library example of the README prints what its last comment says', () => {
  const { code, printed } = printedBy('README.md');
  expect(printed).toBe(/console\.log\(.*\/\/ (.*)/.exec(code)?.[1]);
});

test('the graph of docs/how-it-works.md is the one that its example prints', () => {
  const page = 'docs/how-it-works.md';
  const printed = printedBy(page).printed.split('\n');
  const shown = [...read(page).matchAll(/```text\n(.*?)```/gs)].flatMap(([, text]) =>
    text.trim().split('\n'),
  );
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter((line) => !printed.includes(line))).toEqual([]);
});

test('the README knows the protocols, and names no option that does not exist', () => {
  const text = read('README.md');
  for (const { name } of PROTOCOLS) expect(text).toContain(`| \`${name}\` |`);
  const flags = Object.values(OPTIONS).map(({ flags }) => flags.split(' ')[0]);
  const named = [...text.matchAll(/(?<=[\s`])--[a-z][a-z-]*/g)].map(([flag]) => flag);
  expect(named.filter((flag) => !(flags as string[]).includes(flag))).toEqual([]);
});

test.each([
  ['compare.json', compareJsonSchema],
  ['study-document.json', studyJsonSchema],
  ['study.json', studyFileJsonSchema],
])('the schema %s in docs/schemas is that of the program', async (file, schemaOf) => {
  const schema = `${JSON.stringify(schemaOf(), null, 2)}\n`;
  await expect(schema).toMatchFileSnapshot(`../docs/schemas/${file}`);
});

test.each(readdirSync(join(root, 'studies')))(
  'studies/%s is a study, and says so to editors',
  async (file) => {
    const path = join(root, 'studies', file);
    const variables = [...readFileSync(path, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    for (const name of variables) process.env[name] ??= '/data';
    expect((await readStudy(path)).models.length).toBeGreaterThan(3);
    expect(readFileSync(path, 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/docs\/schemas\/study\.json\n/,
    );
  },
);

test('every export of the package has its source', () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, { default?: string }> };
  const targets = Object.values(exports).flatMap((entry) => entry.default ?? []);
  const sources = targets.map((path) => path.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
  expect(sources).toContain('src/index.ts');
  expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
