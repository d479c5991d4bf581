/**
 * Files that claim to be PyTorch's: each is refused by a UserError of its kind, and nothing larger than the file is
 * taken for it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/util/byte-source.ts';
import { readTensors } from '../../src/weights/tensor-file.ts';
import { openTorch } from '../../src/weights/torch/torch-file.ts';
import { refusalOf } from '../refusal.ts';
import {
  bytes,
  called,
  integer,
  long,
  named,
  pickleOf,
  tensorOf,
  text,
  torchZip,
  tuple,
  uint32,
  zip,
} from './archives.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/torch');

/** All tensors of a file. No piece that is read is larger than the file. */
async function read(file: Uint8Array) {
  const source = memorySource(file);
  const opened = await openTorch(
    {
      size: source.size,
      close: source.close,
      read(position, length) {
        expect(length).toBeLessThanOrEqual(file.length);
        return source.read(position, length);
      },
    },
    'hostile.pth',
  );
  return readTensors(opened, opened.shapes.keys());
}

const refusal = (file: Uint8Array) => refusalOf(read(file));

const ONE: [string, Uint8Array] = ['x', tensorOf()];
const inZip = (...body: (number | string | Uint8Array)[]) => torchZip(bytes(0x80, 2, ...body));
const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

test('what the refused files are made of is accepted', async () => {
  const tensors = await read(torchZip(pickleOf(ONE)));
  expect([...tensors.get('x')!.data]).toEqual([1, 2, 3, 4]);
});

describe('pickles that would run something', () => {
  test.each([
    ['posix', 'system'],
    ['os', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['__builtin__', 'exec'],
    ['subprocess', 'Popen'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['torchvision.models.resnet', 'ResNet'],
    ['torch', 'toString'],
    ['torch', 'constructor'],
    ['__proto__', 'x'],
    ['collections', 'OrderedDict.update'],
  ])('%s.%s is refused before anything is called', async (module, name) => {
    const call = called(named(module, name), text('echo'));
    const error = await refusal(torchZip(pickleOf(['x', call])));
    expect(error.code).toBe('PICKLE_GLOBAL');
    expect(error.message).toContain(`${module}.${name}`);
    // The same by names from the stack.
    const stacked = inZip(text(module), text(name), 0x93, tuple(text('echo')), 'R.');
    expect((await refusal(stacked)).code).toBe('PICKLE_GLOBAL');
  });

  test.each([
    ['INST', bytes('(ios\nsystem\n')],
    ['OBJ', bytes('(o')],
    ['EXT1', bytes(0x82, 1)],
    ['PERSID', bytes('Pname\n')],
    ['NEWOBJ_EX', bytes(0x92)],
    ['NEXT_BUFFER', bytes(0x97)],
    ['an unknown one', bytes(0xff)],
  ])('the opcode %s', async (_, opcode) => {
    expect((await refusal(inZip(opcode, '.'))).code).toBe('PICKLE_OPCODE');
  });
});

describe('damaged pickles', () => {
  test.each([
    ['nothing', bytes()],
    ['an empty stack', bytes('.')],
    ['a call of a text', bytes(text('a'), ')R.')],
    ['a call without a tuple', bytes(named('collections', 'OrderedDict'), 'NR.')],
    ['items of no dictionary', bytes('N(NNu.')],
    ['half an item', bytes('}(Nu.')],
    ['an item appended to a text', bytes(text('a'), 'Na.')],
    ['a mark that was not set', bytes('t.')],
    ['a pop beyond the mark', bytes('N(0.')],
    ['a memo that was not set', bytes('h', 1, '.')],
    ['state of a number', bytes('K', 1, 'Nb.')],
    ['a name that is no text', bytes('NN', 0x93, '.')],
    ['an integer of 2 GB', bytes(0x8b, uint32(2 ** 31 - 1))],
    ['a text of 2^63 bytes', bytes(0x8d, uint32(0), uint32(2 ** 31), '.')],
    ['a text longer than the file', bytes('X', uint32(2 ** 32 - 1), 'short')],
    ['bytes longer than the file', bytes('B', uint32(2 ** 31), '.')],
  ])('%s', async (_, body) => {
    expect((await refusal(torchZip(bytes(0x80, 2, body)))).code).toMatch(/^PICKLE_DAMAGED$/);
  });

  test('more opcodes than any checkpoint has', async () => {
    expect((await refusal(inZip(Buffer.alloc(2_000_001, 'N'), '.'))).code).toBe('PICKLE_SIZE');
  });

  test('a key twice', async () => {
    expect((await refusal(torchZip(pickleOf(ONE, ONE)))).code).toBe('PICKLE_DUPLICATE');
    const pairs = bytes('](', tuple(text('x'), bytes('N')), tuple(text('x'), bytes('N')), 'e');
    const ordered = called(named('collections', 'OrderedDict'), pairs);
    expect((await refusal(inZip(ordered, '.'))).code).toBe('PICKLE_DUPLICATE');
  });
});

describe('pickles that would grow', () => {
  test('a million nested lists', async () => {
    expect((await refusal(inZip(Buffer.alloc(1_000_000, ']'), '.'))).code).toBe('TORCH_CONTENT');
    const wrapped = inZip(']', Buffer.alloc(900_000, 0x85), '.');
    expect((await refusal(wrapped)).code).toBe('TORCH_CONTENT');
  });

  test('a dictionary inside itself', async () => {
    const inside = inZip('}q', 0, text('model'), 'h', 0, 's.');
    expect((await refusal(inside)).code).toBe('TORCH_CONTENT');
  });

  test('tuples of two of the last, two hundred times', async () => {
    const doubled = bytes(...Array.from({ length: 200 }, () => bytes('2', 0x86)));
    expect((await refusal(inZip('N', doubled, '.'))).code).toBe('TORCH_CONTENT');
  });

  test('one list that becomes dictionaries without end', async () => {
    const pairs = Array.from({ length: 100 }, (_, k) => bytes('K', k, 'N', 0x86));
    const list = bytes('](', ...pairs, 'eq', 0, '0');
    const copies = Array.from({ length: 100 }, () => bytes('h', 1, 'h', 0, 0x85, 'R0'));
    const body = bytes(list, named('collections', 'OrderedDict'), 'q', 1, '0');
    expect((await refusal(inZip(body, ...copies, 'N.'))).code).toBe('PICKLE_SIZE');
    // A few are no more than the pickle itself.
    expect((await refusal(inZip(body, ...copies.slice(0, 3), 'N.'))).code).toBe('TORCH_CONTENT');
  });

  test('memos with enormous numbers', async () => {
    const memos = Array.from({ length: 1000 }, (_, i) => bytes('Nr', uint32(2 ** 32 - 1 - i), '0'));
    expect((await refusal(inZip(...memos, '}.'))).code).toBe('TORCH_CONTENT');
  });

  test('a thousand tensors of one storage', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => [`x${i}`, tensorOf()] as const);
    expect((await refusal(torchZip(pickleOf(...many)))).code).toBe('TORCH_STORAGE');
  });
});

