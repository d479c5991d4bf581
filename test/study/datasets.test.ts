/** Data sets by what a user types, with and without a design behind them. */
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/study/datasets.ts';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';

describe('openDataset', () => {
  it('applies the design behind a #, as a file or in words, and leaves paths with a # alone', async () => {
    const files = await colourFiles({ red: 10, green: 10, blue: 10 });
    const design = JSON.stringify({ seed: 1, steps: [{ kind: 'per-class', n: 4 }] });
    const folder = await folderOf({ ...files, '.designs/four.json': design });
    const options = { splitSeed: 0, cacheFolder: await temporaryFolder() };
    const sizes = async (spec: string) => {
      const { name, splits, fingerprint } = await openDataset(spec, options);
      return { name: name.replace(/^[^ ]+/, 'it'), fingerprint, train: splits.train.length };
    };
    const whole = await sizes(folder);
    const words = await sizes(`${folder}#per-class=4,seed=1`);
    expect([whole.train, words.train, words.name]).toEqual([18, 9, 'it (4 per class, seed 1)']);
    expect(await sizes(`${folder}#${folder}/.designs/four.json`)).toEqual(words);

    const odd = await folderOf(
      Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`C#per-class=4/${path}`, bytes])),
    );
    expect((await sizes(`${odd}/C#per-class=4`)).fingerprint).toBe(whole.fingerprint);
  });
});
