/** Inception v3 with its auxiliary classifier against torchvision's, on images of the published size. */
import { test } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { expectTorchvision } from '../models/torchvision.ts';
import { describePython } from '../python.ts';

describePython('torchvision', ['torch', 'torchvision'], () => {
  test('inception_v3+aux computes in evaluation and in training what torchvision computes', async () => {
    await expectTorchvision({
      model: findModel('inception_v3+aux'),
      network: 'tv.inception_v3(init_weights=False)',
      images: 2,
      training: true,
      auxiliary: 0.4,
      manyMaxima: true,
    });
  });
});
