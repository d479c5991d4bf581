/** Errors, names that were meant, content addresses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { invariant, messageOf, nearestNames, UserError } from '../../src/util/errors.ts';
import { canonicalJson, contentHash, sha256, sha256OfFile } from '../../src/util/hash.ts';

describe('errors', () => {
  test('a user error says what was given and what to do', () => {
    const error = new UserError('NO_IMAGES', 'The folder "x" has no images.', 'Give a folder of photos.');
    expect(error.message).toBe('The folder "x" has no images. Give a folder of photos.');
    expect(error).toMatchObject({
      name: 'UserError',
      code: 'NO_IMAGES',
      given: 'The folder "x" has no images.',
    });
  });

  test('a broken invariant begins with internal:', () => {
    expect(() => invariant(false, 'two and two')).toThrow(/^internal: two and two$/);
    expect(() => invariant(1, 'fine')).not.toThrow();
  });

  test('messages of anything thrown', () => {
    expect([messageOf(new Error('a')), messageOf('b'), messageOf(undefined)]).toEqual([
      'a',
      'b',
      'undefined',
    ]);
  });
});

describe('nearestNames', () => {
  const models = ['resnet18', 'resnet50', 'mobilenet-v2', 'squeezenet1.1', 'vgg16'];

  test.each([
    ['resnet81', 'resnet18'],
    ['ResNet-50', 'resnet50'],
    ['mobilenetv2', 'mobilenet-v2'],
    ['vgg', 'vgg16'],
    ['squeezenet', 'squeezenet1.1'],
  ])('%s is near %s', (given, meant) => {
    expect(nearestNames(given, models)[0]).toBe(meant);
  });

  test('a name itself comes first, and no more are given than asked for', () => {
    expect(nearestNames('vgg16', models, 2)).toHaveLength(2);
    expect(nearestNames('resnet50', models)[0]).toBe('resnet50');
    expect(nearestNames('x', [])).toEqual([]);
    expect(models[0]).toBe('resnet18');
  });
});

/** The same value with the members of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('content addresses', () => {
  test('do not depend on the order of members, and differ for other values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(contentHash(reversed(value))).toBe(contentHash(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(contentHash([value])).not.toBe(contentHash([value, 0]));
      }),
      { seed: 1 },
    );
  });

  test('depend on the order of lists', () => {
    expect(contentHash([1, 2])).not.toBe(contentHash([2, 1]));
  });

  test('canonical text', () => {
    expect(canonicalJson({ b: 1, a: { d: [2, { z: 1, y: 2 }], c: undefined } })).toBe(
      '{"a":{"d":[2,{"y":2,"z":1}]},"b":1}',
    );
  });

  test('SHA-256 of the standard example, as text, bytes and file', async () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256('abc')).toBe(expected);
    expect(sha256(Uint8Array.of(97, 98, 99))).toBe(expected);
    const folder = await mkdtemp(join(tmpdir(), 'hash-'));
    await writeFile(join(folder, 'abc'), 'abc');
    expect(await sha256OfFile(join(folder, 'abc'))).toBe(expected);
    await rm(folder, { recursive: true });
  });
});
