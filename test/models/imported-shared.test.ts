/** Published networks as ONNX files: their numbers, and that they are the registry's networks of the same name. */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { findModel, type Model, variablesOf } from '../../src/models/index.ts';
import { type Tensor, zeros } from '../../src/tensor/tensor.ts';
import { compileModel, type Form } from '../run-model.ts';
import { describeShared, sharedPath } from '../shared.ts';

/** Of PyTorch on the same weights: see the README of the folder. */
interface Outputs {
  top5: [number, number][];
  first8: number[];
}
interface Expected {
  images: (Outputs & { cropped_png: string })[];
  synthetic: Outputs;
}

const TOLERANCE = 1e-3;

/** The pictures, normalised, and behind them the input sin(0.001 k). */
async function inputsOf(expected: Expected, { input }: Model): Promise<Tensor<'float32'>> {
  const { size, mean, std } = input;
  const area = size * size;
  const batch = zeros('float32', [expected.images.length + 1, 3, size, size]);
  for (const [n, { cropped_png }] of expected.images.entries()) {
    const png = sharp(sharedPath('weights/expected', cropped_png));
    const pixels = await png.removeAlpha().raw().toBuffer();
    for (let k = 0; k < pixels.length; k++) {
      const channel = k % 3;
      const to = (3 * n + channel) * area + Math.floor(k / 3);
      batch.data[to] = (pixels[k] / 255 - mean[channel]) / std[channel];
    }
  }
  const last = expected.images.length * 3 * area;
  for (let k = 0; k < 3 * area; k++) batch.data[last + k] = Math.sin(0.001 * k);
  return batch;
}

describeShared('imported published networks', () => {
  const rows = ['squeezenet1_1', 'mobilenet_v2_folded'].flatMap((name) =>
    (['inference', 'training'] as const).map((form): [string, Form] => [name, form]),
  );
  test.each(rows)('%s, %s form, gives the logits of PyTorch', async (name, form) => {
    const json = readFileSync(sharedPath('weights/expected', `${name}.json`), 'utf8');
    const expected: Expected = JSON.parse(json);
    const { model, weights } = await importOnnxClassifier(sharedPath('weights', `${name}.onnx`));
    const cases = [...expected.images, expected.synthetic];
    const network = await compileModel(model, weights, cases.length, form);
    const { logits } = await network.run(await inputsOf(expected, model));
    await network.close();
    const classes = logits.shape[1];
    const differences = cases.flatMap(({ top5, first8 }, n) =>
      [...top5, ...first8.entries()].map(([index, value]) =>
        Math.abs(Number(logits.data[n * classes + index]) - value),
      ),
    );
    expect(Math.max(...differences)).toBeLessThan(TOLERANCE);
  });

  test('squeezenet1_1 has the variables, features and head of the registry', async () => {
    const { model } = await importOnnxClassifier(sharedPath('weights/squeezenet1_1.onnx'));
    const known = findModel('squeezenet1_1');
    const lines = (of: Model) => {
      const { backbone, head } = variablesOf(of);
      const list = (part: typeof head) => part.map(({ name, shape }) => `${name} ${shape.join('x')}`).sort();
      return { backbone: list(backbone), head: list(head) };
    };
    expect(lines(model)).toEqual(lines(known));
    expect(model.featureSize).toBe(known.featureSize);
    expect(model.parameters).toBe(known.parameters);
  });
});
