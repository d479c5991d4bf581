/** Strict loading: what fits is taken as it is, and every misfit is named. */
import { describe, expect, test } from 'vitest';
import { findModel, variablesOf } from '../../src/models/index.ts';
import { initialize } from '../../src/nn/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { type FitOptions, fitWeights, type Weights } from '../../src/weights/index.ts';
import { refusalBy } from '../refusal.ts';

const model = findModel('cifar_resnet20');
const { backbone, head } = variablesOf(model);
const complete = (): Weights => initialize([...backbone, ...head], 1);
const options: FitOptions = { source: 'some.safetensors' };
const refusal = (weights: Weights, fit = options) => refusalBy(() => fitWeights(model, weights, fit));

describe('what fits', () => {
  test('the backbone, without copies; the original head is dropped', () => {
    const weights = complete();
    const fitted = fitWeights(model, weights, options);
    expect([...fitted.keys()]).toEqual(backbone.map(({ name }) => name));
    for (const [name, value] of fitted) expect(value).toBe(weights.get(name));
  });

  test('with the original head where it is wanted', () => {
    const fitted = fitWeights(model, complete(), { ...options, originalHead: 'keep' });
    expect(fitted.size).toBe(backbone.length + head.length);
  });

  test('any head or none, where it is dropped', () => {
    const weights = complete();
    weights.delete('linear.weight');
    weights.set('linear.bias', float32([3], [1, 2, 3]));
    weights.set('head.weight', float32([2, 64], new Float32Array(128)));
    expect(fitWeights(model, weights, options).size).toBe(backbone.length);
  });
});

describe('misfits', () => {
  test('missing, extra and misshaped tensors are counted and named together', () => {
    const weights = complete();
    weights.delete('layer1.0.conv1.weight');
    weights.set('layer9.conv.weight', float32([1], [0]));
    weights.set('bn1.bias', float32([2, 8], new Float32Array(16)));
    const error = refusal(weights);
    expect(error.code).toBe('WEIGHTS_MISFIT');
    expect(error.given).toBe(
      'some.safetensors does not hold the weights of cifar_resnet20: 1 missing: layer1.0.conv1.weight; ' +
        '1 extra: layer9.conv.weight; 1 of another shape: bn1.bias (2x8 instead of 16).',
    );
  });

  test('a long list is cut after eight names, the count stays', () => {
    const { message } = refusal(new Map());
    expect(message).toContain(`${backbone.length} missing: conv1.weight, `);
    expect(message.match(/weight|bias|running/g)!.length).toBeLessThan(12);
    expect(message).toContain('and more');
  });

  test('the weights of another depth do not fit', () => {
    const deeper = initialize(variablesOf(findModel('cifar_resnet32')).backbone, 1);
    expect(refusal(deeper).code).toBe('WEIGHTS_MISFIT');
  });

  test('a head of other classes does not fit where the original one is wanted', () => {
    const weights = complete();
    weights.set('linear.bias', float32([3], [1, 2, 3]));
    expect(refusal(weights, { ...options, originalHead: 'keep' }).message).toContain(
      'linear.bias (3 instead of 10)',
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('%f among the numbers', (value) => {
    const weights = complete();
    weights.get('bn1.bias')!.data[3] = value;
    const error = refusal(weights);
    expect(error.code).toBe('WEIGHTS_NOT_FINITE');
    expect(error.message).toContain('bn1.bias');
  });
});
