/** Every network of full size learns, on images of its size, and survives being written and read. */
import { test } from 'vitest';
import { expectComplete, named } from '../models/registered.ts';

test.each(named(false))('%s learns, and is the same network as a file', async (_, model) => {
  await expectComplete(model);
});