describe('tensors that do not fit their storage', () => {
  const shapes = (...extents: number[]) => tuple(...extents.map(integer));
  test.each([
    ['an end beyond it', { shape: shapes(5) }],
    ['an offset beyond it', { offset: integer(1) }],
    ['a stride beyond it', { shape: shapes(2), strides: shapes(4) }],
    ['repeated elements', { shape: shapes(1000), strides: shapes(0) }],
    ['overlapping rows', { shape: shapes(2, 3), strides: shapes(1, 1) }],
    ['a negative extent', { shape: shapes(-1) }],
    ['a negative stride', { strides: shapes(-1) }],
    ['a negative offset', { offset: integer(-1) }],
    ['an extent of 2^62', { shape: tuple(long(2n ** 62n)) }],
    [
      'extents whose product overflows',
      { shape: tuple(long(2n ** 40n), long(2n ** 40n)), strides: shapes(0, 0) },
    ],
    ['an offset of 2^53', { offset: long(2n ** 53n) }],
    ['nine axes', { shape: shapes(1, 1, 1, 1, 1, 1, 1, 1, 4), strides: shapes(1, 1, 1, 1, 1, 1, 1, 1, 1) }],
    ['fewer strides than extents', { shape: shapes(2, 2) }],
    ['a shape that is a text', { shape: text('4') }],
    ['a fractional extent', { shape: tuple(bytes('G', Buffer.from('3ff8000000000000', 'hex'))) }],
  ])('%s', async (_, parts) => {
    expect((await refusal(torchZip(pickleOf(['x', tensorOf(parts)])))).code).toBe('TORCH_SHAPE');
  });

  test.each([
    ['an unknown storage', tensorOf({ storage: '1' })],
    ['a path as storage', tensorOf({ storage: '../data.pkl' })],
    ['more elements than the storage has', tensorOf({ elements: integer(5) })],
    ['fewer elements', tensorOf({ elements: integer(3), shape: shapes(3) })],
    ['another type', tensorOf({ type: 'DoubleStorage' })],
    ['a storage of -1 elements', tensorOf({ elements: integer(-1) })],
    ['no storage', called(named('torch._utils', '_rebuild_tensor_v2'), integer(0), integer(0))],
    ['a parameter of nothing', called(named('torch._utils', '_rebuild_parameter'), bytes('N'))],
  ])('%s', async (_, tensor) => {
    expect((await refusal(torchZip(pickleOf(['x', tensor])))).code).toBe('TORCH_STORAGE');
  });

  test('integers of 32 bits', async () => {
    expect((await refusal(torchZip(pickleOf(['x', tensorOf({ type: 'IntStorage' })])))).code).toBe(
      'TORCH_TYPE',
    );
  });
});

