/** Every registered model builds legal graphs, in every phase, and says the truth about itself. */
import { describe, expect, test } from 'vitest';
import { Graph, verify } from '../../src/graph/index.ts';
import { findModel, MODELS, type Model, transferHead, variablesOf } from '../../src/models/index.ts';
import { INFERENCE, Network, type Phase, TRAIN } from '../../src/nn/index.ts';
import { refusalBy } from '../refusal.ts';

function build(model: Model, phase: Phase, batch = 2) {
  const net = new Network(new Graph(), phase);
  const { size } = model.input;
  const output = model.backbone(net, net.graph.input('images', [batch, 3, size, size]));
  return { net, output };
}

describe.each(MODELS.map((model) => [model.name, model] as const))('%s', (_, model) => {
  test.each([
    ['inference', INFERENCE],
    ['training', TRAIN],
    ['training with frozen norms', { mode: 'train', norm: 'frozen' }],
  ] as const)('builds a legal graph for %s', (_, phase) => {
    const { net, output } = build(model, phase);
    const head = transferHead(net, output, 7, { dropout: 0.2 });
    verify(net.graph);
    expect(output.features.shape).toEqual([2, model.featureSize]);
    expect(output.map.shape).toHaveLength(4);
    expect(output.map.shape[0]).toBe(2);
    expect(head.shape).toEqual([2, 7]);
  });

  test('its training graph measures the statistics of every norm', () => {
    const { net } = build(model, TRAIN);
    const buffers = net.variables.filter(({ kind }) => kind === 'buffer').map(({ name }) => name);
    expect([...net.batchStatistics.keys()].sort()).toEqual(buffers.sort());
  });

  test('its stages, where it has any, are maps of strides 4 to 32', () => {
    const { output } = build({ ...model, input: { ...model.input, size: 128 } }, INFERENCE);
    const sizes = output.stages?.map(({ shape: [, , height, width] }) => [height, width]);
    if (sizes) expect(sizes).toEqual([4, 8, 16, 32].map((stride) => [128 / stride, 128 / stride]));
    if (output.stages) expect(output.stages[3]).toBe(output.map);
  });

  test('its original head has the stated classes, and only the head has names with its prefixes', () => {
    if (!model.originalHead) return expect(variablesOf(model).head).toEqual([]);
    const { classes, prefixes, logits } = model.originalHead;
    const { net, output } = build(model, INFERENCE);
    expect(logits(net, output).shape).toEqual([2, classes]);
    const { backbone, head } = variablesOf(model);
    const belongs = ({ name }: { name: string }) => prefixes.some((prefix) => name.startsWith(prefix));
    expect(head.length).toBeGreaterThan(0);
    expect(head.every(belongs)).toBe(true);
    expect(backbone.some(belongs)).toBe(false);
  });

  test('is found by its name, and with another input size', () => {
    expect(findModel(model.name)).toBe(model);
    const resized = findModel(`${model.name}@96`);
    expect(resized.name).toBe(`${model.name}@96`);
    expect(resized.input).toEqual({ ...model.input, size: 96 });
    expect([resized.featureSize, resized.parameters]).toEqual([model.featureSize, model.parameters]);
  });
});

test.each(['ResNet', 'ResNeXt', 'DenseNet', 'MobileNet v1', 'MobileNet v2', 'VGG', 'NASNet'])(
  '%s has stages',
  (family) => {
    const members = MODELS.filter((model) => model.family === family);
    expect(members.length).toBeGreaterThan(0);
    for (const model of members) expect(build(model, INFERENCE).output.stages).toHaveLength(4);
  },
);

test('names are unique', () => {
  expect(new Set(MODELS.map(({ name }) => name)).size).toBe(MODELS.length);
});

test('an unknown name is answered with the nearest ones', () => {
  const error = refusalBy(() => findModel('mobilnet_v2'));
  expect(error.code).toBe('UNKNOWN_MODEL');
  expect(error.message).toContain('Did you mean mobilenet_v2,');
  expect(refusalBy(() => findModel('resnet50@64@32')).code).toBe('UNKNOWN_MODEL');
});

test.each(['resnet50@', 'resnet50@0', 'resnet50@-3', 'resnet50@4096', 'resnet50@1e2', 'squeezenet1_1@3'])(
  '%s is refused as an input size',
  (name) => {
    expect(refusalBy(() => findModel(name)).code).toBe('INPUT_SIZE');
  },
);

test('the own size of a model is not repeated in its name', () => {
  expect(findModel('resnet50@224').name).toBe('resnet50');
});
