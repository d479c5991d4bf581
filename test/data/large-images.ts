/** A data set of large pictures of one value each, which cost no time to make. */
import type { ImageDataset, View } from '../../src/data/contract.ts';
import { sha256 } from '../../src/util/hash.ts';

export const LARGE_VIEW: View = { kind: 'central-square', size: 512, filter: 'bilinear' };

/** Picture i has the value i mod 256 everywhere. */
export function largeImages(count: number): ImageDataset {
  const train = Array.from({ length: count }, (_, i) => ({
    id: String(i),
    label: i % 2,
    contentHash: sha256(`large ${i}`),
  }));
  return {
    name: 'large',
    task: 'single-label',
    classes: ['even', 'odd'],
    metric: 'top1',
    splits: { train, validation: [], test: [] },
    problems: [],
    fingerprint: 'large',
    render: async ({ id }, { size }) => ({
      width: size,
      height: size,
      pixels: new Uint8Array(3 * size * size).fill(Number(id)),
    }),
  };
}
