/** Damaged files are refused by a UserError, or read within their bounds. Many more: test/slow/weights-fuzz.test.ts. */
import { expect, test } from 'vitest';
import { fuzzWeights } from './fuzz.ts';

test('800 damaged files of every kind', async () => {
  for (const [name, { refused, accepted }] of await fuzzWeights(800, 1)) {
    expect(refused, name).toBeGreaterThan(100);
    expect(refused + accepted).toBe(800);
  }
});