describe('archives', () => {
  const pickle = { name: 'archive/data.pkl', content: pickleOf(ONE) };
  const storage = { name: 'archive/data/0', content: data };
  const cases: [string, Buffer, string][] = [
    ['no directory', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(100)]), 'ZIP_DIRECTORY'],
    ['more entries than it has', zip([pickle, storage], 40_000), 'ZIP_DIRECTORY'],
    ['an entry twice', zip([pickle, storage, storage]), 'ZIP_DUPLICATE'],
    ['entries on top of each other', zip([pickle, { ...storage, claims: { position: 0 } }]), 'ZIP_ENTRY'],
    ['an entry beyond the end', zip([pickle, { ...storage, claims: { position: 2 ** 31 } }]), 'ZIP_ENTRY'],
    [
      'an entry at 64 bits without them',
      zip([pickle, { ...storage, claims: { position: 2 ** 32 - 1 } }]),
      'ZIP_ENTRY',
    ],
    ['a stored entry of two sizes', zip([pickle, { ...storage, claims: { size: 17 } }]), 'ZIP_ENTRY'],
    ['an encrypted entry', zip([pickle, { ...storage, claims: { flags: 1 } }]), 'ZIP_ENTRY'],
    ['another compression', zip([pickle, { ...storage, claims: { method: 14 } }]), 'ZIP_ENTRY'],
    ['a bomb', zip([pickle, { ...storage, content: new Uint8Array(2 ** 22), deflate: true }]), 'ZIP_ENTRY'],
    [
      'a bomb that claims to be small',
      zip([{ ...pickle, content: new Uint8Array(2 ** 22), deflate: true, claims: { size: 100 } }, storage]),
      'ZIP_ENTRY',
    ],
    ['no pickle', zip([storage]), 'TORCH_CONTENT'],
    ['two pickles', zip([pickle, storage, { ...pickle, name: 'other/data.pkl' }]), 'TORCH_CONTENT'],
    [
      'a program of TorchScript',
      torchZip(pickle.content, { name: 'archive/constants.pkl', content: data }),
      'TORCH_CONTENT',
    ],
    [
      'numbers of the other byte order',
      torchZip(pickle.content, { name: 'archive/byteorder', content: Buffer.from('big') }),
      'TORCH_CONTENT',
    ],
    ['no weights', torchZip(pickleOf(['epoch', integer(3)])), 'TORCH_CONTENT'],
  ];
  test.each(cases)('%s', async (_, file, code) => {
    const error = await refusal(file);
    expect(error.code).toBe(code);
    expect(error.message).toContain('hostile.pth');
  });
});

describe('files that end too early', () => {
  test.each(readdirSync(fixtures).filter((name) => name.endsWith('.pth')))('%s', async (name) => {
    const file = readFileSync(join(fixtures, name));
    // A storage that no weight uses may be missing.
    const ends = name.startsWith('checkpoint') ? file.length / 2 : file.length;
    for (let length = 0; length < ends; length += 13) {
      expect((await refusal(file.subarray(0, length))).code).toMatch(/^(ZIP|TORCH|PICKLE)_/);
    }
  });
});

describe('the old form', () => {
  const legacy = readFileSync(join(fixtures, 'legacy.pth'));

  test.each([
    ['a page of a web site', Buffer.from('<!doctype html><html></html>'), 'TORCH_CONTENT'],
    ['an empty file', Buffer.alloc(0), 'TORCH_CONTENT'],
    ['a pickle of something else', pickleOf(['x', integer(1)]), 'TORCH_CONTENT'],
  ])('%s', async (_, file, code) => {
    expect((await refusal(file)).code).toBe(code);
  });

  test('a storage of another length than its tensors say', async () => {
    const file = Buffer.from(legacy);
    // The last storage is fc.weight's or fc.bias's: its count stands before it.
    const count = [20, 5, 4, 108].find((n) => file.readBigInt64LE(file.length - 8 - 4 * n) === BigInt(n))!;
    file.writeBigInt64LE(2n ** 40n, file.length - 8 - 4 * count);
    expect((await refusal(file)).code).toBe('TORCH_STORAGE');
  });
});
