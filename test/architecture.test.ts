/**
 * Holds ARCHITECTURE.md to its word: which folder may import which, which folder may import which package. And no
 * import cycles between files.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');

interface Import {
  /** The importing file, relative to src. */
  readonly from: string;
  /** The imported file, relative to src, or a package. */
  readonly to: string;
  readonly isPackage: boolean;
  /** Erased by the compiler, so that it cannot make a cycle at run time. */
  readonly typeOnly: boolean;
}

/** What one file imports: `import`, `export from`, and `import()` of a literal, as value or as type. */
function importsOf(path: string): Import[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const isPackage = !specifier.text.startsWith('.');
    const to = isPackage
      ? packageOf(specifier.text)
      : relative(source, resolve(dirname(path), specifier.text));
    found.push({ from: relative(source, path), to, isPackage, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** `drizzle-orm/pglite` is part of `drizzle-orm`, `@scope/name/part` of `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `graph/ops.ts` -> `graph`; files directly in src are the public API, ``. */
const folderOf = (file: string) => (file.includes('/') ? file.split('/')[0] : '');

/** The rows of the table under a heading of ARCHITECTURE.md: first column -> names in the second. */
function tableUnder(heading: string): Map<string, string[]> {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\| `(.+?)` \| (.*?) \|/gm)];
  return new Map(rows.map(([, name, list]) => [name, [...list.matchAll(/`(.+?)`/g)].map(([, n]) => n)]));
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);
const imports = files.flatMap((name) => importsOf(join(source, name)));
const show = ({ from, to }: Import) => `${from} imports ${to}`;

describe('folders', () => {
  const allowed = tableUnder('Who may import whom');
  const folders = new Set(files.map(folderOf).filter((folder) => folder !== ''));

  test('every folder has its row, and every row its folder', () => {
    expect([...allowed.keys()].sort()).toEqual([...folders].sort());
  });

  test('a folder imports only what its row allows', () => {
    const wrong = imports.filter(({ from, to, isPackage }) => {
      const [importer, imported] = [folderOf(from), folderOf(to)];
      if (isPackage || importer === '' || importer === imported || imported === 'util') return false;
      return !allowed.get(importer)?.includes(imported);
    });
    expect(wrong.map(show)).toEqual([]);
  });
});

describe('packages', () => {
  const owners = tableUnder('Which folder may import which package');
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

  test('every dependency has its row, and every row its dependency', () => {
    expect([...owners.keys()].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  test('a package is imported only where its row says', () => {
    const wrong = imports.filter(
      ({ from, to, isPackage }) =>
        isPackage && !to.startsWith('node:') && !owners.get(to)?.includes(folderOf(from)),
    );
    expect(wrong.map(show)).toEqual([]);
  });
});

test('no file imports itself by way of others', () => {
  const next = new Map(files.map((file) => [file, [] as string[]]));
  for (const { from, to, isPackage, typeOnly } of imports)
    if (!isPackage && !typeOnly) next.get(from)?.push(to);
  expect(findCycle(next)).toBeUndefined();
});

/** Depth-first search; the files of the first cycle found, in order. */
function findCycle(next: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const search = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const imported of next.get(file) ?? []) {
      const cycle = search(imported, [...path, file]);
      if (cycle) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const cycle = search(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

test('the search for cycles finds one', () => {
  const next = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', []],
    ['d', ['b']],
  ]);
  expect(findCycle(next)).toEqual(['b', 'd', 'b']);
});

test('the reader of imports sees every form', () => {
  const seen = imports.filter(({ from }) => from === 'cli/main.ts').map(({ to }) => to);
  expect(seen).toEqual(expect.arrayContaining(['commander', 'cli/options.ts', 'cli/commands/compare.ts']));
  expect(imports).toContainEqual({
    from: 'runtime/executable.ts',
    to: 'onnxruntime-node',
    isPackage: true,
    typeOnly: true,
  });
});
