/**
 * Designs as files, JSON and words; trees of labels and tables; and the published label maps of ImageNet (Huh et al.
 * 2016), whose merged classes are counted.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutTree, readTable } from '../../../src/data/designs/label-table.ts';
import { readDesign } from '../../../src/data/designs/read.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { folderOf } from '../pictures.ts';

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (thrown) => thrown,
  );
  return error === null ? 'none' : error.code;
}

describe('designs', () => {
  test('in words', async () => {
    expect(await readDesign('drop-classes=a b+c, draw-classes=5, per-class=10, seed=3')).toEqual({
      steps: [
        { kind: 'drop-classes', classes: ['a b', 'c'] },
        { kind: 'draw-classes', n: 5, seed: 3 },
        { kind: 'per-class', n: 10, seed: 3 },
      ],
    });
    expect(await readDesign('total=80+20')).toEqual({
      steps: [{ kind: 'total', n: { train: 80, validation: 20 }, seed: 0 }],
    });
    for (const text of ['fraction=0.25', 'fraction=25%'])
      expect(await readDesign(text)).toEqual({ steps: [{ kind: 'fraction', share: 0.25, seed: 0 }] });
  });

  test('as a file with a tree, a table and steps with seeds of their own', async () => {
    const folder = await folderOf({
      'designs/all.json': JSON.stringify({
        name: 'all of it',
        seed: 7,
        steps: [
          { kind: 'drop-classes', table: '../tables/drop.csv', column: 'class' },
          { kind: 'keep-classes', classes: ['beagle', 'pug', 'chair'] },
          { kind: 'merge-classes', tree: '../tree.json', depth: 2, about: 'two levels' },
          { kind: 'merge-classes', tree: { animal: { dog: ['beagle'] } } },
          {
            kind: 'merge-classes',
            table: '../tables/map.csv',
            from: 'class',
            to: 'two',
            names: '../names.txt',
          },
          { kind: 'merge-classes', into: { a: 'b' } },
          { kind: 'per-class', n: { train: 8, validation: 2 }, upTo: true },
          { kind: 'total', n: 100, seed: -1 },
          { kind: 'fraction', share: 1 },
        ],
      }),
      'tables/drop.csv': '\uFEFF# from somewhere\nn,class\r\n1,"a, b"\r\n2,"say ""c"""\r\n2,"say ""c"""\r\n',
      'tables/map.csv': 'class,two\nbeagle,1\nchair,0',
      'names.txt': 'things\nanimals\n',
      'tree.json': JSON.stringify({ animal: { dog: ['beagle', 'pug'], cat: ['siamese'] }, thing: ['chair'] }),
    });
    expect(await readDesign(join(folder, 'designs/all.json'))).toEqual({
      name: 'all of it',
      steps: [
        { kind: 'drop-classes', classes: ['a, b', 'say "c"'] },
        { kind: 'keep-classes', classes: ['beagle', 'pug', 'chair'] },
        {
          kind: 'merge-classes',
          into: { beagle: 'dog', pug: 'dog', siamese: 'cat', chair: 'chair' },
          about: 'two levels',
        },
        { kind: 'merge-classes', into: { beagle: 'animal' } },
        { kind: 'merge-classes', into: { beagle: 'animals', chair: 'things' }, about: 'two' },
        { kind: 'merge-classes', into: { a: 'b' } },
        { kind: 'per-class', n: { train: 8, validation: 2 }, upTo: true, seed: 7 },
        { kind: 'total', n: 100, seed: -1 },
        { kind: 'fraction', share: 1, seed: 7 },
      ],
    });
  });

  test.each([
    ['DESIGN_UNREADABLE', 'no-such-file.json'],
    ['DESIGN_FORM', '{"steps": [}'],
    ['DESIGN_FORM', '{"steps": []}'],
    ['DESIGN_FORM', '{"steps": [null]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "per-clas", "n": 1}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "per-class", "m": 1}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "per-class", "n": 0}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "per-class", "n": 1e99}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "per-class", "n": 5, "upTo": "yes"}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "total", "n": {"train": 5}}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "fraction", "share": 1.5}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "keep-classes", "classes": "cat"}]}'],
    ['DESIGN_FORM', '{"steps": [{"kind": "merge-classes"}]}'],
    ['DESIGN_FORM', '{"seed": 0.5, "steps": [{"kind": "fraction", "share": 1}]}'],
    ['DESIGN_FORM', 'per-class=ten'],
    ['DESIGN_FORM', 'per-class=5,upto'],
    ['DESIGN_FORM', 'merge-classes=a'],
    ['DESIGN_TREE', '{"steps": [{"kind": "merge-classes", "tree": {"a": "b"}}]}'],
  ])('%s: %s', async (code, text) => expect(await codeOf(readDesign(text))).toBe(code));

  test('in files far larger than any design are not read', async () => {
    const folder = await folderOf({ 'design.json': ' '.repeat(17 << 20) });
    expect(await codeOf(readDesign(join(folder, 'design.json')))).toBe('DESIGN_UNREADABLE');
  });
});

describe('trees of labels', () => {
  const tree = {
    animal: { dog: { small: ['pug'], large: ['boxer'] }, cat: ['tabby'] },
    thing: ['chair', 'lamp'],
  };

  test.each([
    [1, ['animal', 'animal', 'animal', 'thing', 'thing']],
    [2, ['dog', 'dog', 'cat', 'chair', 'lamp']],
    [3, ['small', 'large', 'tabby', 'chair', 'lamp']],
    [9, ['pug', 'boxer', 'tabby', 'chair', 'lamp']],
  ])('cut at depth %i', (depth, merged) => {
    const into = cutTree(tree, depth);
    expect(Object.keys(into)).toEqual(['pug', 'boxer', 'tabby', 'chair', 'lamp']);
    expect(Object.values(into)).toEqual(merged);
  });

  test('that contradict themselves are refused', () => {
    const nested = Array.from({ length: 5000 }).reduce<unknown>((below) => ({ a: below }), ['x']);
    for (const bad of [
      { a: ['x'], b: ['x'] },
      { a: { c: ['x'] }, b: { c: ['y'] } },
      { a: [['x']] },
      { a: null },
      ['x', 5],
      'x',
      nested,
    ])
      expect(() => cutTree(bad, 2)).toThrow('The tree of labels');
  });
});

describe('tables', () => {
  test('give back whatever was written with quotes', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'é', '#') });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { minLength: 1 }), (rows) => {
        const text = `x,y\n${rows.map((row) => row.map(quoted).join(',')).join('\n')}\n`;
        expect(readTable(text, 'table')).toEqual(rows.map(([x, y]) => ({ x, y })));
      }),
    );
  });

  test('of another form are refused', () => {
    expect(() => readTable('', 't.csv')).toThrow('The table t.csv is empty');
    expect(() => readTable('a,b\n1', 't.csv')).toThrow('1 fields instead of 2 in row 1');
  });
});

describeShared('label sets of Huh et al.', () => {
  const path = (name: string) => sharedPath('tables', 'huh_label_sets', name);
  const merge = async (to: string, names?: string) => {
    const step = { kind: 'merge-classes', table: path('label_maps.csv'), from: 'wnid', to, names };
    const [read] = (await readDesign(JSON.stringify({ steps: [step] }))).steps;
    return read.kind === 'merge-classes' ? read.into : {};
  };

  test.each(['down_up_918', 'down_up_79', 'down_up_9', 'up_down_127', 'up_down_10', 'up_down_2'])(
    '%s merges 1,000 classes into as many as its name says',
    async (to) => {
      const into = await merge(to);
      expect(Object.keys(into)).toHaveLength(1000);
      expect(new Set(Object.values(into)).size).toBe(Number(to.split('_')[2]));
    },
  );

  test('names merged classes by the lines of a file', async () => {
    const into = await merge('up_down_2', path('hierarchy/synset_words_up_down_2.txt'));
    expect(new Set(Object.values(into)).size).toBe(2);
    for (const name of Object.values(into)) expect(name).toMatch(/^n\d{8} \w+/);
  });

  test('leave 771 classes without those of PASCAL', async () => {
    const step = { kind: 'drop-classes', table: path('pascal_overlap.csv'), column: 'wnid' };
    const [read] = (await readDesign(JSON.stringify({ steps: [step] }))).steps;
    const all = Object.keys(await merge('up_down_2'));
    const dropped = new Set(read.kind === 'drop-classes' ? read.classes : []);
    expect(all.filter((wnid) => !dropped.has(wnid))).toHaveLength(771);
  });
});
