/** A hundred thousand and more damaged files of weights: no crash, no hang, no other error than a UserError. */
import { expect, test } from 'vitest';
import { fuzzWeights } from '../weights/fuzz.ts';

const EACH = 20_000;

test('20,000 damaged files of each of six kinds', async () => {
  const counts = await fuzzWeights(EACH, 2);
  for (const [name, { accepted, refused, longest }] of counts) {
    console.log(`${name}: ${refused} refused, ${accepted} read, ${longest.toFixed(0)} ms at most`);
    expect(refused).toBeGreaterThan(EACH / 10);
  }
  expect(counts.size * EACH).toBeGreaterThanOrEqual(100_000);
});
