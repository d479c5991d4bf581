/** Every network that torchvision has too, on images of its own size; one or more of each family in training. */
import { test } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { expectTorchvision } from '../models/torchvision.ts';
import { describePython } from '../python.ts';

describePython('torchvision at full size', ['torch', 'torchvision'], () => {
  test.each([
    ['resnet18', 'tv.resnet18()', 'training'],
    ['resnet34', 'tv.resnet34()', 'evaluation'],
    ['resnet50', 'tv.resnet50()', 'training'],
    ['resnet101', 'tv.resnet101()', 'evaluation'],
    ['resnet152', 'tv.resnet152()', 'evaluation'],
    ['resnext50_32x4d', 'tv.resnext50_32x4d()', 'training'],
    ['resnext101_32x8d', 'tv.resnext101_32x8d()', 'evaluation'],
    ['densenet121', 'tv.densenet121()', 'training'],
    ['densenet169', 'tv.densenet169()', 'evaluation'],
    ['densenet201', 'tv.densenet201()', 'evaluation'],
    ['mobilenet_v2', 'tv.mobilenet_v2()', 'training'],
    ['mobilenet_v2_140', 'tv.mobilenet_v2(width_mult=1.4)', 'evaluation'],
    ['mobilenet_v2_075', 'tv.mobilenet_v2(width_mult=0.75)', 'evaluation'],
    ['mobilenet_v2_050', 'tv.mobilenet_v2(width_mult=0.5)', 'evaluation'],
    ['mobilenet_v2_035', 'tv.mobilenet_v2(width_mult=0.35)', 'evaluation'],
    ['alexnet', 'tv.alexnet()', 'training'],
    ['squeezenet1_0', 'tv.squeezenet1_0()', 'training'],
    ['squeezenet1_1', 'tv.squeezenet1_1()', 'training'],
    ['vgg16', 'tv.vgg16()', 'evaluation'],
    ['vgg16_bn', 'tv.vgg16_bn()', 'training'],
  ])('%s (%s): what torchvision computes, in %s', async (name, network, mode) => {
    const model = findModel(name);
    const training = mode === 'training';
    await expectTorchvision({ model, network, images: 2, training, manyMaxima: model.family === 'VGG' });
  });
});
