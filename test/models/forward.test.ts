/** Features and logits against torchvision with formula weights (fixture by scripts/fixtures/models.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findModel, type Model, variablesOf, withInput } from '../../src/models/index.ts';
import { vgg } from '../../src/models/vgg.ts';
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { compileModel } from '../run-model.ts';

const SIZE = 64;

interface Summary {
  size: number;
  first8: number[];
  mean: number;
  std: number;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/models.json', import.meta.url), 'utf8'));

interface Oracle {
  features: Summary;
  logits: Summary;
}
const withValues = Object.entries(fixture.models as Record<string, Partial<Oracle>>)
  .filter(([, { features }]) => features)
  .map(([name, oracle]) => [name, findModel(`${name}@${SIZE}`), oracle as Oracle] as const);

/** Networks of the family of VGG with few channels: the real one has 138 million weights to fill. */
const narrowVggs = Object.entries(fixture.narrow_vgg as Record<string, Oracle>).map(([kind, oracle]) => {
  const variant = { norm: kind === 'norm', stages: [[8], [12, 16], [20], [24], [28]], hidden: 40 };
  return [`narrow VGG, ${kind},`, withInput(vgg('narrow_vgg', variant), { size: SIZE }), oracle] as const;
});

/** The formula of the fixture's script: `stream` is the variable's place among the sorted names. */
function formulaWeights(model: Model): Map<string, Tensor<'float32'>> {
  const { backbone, head } = variablesOf(model);
  const sorted = [...backbone, ...head].sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    sorted.map(({ name, shape }, stream) => {
      const fanIn = sizeOf(shape) / shape[0];
      const numbers = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
        const x = Math.sin(i * 12.9898 + 78.233 * stream) * 43758.5453;
        const u = x - Math.floor(x);
        if (shape.length > 1) return (2 * u - 1) * Math.sqrt(6 / fanIn);
        if (name.endsWith('running_var')) return 0.5 + u;
        return name.endsWith('.weight') ? 0.5 + 0.5 * u : 0.2 * (u - 0.5);
      });
      return [name, tensor('float32', shape, numbers)];
    }),
  );
}

function summary(values: Tensor): Summary {
  const data = Array.from(values.data as Float32Array);
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
  return { size: data.length, first8: data.slice(0, 8), mean, std: Math.sqrt(variance) };
}

/** Largest difference, in standard deviations of the expected numbers. */
function deviation(found: Summary, expected: Summary): number {
  const pairs = [
    [found.mean, expected.mean],
    [found.std, expected.std],
    ...found.first8.map((x, i) => [x, expected.first8[i]]),
  ];
  return Math.max(...pairs.map(([a, b]) => Math.abs(a - b))) / expected.std;
}

test.each([...withValues, ...narrowVggs])(
  '%s computes what torchvision computes',
  async (_, model, oracle) => {
    const images = tensor(
      'float32',
      [1, 3, SIZE, SIZE],
      Float32Array.from({ length: 3 * SIZE * SIZE }, (_, k) => Math.sin(0.001 * k)),
    );
    const weights = formulaWeights(model);
    const network = await compileModel(model, weights, 1, 'inference');
    const { features, logits } = await network.run(images);
    expect(summary(features).size).toBe(oracle.features.size);
    expect(deviation(summary(features), oracle.features)).toBeLessThan(1e-4);
    expect(deviation(summary(logits), oracle.logits)).toBeLessThan(1e-4);
    await network.close();
  },
);
