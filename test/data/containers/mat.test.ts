/** .mat files as SciPy writes them (scripts/fixtures/containers.py), and files that no program wrote. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type MatValue, numbersOf, readMat, structsOf, textsOf } from '../../../src/data/containers/mat.ts';
import { Random } from '../../../src/tensor/random.ts';
import { mutated } from '../../mutated.ts';
import { codeBy } from '../../refusal.ts';

const fixture = (name: string) =>
  readFileSync(resolve(import.meta.dirname, '../../fixtures/data/containers', name));
const read = (name: string) => readMat(fixture(name), name);

const numbers = (dims: number[], ...values: number[]): MatValue => ({
  kind: 'numbers',
  dims,
  values: Float64Array.from(values),
});
const text = (...rows: string[]): MatValue => ({ kind: 'text', rows });
const cell = (...items: MatValue[]): MatValue => ({ kind: 'cell', dims: [1, items.length], items });

/** The 128 bytes before the variables; `order` is how this machine writes the number of "MI". */
function header(order = 'IM', version = 0x0100): Buffer {
  const bytes = Buffer.alloc(128);
  if (order === 'IM') bytes.writeUInt16LE(version, 124);
  else bytes.writeUInt16BE(version, 124);
  bytes.write(order, 126);
  return bytes;
}

/** A data element with its padding, in little-endian or big-endian form. */
function element(type: number, data: Uint8Array, big = false): Buffer {
  const tag = Buffer.alloc(8);
  for (const [i, value] of [type, data.length].entries()) {
    if (big) tag.writeUInt32BE(value, 4 * i);
    else tag.writeUInt32LE(value, 4 * i);
  }
  return Buffer.concat([tag, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
}

function int32s(values: readonly number[], big = false): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    if (big) bytes.writeInt32BE(value, 4 * i);
    else bytes.writeInt32LE(value, 4 * i);
  });
  return bytes;
}

/** A matrix of class `matrixClass` with the given sub-elements behind its name "x". */
function matrix(matrixClass: number, dims: readonly number[], content: Uint8Array, big = false): Buffer {
  const flags = int32s([matrixClass, 0], big);
  const parts = [
    element(6, flags, big),
    element(5, int32s(dims, big), big),
    element(1, Buffer.from('x'), big),
  ];
  return element(14, Buffer.concat([...parts, content]), big);
}

const STRUCT = 2;
const CELL = 1;
const DOUBLE = 6;

describe('what SciPy wrote', () => {
  test.each(['mixed.mat', 'mixed-plain.mat'])('%s', (name) => {
    const found = read(name);
    expect(Object.fromEntries(found)).toEqual({
      doubles: numbers([1, 3], 1.5, -2.5, 3.25),
      columns: numbers([2, 3], 1, 4, 2, 5, 3, 6),
      bytes: numbers([1, 2], 0, 255),
      wide: numbers([1, 1], -(2 ** 40)),
      single: numbers([1, 1], Math.fround(0.1)),
      truth: numbers([1, 2], 1, 0),
      text: text('Zürich 猫'),
      rows: text('ab ', 'cde'),
      cell: cell(text('x'), numbers([1, 1], 7), cell(text('inner'))),
      records: {
        kind: 'structs',
        dims: [1, 2],
        items: [
          new Map<string, MatValue>([
            ['name', text('first')],
            ['size', numbers([2, 2], 1, 3, 2, 4)],
          ]),
          new Map<string, MatValue>([
            ['name', text('second')],
            ['size', numbers([0, 0])],
          ]),
        ],
      },
      sparse: null,
      empty: numbers([0, 3]),
    });
  });

  test('lists of images as Stanford Cars, 102 Flowers and ImageNet have them', () => {
    const cars = read('cars.mat');
    const annotations = structsOf(cars.get('annotations'), 'annotations', 'cars.mat');
    expect(annotations.map((item) => textsOf(item.get('relative_im_path'), 'path', 'cars.mat'))).toEqual(
      [1, 2, 3, 4].map((i) => [`car_ims/00000${i}.jpg`]),
    );
    expect(annotations.map((item) => numbersOf(item.get('class'), 'class', 'cars.mat')[0])).toEqual([
      1, 2, 1, 2,
    ]);
    const names = ['AM General Hummer SUV 2000', 'Acura RL Sedan 2012'];
    expect(textsOf(cars.get('class_names'), 'class_names', 'cars.mat')).toEqual(names);

    const labels = numbersOf(read('flowers-labels.mat').get('labels'), 'labels', 'flowers-labels.mat');
    expect([...labels]).toEqual([1, 2, 3, 1, 2, 3]);
    const splits = read('flowers-splits.mat');
    expect([...numbersOf(splits.get('tstid'), 'tstid', 'flowers-splits.mat')]).toEqual([4, 5, 6]);

    const synsets = structsOf(read('synsets.mat').get('synsets'), 'synsets', 'synsets.mat');
    expect(synsets.map((item) => textsOf(item.get('words'), 'words', 'synsets.mat')[0])).toEqual([
      'kit fox',
      'English setter',
      'entity',
    ]);
  });

  test('the wrong variable is named', () => {
    const cars = read('cars.mat');
    expect(codeBy(() => numbersOf(cars.get('annotations'), 'annotations', 'cars.mat'))).toBe('MAT_CONTENT');
    expect(codeBy(() => structsOf(cars.get('class_names'), 'class_names', 'cars.mat'))).toBe('MAT_CONTENT');
    expect(codeBy(() => textsOf(cars.get('nothing'), 'nothing', 'cars.mat'))).toBe('MAT_CONTENT');
  });
});

