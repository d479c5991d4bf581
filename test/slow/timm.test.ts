/** Networks of full size against timm, for whose weights the catalog has names. */
import { test } from 'vitest';
import { expectAsTimm, TIMM } from '../models/timm.ts';

test.each([...TIMM.keys()])('%s computes the same', (name) => expectAsTimm(name));
