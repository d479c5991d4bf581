/** Every small network of the registry learns, and survives being written and read; test/slow has the large ones. */
import { expect, test } from 'vitest';
import { MODELS } from '../../src/models/index.ts';
import { expectComplete, named } from './registered.ts';

test.each(named(true))('%s learns, and is the same network as a file', async (_, model) => {
  await expectComplete(model);
});

test('every family has a small network', () => {
  const small = new Set(named(true).map(([, { family }]) => family));
  const families = new Set(MODELS.map(({ family }) => family));
  // Of these there are only the networks whose weights exist.
  for (const family of ['ResNet v2', 'SqueezeNet', 'Darknet']) families.delete(family);
  expect([...families].filter((family) => !small.has(family))).toEqual([]);
});
