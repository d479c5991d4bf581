/**
 * Files under other names than ours. timm's networks: names, shapes and what they compute, against timm itself; the
 * larger ones in test/slow/timm.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { findModel, type Model, variablesOf } from '../../src/models/index.ts';
import { float32, type Shape, sizeOf } from '../../src/tensor/tensor.ts';
import { loadWeights } from '../../src/weights/load.ts';
import { withNamesOf } from '../../src/weights/names.ts';
import type { TensorFile } from '../../src/weights/tensor-file.ts';
import { expectAsTimm, TIMM, timmFile } from '../models/timm.ts';

/** A file of zeros. */
function fileOf(shapes: ReadonlyMap<string, Shape>): TensorFile {
  return {
    metadata: {},
    shapes,
    read: async (name) => {
      const shape = shapes.get(name)!;
      return float32(shape, new Float32Array(sizeOf(shape)));
    },
  };
}

/** The names and shapes of a model, changed by `rename`. */
function renamed(model: Model, rename: (name: string) => string): TensorFile {
  const { backbone, head } = variablesOf(model);
  return fileOf(new Map([...backbone, ...head].map(({ name, shape }) => [rename(name), shape])));
}

/** Every variable of the model, with its shape. */
function expectNamesOf(model: Model, file: TensorFile): void {
  const { backbone, head } = variablesOf(model);
  const ours = [...backbone, ...head].map(({ name, shape }) => `${name}: ${shape.join('x')}`);
  const found = [...withNamesOf(model, file, 'file').shapes].map(
    ([name, shape]) => `${name}: ${shape.join('x')}`,
  );
  expect(found.sort()).toEqual(ours.sort());
}

describe('timm', () => {
  test.each([...TIMM.keys()].filter((name) => TIMM.get(name)!.shapes))(
    'the names of %s become ours',
    (name) => {
      const answer = TIMM.get(name)!;
      expectNamesOf(findModel(answer.model), timmFile(answer));
    },
  );

  test('mobilenetv2_050 computes the same', () => expectAsTimm('mobilenetv2_050'));
});

describe('torchvision of 2017', () => {
  test('dense layers with points inside their names', () => {
    const model = findModel('densenet_mini');
    const old = renamed(model, (name) => name.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2'));
    expect([...old.shapes.keys()].some((name) => /denselayer1\.norm\.1\.weight/.test(name))).toBe(true);
    expectNamesOf(model, old);
  });
});

describe('the collection by Cadene', () => {
  test('the classifier of Inception-ResNet v2', () => {
    const model = findModel('inception_resnet_v2_025');
    expectNamesOf(
      model,
      renamed(model, (name) => name.replace('classif.', 'last_linear.')),
    );
  });
});

describe('strictly', () => {
  test('names of ours stay', () => {
    for (const name of ['densenet_mini', 'mobilenet_v2_035', 'vgg_mini']) {
      const model = findModel(name);
      const file = renamed(model, (same) => same);
      expect(withNamesOf(model, file, 'file')).toBe(file);
    }
  });

  test('what a table does not know is an extra tensor', async () => {
    const model = findModel('mobilenet_v2_050');
    const { shapes } = TIMM.get('mobilenetv2_050')!;
    const more = new Map([...Object.entries(shapes!), ['blocks.7.0.se.weight', [1]] as [string, Shape]]);
    await expect(loadWeights(model, fileOf(more), 'file')).rejects.toMatchObject({
      code: 'WEIGHTS_MISFIT',
      given: expect.stringContaining('1 extra: blocks.7.0.se.weight'),
    });
  });

  test('both names of one variable are refused', async () => {
    const model = findModel('mobilenet_v2_050');
    const { shapes } = TIMM.get('mobilenetv2_050')!;
    const more = new Map([
      ...Object.entries(shapes!),
      ['features.0.0.weight', [16, 3, 3, 3]] as [string, Shape],
    ]);
    await expect(loadWeights(model, fileOf(more), 'file')).rejects.toMatchObject({
      code: 'WEIGHTS_NAME_TWICE',
    });
  });

  test('another head is left out, and its classes are said', async () => {
    const model = findModel('resnet18_025');
    const { shapes } = renamed(model, (same) => same);
    const own = await loadWeights(model, fileOf(shapes), 'file');
    expect(own.otherHead).toBeUndefined();
    const other = await loadWeights(
      model,
      fileOf(new Map([...shapes, ['fc.weight', [7, 128]], ['fc.bias', [7]]])),
      'file',
    );
    expect(other.otherHead).toBe(7);
    expect([...other.weights.keys()].some((name) => name.startsWith('fc.'))).toBe(false);
  });
});