test('big-endian files are read', () => {
  const content = element(5, int32s([1, -2], true), true);
  const file = Buffer.concat([header('MI'), matrix(12, [1, 2], content, true)]);
  expect(readMat(file, 'big').get('x')).toEqual(numbers([1, 2], 1, -2));
});

describe('refusals', () => {
  test('versions 4 and 7.3, and files of another kind', () => {
    expect(codeBy(() => read('mixed-4.mat'))).toBe('MAT_VERSION');
    expect(codeBy(() => readMat(header('IM', 0x0200), 'hdf5'))).toBe('MAT_VERSION');
    expect(codeBy(() => readMat(Buffer.alloc(0), 'empty'))).toBe('MAT_VERSION');
  });

  test('a variable that inflates to more than any list', () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 26 + 1));
    expect(codeBy(() => readMat(Buffer.concat([header(), element(15, bomb)]), 'bomb'))).toBe('MAT_SIZE');
    const half = element(15, deflateSync(element(9, Buffer.alloc(2 ** 25))));
    // Padding is not allowed behind compressed elements.
    const unpadded = half.subarray(0, 8 + half.readUInt32LE(4));
    const file = Buffer.concat([header(), unpadded, unpadded, unpadded]);
    expect(codeBy(() => readMat(file, 'bombs'))).toBe('MAT_SIZE');
  });

  test.each<[string, Buffer]>([
    ['a billion cells', matrix(CELL, [1, 1e9], Buffer.alloc(0))],
    ['negative sizes', matrix(DOUBLE, [-1, -1], element(9, Buffer.alloc(8)))],
    [
      'sizes whose product is no number',
      matrix(DOUBLE, Array(32).fill(2 ** 31 - 1), element(9, Buffer.alloc(8))),
    ],
    ['fewer numbers than the size says', matrix(DOUBLE, [1, 2], element(9, Buffer.alloc(8)))],
    ['numbers of an unknown type', matrix(DOUBLE, [1, 1], element(99, Buffer.alloc(8)))],
    ['structures without a width of names', matrix(STRUCT, [1, 1e9], element(5, int32s([0])))],
    ['an element longer than the file', Buffer.from(int32s([14, 2 ** 30]))],
    ['an element cut off', Buffer.from(int32s([14]))],
    ['a compressed element that is none', element(15, Buffer.from('no zlib stream'))],
    ['a text cut off', matrix(4, [1, 9], element(16, Buffer.from('short')))],
  ])('%s', (_, variable) => {
    expect(codeBy(() => readMat(Buffer.concat([header(), variable]), 'hostile'))).toBe('MAT_DAMAGED');
  });

  test('structures without fields are none, however many are claimed', () => {
    const content = Buffer.concat([element(5, int32s([32])), element(1, Buffer.alloc(0))]);
    const found = readMat(Buffer.concat([header(), matrix(STRUCT, [1, 1e9], content)]), 'x').get('x');
    expect(found).toEqual({ kind: 'structs', dims: [1, 1e9], items: [] });
  });

  test('cells in cells, a thousand levels deep', () => {
    let value = matrix(DOUBLE, [1, 1], element(9, Buffer.alloc(8)));
    for (let i = 0; i < 1000; i++) value = matrix(CELL, [1, 1], value);
    expect(codeBy(() => readMat(Buffer.concat([header(), value]), 'deep'))).toBe('MAT_DAMAGED');
  });

  test('two thousand damaged files are read or refused', () => {
    const files = ['mixed.mat', 'mixed-plain.mat', 'cars.mat', 'flowers-splits.mat'].map(fixture);
    const random = new Random(6, 'mat');
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const found = codeBy(() => readMat(mutated(files[i % files.length], random), 'fuzz'));
      expect(['accepted', 'MAT_DAMAGED', 'MAT_VERSION', 'MAT_SIZE']).toContain(found);
      if (found !== 'accepted') refused++;
    }
    expect(refused).toBeGreaterThan(500);
  });
});
