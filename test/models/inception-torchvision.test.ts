/**
 * GoogLeNet and Inception v3 against torchvision's, auxiliary classifiers included where they take small images;
 * test/slow has Inception v3 with its own, which takes no smaller images than the published.
 */
import { test } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { describePython } from '../python.ts';
import { expectTorchvision } from './torchvision.ts';

describePython('torchvision', ['torch', 'torchvision'], () => {
  test.each([
    // 96 px: the auxiliary classifiers look at maps of 6 x 6, whose 4 x 4 cells overlap.
    ['googlenet+aux@96', 'tv.googlenet(init_weights=False)', 0.3],
    ['inception_v3@107', 'tv.inception_v3(init_weights=False, aux_logits=False)', 0],
  ])(
    '%s computes in evaluation and in training what torchvision computes',
    async (name, network, auxiliary) => {
      const model = findModel(name);
      await expectTorchvision({ model, network, images: 4, training: true, auxiliary, manyMaxima: true });
    },
  );
});
