/** Every network of the registry, written as an ONNX file and imported again: the same features. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { MODELS, type Model, transferHead, variablesOf, withInput } from '../../src/models/index.ts';
import type { Variable } from '../../src/nn/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { networkFile } from '../../src/train/inference.ts';
import { compileModel } from '../run-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'imported-registry-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CLASSES = 5;
/** Small images, where the network takes them: the file's size is the network's own otherwise. */
const SMALL = 64;

function miniature(model: Model): Model {
  if (model.input.size <= SMALL) return model;
  const small = withInput(model, { size: SMALL });
  try {
    small.featureSize;
    return small;
  } catch {
    return model;
  }
}

/** Numbers of the size that training leaves, all different, so that a misplaced one shows. */
function weightsOf(variables: readonly Variable[]): Map<string, Tensor<'float32'>> {
  return new Map(
    variables.map(({ name, shape }, index) => {
      const fanIn = sizeOf(shape.slice(1));
      const bound = shape.length > 1 ? Math.sqrt(6 / fanIn) : 0.2;
      const offset = shape.length === 1 && /var|weight|gamma/.test(name) ? 1 : 0;
      // The golden ratio's multiples, modulo 1, are spread evenly.
      const values = Float32Array.from({ length: sizeOf(shape) }, (_, k) => {
        const share = (k * 0.6180339887 + index * 0.3137) % 1;
        return offset + bound * (2 * share - 1);
      });
      return [name, tensor('float32', shape, values)];
    }),
  );
}

/** The largest variants differ from smaller ones by their numbers alone; their files would take minutes. */
const MOST_PARAMETERS = Number(process.env.MOST_PARAMETERS ?? 12e6);
const SUBJECTS: [string, Model][] = MODELS.map(miniature)
  .filter(({ parameters }) => parameters <= MOST_PARAMETERS)
  .map((model) => [model.name, model]);

test.each(SUBJECTS)(
  '%s',
  async (name, model) => {
    const { size } = model.input;
    const { backbone } = variablesOf(model);
    const random = new Random(2, 'head');
    const weights = weightsOf(backbone)
      .set(
        'head.weight',
        float32(
          [CLASSES, model.featureSize],
          Float32Array.from({ length: CLASSES * model.featureSize }, () => random.normal()),
        ),
      )
      .set('head.bias', float32([CLASSES], [1, 2, 3, 4, 5]));
    const classify: Parameters<typeof networkFile>[0] = (net, images) =>
      transferHead(net, model.backbone(net, images), CLASSES);
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, networkFile(classify, 'logits', size, weights));
    const imported = await importOnnxClassifier(path);
    rmSync(path);
    const images = float32(
      [1, 3, size, size],
      Float32Array.from({ length: 3 * size * size }, (_, k) => Math.sin(0.05 * k)),
    );
    const results: Tensor[] = [];
    for (const [subject, values] of [
      [model, weights],
      [imported.model, imported.weights],
    ] as const) {
      const network = await compileModel(subject, values, 1, 'inference', (_, output) => ({
        features: output.features,
      }));
      results.push((await network.run(images)).features);
      await network.close();
    }
    const [wanted, found] = results.map(({ data }) => Array.from(data as Float32Array));
    expect(found.length).toBe(wanted.length);
    const largest = Math.max(...wanted.map(Math.abs));
    expect(largest).toBeGreaterThan(0);
    const gaps = wanted.map((value, index) => Math.abs(value - found[index]));
    expect(Math.max(...gaps) / largest).toBeLessThan(1e-5);
  },
  60_000,
);
