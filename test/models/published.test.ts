/** Sizes that the papers publish, and torchvision's names and shapes (fixture by scripts/fixtures/models.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findModel, variablesOf } from '../../src/models/index.ts';
import { type Shape, sizeOf } from '../../src/tensor/tensor.ts';
import { sha256 } from '../../src/util/hash.ts';

/** Millions of parameters without the classifier and feature size: Kornblith et al., arXiv 1805.08974, table 1. */
test.each([
  ['resnet50', 23.5, 2048],
  ['resnet101', 42.5, 2048],
  ['resnet152', 58.1, 2048],
  ['mobilenet_v1', 3.2, 1024],
  ['mobilenet_v2', 2.2, 1280],
  ['mobilenet_v2_140', 4.3, 1792],
  ['densenet121', 7.0, 1024],
  ['densenet169', 12.5, 1664],
  ['densenet201', 18.1, 1920],
])('%s has %f million parameters and %i features', (name, millions, features) => {
  const model = findModel(name);
  expect(Number((model.parameters / 1e6).toFixed(1))).toBe(millions);
  expect(model.featureSize).toBe(features);
});

function withHead(name: string): number {
  const { backbone, head } = variablesOf(findModel(name));
  return [...backbone, ...head]
    .filter(({ kind }) => kind === 'parameter')
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** Millions of parameters with the classifier. */
test.each([
  // He et al., arXiv 1512.03385, table 6.
  ['cifar_resnet20', 0.27],
  ['cifar_resnet32', 0.46],
  ['cifar_resnet44', 0.66],
  ['cifar_resnet56', 0.85],
  ['cifar_resnet110', 1.7],
  // Howard et al., arXiv 1704.04861, tables 6 and 8.
  ['mobilenet_v1', 4.2],
  ['mobilenet_v1_075', 2.6],
  ['mobilenet_v1_050', 1.3],
  ['mobilenet_v1_025', 0.5],
])('%s has %f million parameters in all', (name, millions) => {
  const digits = String(millions).split('.')[1].length;
  expect(Number((withHead(name) / 1e6).toFixed(digits))).toBe(millions);
});

interface Oracle {
  names: string;
  backbone_parameters: number;
  parameters: number;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/models.json', import.meta.url), 'utf8'));

test.each(Object.entries(fixture.models as Record<string, Oracle>))(
  '%s has the names, shapes and number of parameters of torchvision',
  (name, oracle) => {
    const model = findModel(name);
    const { backbone, head } = variablesOf(model);
    const line = (variable: { name: string; shape: Shape }) => `${variable.name}:${variable.shape.join('x')}`;
    const lines = [...backbone, ...head].map(line).sort();
    expect(sha256(lines.join('\n'))).toBe(oracle.names);
    expect(model.parameters).toBe(oracle.backbone_parameters);
    expect(withHead(name)).toBe(oracle.parameters);
  },
);
