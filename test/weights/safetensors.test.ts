/** Safetensors: what is written is read again, other types are converted, and every malformed file is refused by code. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { float32, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';
import { refusing } from '../../src/util/refuse.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/index.ts';
import { encodeSafetensors } from '../../src/weights/safetensors.ts';
import { parseHeader } from '../../src/weights/safetensors-header.ts';
import { refusalOf } from '../refusal.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
  path = join(folder, 'file.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

function fileBytes(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  claimed?: bigint,
): Buffer {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}

async function read(bytes: Uint8Array) {
  await writeFile(path, bytes);
  return readSafetensors(path);
}

const refusal = (bytes: Uint8Array) => refusalOf(read(bytes));

const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: offsets,
});

describe('round trip', () => {
  const numbers = fc.array(fc.float({ noNaN: true }), { maxLength: 12 });
  const content = fc.dictionary(
    fc
      .string({ maxLength: 12 })
      .filter((name) => name !== '__metadata__' && !name.endsWith('num_batches_tracked')),
    numbers,
    { maxKeys: 6 },
  );

  test('any names, numbers and metadata survive, bit by bit', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.dictionary(fc.string(), fc.string()), async (lists, metadata) => {
        const tensors = new Map(
          Object.entries(lists).map(([name, list]) => [name, float32([1, list.length], list)] as const),
        );
        await writeSafetensors(path, tensors, metadata);
        expect(Buffer.from(encodeSafetensors(tensors, metadata)).equals(await readFile(path))).toBe(true);
        const file = await readSafetensors(path);
        expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect([...file.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
        for (const [name, { shape, data }] of tensors) {
          expect(file.tensors.get(name)).toEqual({ dtype: 'float32', shape, data });
        }
      }),
      { numRuns: 150 },
    );
  });

  test('the order of tensors and metadata does not change the bytes', async () => {
    const tensors: [string, Tensor<'float32'>][] = [
      ['b', float32([2], [1, 2])],
      ['a', float32([], [3])],
    ];
    await writeSafetensors(path, new Map(tensors), { y: '1', x: '2' });
    const first = await readFile(path);
    await writeSafetensors(path, new Map(tensors.reverse()), { x: '2', y: '1' });
    expect(await readFile(path)).toEqual(first);
    expect(first.readBigUInt64LE() % 8n).toBe(0n);
  });

  test('a failed write leaves neither a file nor a part of one', async () => {
    const target = join(folder, 'absent', 'file.safetensors');
    await expect(writeSafetensors(target, new Map())).rejects.toThrow('ENOENT');
    const occupied = join(folder, 'occupied');
    await writeSafetensors(join(folder, 'kept.safetensors'), new Map());
    await expect(writeSafetensors(`${occupied}/x/y`, new Map())).rejects.toThrow('ENOENT');
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('types', () => {
  const header = (dtype: string, bytes: number, shape: number[]) =>
    JSON.stringify({ x: entry(shape, [0, bytes], dtype) });
  const values = [0, 1, -2, 0.5, 65504, 2 ** -24, -1.5 * 2 ** -14];

  test('binary16, by its definition', async () => {
    const halves = Uint16Array.of(0, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0x8600, 0x7c00, 0xfc00, 0x7e00);
    const { tensors } = await read(fileBytes(header('F16', 20, [10]), new Uint8Array(halves.buffer)));
    const infinite = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    expect([...tensors.get('x')!.data]).toEqual([...values, ...infinite]);
  });

  test('bfloat16 and float64', async () => {
    const bfloat = Uint16Array.of(0x3f80, 0xc040, 0x0000, 0x4049);
    const small = await read(fileBytes(header('BF16', 8, [2, 2]), new Uint8Array(bfloat.buffer)));
    expect([...small.tensors.get('x')!.data]).toEqual([1, -3, 0, 3.140625]);
    const doubles = Float64Array.from(values);
    const large = await read(fileBytes(header('F64', 56, [7]), new Uint8Array(doubles.buffer)));
    expect([...large.tensors.get('x')!.data]).toEqual(values);
  });

  test('a float32 that no alignment allows to view is copied', async () => {
    const data = Buffer.alloc(6);
    data.writeFloatLE(1.25, 2);
    const json = JSON.stringify({ half: entry([1], [0, 2], 'F16'), x: entry([1], [2, 6]) });
    expect([...(await read(fileBytes(json, data))).tensors.get('x')!.data]).toEqual([1.25]);
  });

  test('counters are left out, other integers refused', async () => {
    const eight = new Uint8Array(8);
    const counter = JSON.stringify({ 'bn.num_batches_tracked': entry([], [0, 8], 'I64') });
    expect((await read(fileBytes(counter, eight))).tensors.size).toBe(0);
    expect((await refusal(fileBytes(header('I64', 8, [1]), eight))).code).toBe('SAFETENSORS_TYPE');
  });
});

describe('refusals', () => {
  const one = new Uint8Array(4);
  const json = (value: unknown) => JSON.stringify(value);
  const cases: [string, Buffer, string][] = [
    ['an empty file', Buffer.alloc(0), 'SAFETENSORS_LENGTH'],
    ['seven bytes', Buffer.alloc(7), 'SAFETENSORS_LENGTH'],
    ['a header longer than the file', fileBytes('{}', one, 7n), 'SAFETENSORS_LENGTH'],
    ['a header of 2^64 - 1 bytes', fileBytes('{}', one, 2n ** 64n - 1n), 'SAFETENSORS_LENGTH'],
    ['a header of 2^53 bytes', fileBytes('{}', one, 2n ** 53n), 'SAFETENSORS_LENGTH'],
    ['no header', fileBytes(''), 'SAFETENSORS_HEADER'],
    ['text that is not JSON', fileBytes('{"x":'), 'SAFETENSORS_HEADER'],
    ['bytes that are not UTF-8', fileBytes(Uint8Array.of(0x7b, 0xff, 0x7d)), 'SAFETENSORS_HEADER'],
    ['a list', fileBytes('[]'), 'SAFETENSORS_HEADER'],
    ['null', fileBytes('null'), 'SAFETENSORS_HEADER'],
    ['deep nesting', fileBytes('['.repeat(200_000)), 'SAFETENSORS_HEADER'],
    ['a tensor that is a number', fileBytes('{"x":1}'), 'SAFETENSORS_HEADER'],
    [
      'a name twice',
      fileBytes(`{"x":${json(entry([1], [0, 4]))},"\\u0078":${json(entry([1], [0, 4]))}}`, one),
      'SAFETENSORS_DUPLICATE',
    ],
    [
      'a field twice',
      fileBytes('{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', one),
      'SAFETENSORS_DUPLICATE',
    ],
    ['metadata with a number', fileBytes('{"__metadata__":{"a":1}}'), 'SAFETENSORS_METADATA'],
    ['metadata as a list', fileBytes('{"__metadata__":[]}'), 'SAFETENSORS_METADATA'],
    ['an unknown type', fileBytes(json({ x: entry([1], [0, 4], 'F99') }), one), 'SAFETENSORS_TYPE'],
    [
      'a type from the prototype',
      fileBytes(json({ x: entry([1], [0, 4], 'toString') }), one),
      'SAFETENSORS_TYPE',
    ],
    ['a type that is no text', fileBytes(json({ x: entry([1], [0, 4], 32) }), one), 'SAFETENSORS_TYPE'],
    ['a negative extent', fileBytes(json({ x: entry([-1], [0, 4]) }), one), 'SAFETENSORS_SHAPE'],
    ['a fractional extent', fileBytes(json({ x: entry([0.5], [0, 4]) }), one), 'SAFETENSORS_SHAPE'],
    ['an extent of 2^53', fileBytes(json({ x: entry([2 ** 53], [0, 4]) }), one), 'SAFETENSORS_SHAPE'],
    [
      'extents whose product overflows',
      fileBytes(json({ x: entry([2 ** 40, 2 ** 40], [0, 4]) }), one),
      'SAFETENSORS_SHAPE',
    ],
    [
      'extents whose product is 4 modulo 2^64',
      fileBytes(json({ x: entry([2 ** 32, 2 ** 32, 1], [0, 4]) }), one),
      'SAFETENSORS_SHAPE',
    ],
    ['a shape that is no list', fileBytes(json({ x: entry('1', [0, 4]) }), one), 'SAFETENSORS_SHAPE'],
    ['no shape', fileBytes('{"x":{"dtype":"F32","data_offsets":[0,4]}}', one), 'SAFETENSORS_SHAPE'],
    [
      'fewer bytes than the shape needs',
      fileBytes(json({ x: entry([2], [0, 4]) }), one),
      'SAFETENSORS_SHAPE',
    ],
    ['offsets beyond the file', fileBytes(json({ x: entry([2], [0, 8]) }), one), 'SAFETENSORS_OFFSETS'],
    ['offsets in the wrong order', fileBytes(json({ x: entry([1], [4, 0]) }), one), 'SAFETENSORS_OFFSETS'],
    ['one offset', fileBytes(json({ x: entry([1], [4]) }), one), 'SAFETENSORS_OFFSETS'],
    ['negative offsets', fileBytes(json({ x: entry([1], [-4, 0]) }), one), 'SAFETENSORS_OFFSETS'],
    [
      'overlapping tensors',
      fileBytes(json({ x: entry([1], [0, 4]), y: entry([1], [0, 4]) }), one),
      'SAFETENSORS_OFFSETS',
    ],
    [
      'a hole at the start',
      fileBytes(json({ x: entry([1], [4, 8]) }), new Uint8Array(8)),
      'SAFETENSORS_OFFSETS',
    ],
    [
      'bytes after the last tensor',
      fileBytes(json({ x: entry([1], [0, 4]) }), new Uint8Array(8)),
      'SAFETENSORS_OFFSETS',
    ],
    ['bytes and no tensor', fileBytes('{}', one), 'SAFETENSORS_OFFSETS'],
  ];

  test.each(cases)('%s', async (_, bytes, code) => {
    const error = await refusal(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toContain(path);
  });

  test.each([
    ['dtype', 'SAFETENSORS_TYPE'],
    ['shape', 'SAFETENSORS_SHAPE'],
    ['data_offsets', 'SAFETENSORS_OFFSETS'],
  ])('a %s that is nested without end', async (field, code) => {
    const nested = '['.repeat(200_000) + ']'.repeat(200_000);
    const good = JSON.stringify({ ...entry([1], [0, 4]), [field]: 'NESTED' });
    const error = await refusal(fileBytes(`{"x":${good.replace('"NESTED"', nested)}}`, one));
    expect(error.code).toBe(code);
    expect(error.message).toContain('a list');
  });

  test('no file, and a folder', async () => {
    await expect(readSafetensors(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await expect(readSafetensors(folder)).rejects.toBeInstanceOf(UserError);
  });

  test('a tensor called __proto__ is a tensor', async () => {
    const bytes = fileBytes(`{"__proto__":${json(entry([1], [0, 4]))}}`, one);
    expect([...(await read(bytes)).tensors.keys()]).toEqual(['__proto__']);
  });
});

/** Accepted, or refused with a UserError: nothing else may happen, and what is accepted fits its bytes. */
describe('fuzzing', () => {
  const valid = Buffer.from(
    JSON.stringify({
      __metadata__: { source: 'a "quoted" text' },
      'layer.weight': entry([2, 3], [0, 24]),
      'layer.bias': entry([2], [24, 32]),
      half: entry([4], [32, 40], 'F16'),
      scalar: entry([], [40, 44]),
    }),
  );
  const refuse = refusing('fuzz', 'safetensors');

  function accepts(bytes: Uint8Array, dataBytes: number): boolean {
    try {
      const { tensors } = parseHeader(bytes, dataBytes, refuse);
      const total = tensors.reduce((sum, { begin, end }) => sum + end - begin, 0);
      expect(total).toBe(dataBytes);
      for (const { shape, begin, end } of tensors) expect(sizeOf(shape)).toBeLessThanOrEqual(end - begin);
      return true;
    } catch (error) {
      if (!(error instanceof UserError) || !error.code.startsWith('SAFETENSORS_')) throw error;
      return false;
    }
  }

  test('the header that is mutated is valid', () => expect(accepts(valid, 44)).toBe(true));

  test('4,000 headers with a few changed bytes', () => {
    const alphabet = fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:0123456789-eE.\\ F')), fc.nat(255));
    const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), alphabet), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = Buffer.from(valid);
        for (const [position, byte] of list) bytes[position] = byte;
        accepts(bytes, 44);
      }),
      { numRuns: 4000 },
    );
  });

  test('2,000 headers of well-formed JSON with any values', () => {
    const extent = fc.oneof(fc.nat(8), fc.integer(), fc.double(), fc.constant(2 ** 53));
    const tensor = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'I64', 'BOOL'), fc.jsonValue()),
        shape: fc.oneof(fc.array(extent, { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.array(extent, { maxLength: 3 }), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const root = fc.dictionary(fc.string(), fc.oneof(tensor, fc.jsonValue()));
    fc.assert(
      fc.property(root, fc.nat(64), (value, dataBytes) => {
        accepts(Buffer.from(JSON.stringify(value)), dataBytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('300 whole files cut off or with a changed length', async () => {
    const whole = fileBytes(valid, new Uint8Array(44));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), fc.nat(255), async (length, at, byte) => {
        expect((await refusal(whole.subarray(0, length))).code).toMatch(/^SAFETENSORS_/);
        const changed = Buffer.from(whole);
        changed[at] ^= byte;
        if (byte > 0) expect((await refusal(changed)).code).toMatch(/^SAFETENSORS_/);
      }),
      { numRuns: 300 },
    );
  });
});
