/** What an exported file says about itself survives the file, and damage is named. */
import { describe, expect, test } from 'vitest';
import {
  decodeModel,
  encodeModel,
  type InputLike,
  metadataOf,
  type OnnxModel,
  parseMetadata,
} from '../../src/onnx/index.ts';

const input: InputLike = {
  size: 64,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  resize: { kind: 'short-side', size: 73, filter: 'bilinear' },
};
const extra = { version: '0.1.0', model: 'resnet18@64', dataset: 'pets', setting: 'fine-tuned' };
const withMetadata = (metadata: Record<string, string>): OnnxModel => ({
  opset: 17,
  irVersion: 8,
  producer: 'transferlab',
  metadata,
  graph: { name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [] },
});

describe('metadata of exported files', () => {
  test('labels, input and origin survive a file', () => {
    const labels = ['sphynx', 'Ägyptische Mau', '"quoted"'];
    const file = encodeModel(withMetadata(metadataOf(labels, input, extra)));
    expect(parseMetadata(decodeModel(file))).toEqual({ labels, input, ...extra });
  });

  test('a network that tells several classes of an image says so', () => {
    const several = { ...extra, task: 'multi-label' } as const;
    expect(parseMetadata(withMetadata(metadataOf(['a'], input, several))).task).toBe('multi-label');
    expect(parseMetadata(withMetadata(metadataOf(['a'], input, { ...extra, task: 'single-label' })))).toEqual(
      {
        labels: ['a'],
        input,
        ...extra,
      },
    );
  });

  test('a file of another program says nothing', () => {
    const said = parseMetadata(withMetadata({ other: 'x' }));
    expect(Object.values(said).filter((value) => value !== undefined)).toEqual([]);
  });

  test.each([
    ['transferlab.labels', '["a", 1]'],
    ['transferlab.labels', '["a"'],
    ['transferlab.input', JSON.stringify({ ...input, mean: [0.5] })],
    ['transferlab.input', JSON.stringify({ ...input, size: 0 })],
  ])('damage in %s is named', (key, value) => {
    expect(() => parseMetadata(withMetadata({ [key]: value }))).toThrow(`"${key}" of the file is damaged`);
  });
});
