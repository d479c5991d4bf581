/** The small networks that torchvision has too, on small images; test/slow has all of them, on images of their size. */
import { test } from 'vitest';
import { findModel, type Model, withInput } from '../../src/models/index.ts';
import { vgg } from '../../src/models/vgg.ts';
import { describePython } from '../python.ts';
import { expectTorchvision } from './torchvision.ts';

const SIZE = 64;

/** VGG with few channels: the real one has 138 million weights. */
function narrowVgg(norm: boolean): Model {
  const stages = [[8], [12, 16], [20], [24], [28]];
  return withInput(vgg(`narrow_vgg${norm ? '_bn' : ''}`, { norm, stages, hidden: 40 }), { size: SIZE });
}

describePython('torchvision', ['torch', 'torchvision'], () => {
  test.each([
    ['resnet18', 'tv.resnet18()'],
    ['resnet50', 'tv.resnet50()'],
    ['resnext50_32x4d', 'tv.resnext50_32x4d()'],
    ['squeezenet1_0', 'tv.squeezenet1_0()'],
    ['mobilenet_v2_035', 'tv.mobilenet_v2(width_mult=0.35)'],
    ['squeezenet1_1', 'tv.squeezenet1_1()'],
    ['densenet121', 'tv.densenet121()'],
  ])('%s computes in evaluation and in training what torchvision computes', async (name, network) => {
    await expectTorchvision({ model: findModel(`${name}@${SIZE}`), network, images: 4, training: true });
  });

  test.each([false, true])(
    'a narrow VGG, batch norm %s, computes what torchvision computes',
    async (norm) => {
      const network = `narrow_vgg(${norm ? 'True' : 'False'})`;
      await expectTorchvision({ model: narrowVgg(norm), network, images: 4, training: true });
    },
  );
});
