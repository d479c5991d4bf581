/** Small records for the store's tests; numbers are chosen to be awkward to store exactly. */
import type { ArtifactReference, Cell, CellResult, Measurement } from '../../src/store/records.ts';
import type { Store } from '../../src/store/store.ts';
import { contentHash } from '../../src/util/hash.ts';

export function sampleCell(seed: number): Cell {
  const determinedBy = { engine: 'test', seed, grid: [0.1, 1e-7], nested: { b: 1, a: null } };
  return {
    key: contentHash(determinedBy),
    dataset: 'Blumen é 花',
    model: 'resnet18',
    setting: 'finetune',
    protocol: 'kornblith2019',
    seed,
    determinedBy,
  };
}

function sampleResult(network: ArtifactReference, images = 3): CellResult {
  return {
    classes: ['daisy', 'Löwenzahn "x"', ''],
    metric: 'meanPerClass',
    hyperparameters: { learningRate: 0.1 + 0.2, weightDecay: 1e-7 },
    validation: { value: 2 / 3, n: 30 },
    test: { value: 1 / 3, top1: 0.1, meanPerClass: 1 / 3, correct: 1, n: images },
    trainImages: 120,
    trials: [
      {
        hyperparameters: { learningRate: 0.3 },
        status: 'finished',
        validation: 2 / 3,
        steps: 40,
        seconds: 1.25,
      },
      { hyperparameters: { learningRate: 9 }, status: 'diverged', validation: null, steps: 2, seconds: 0.01 },
      { hyperparameters: { learningRate: 1e-9 }, status: 'stopped', validation: 0, steps: 7, seconds: 0.5 },
    ],
    curve: [
      { step: 10, loss: Math.PI, trainAccuracy: 0.1, learningRate: 0.3 },
      { step: 20, loss: 1e-300, trainAccuracy: 1, learningRate: 0 },
    ],
    predictions: Array.from({ length: images }, (_, i) => ({
      image: `daisy/${i} ü\n.jpg`,
      label: i % 3,
      predicted: (i * 7) % 3,
      probability: 1 / (i + 1.1),
    })),
    seconds: { total: 3.5, search: 2.25, final: 1.25 },
    network,
    environment: { node: 'v20', threads: 2 },
    finishedAt: '2026-02-03T04:05:06.789Z',
  };
}

export function sampleMeasurement(seed: number, artifact: ArtifactReference | null = null): Measurement {
  const determinedBy = { kind: 'cost', seed, batch: 8, rate: 1e-7 };
  return {
    key: contentHash(determinedBy),
    kind: 'cost',
    dataset: 'Blumen é 花',
    model: 'resnet18-gamma@64',
    determinedBy,
    value: { seconds: 0.1 + 0.2, 'a "b"': [1e-300, null, { deep: [true, 'ü\n'] }], nothing: {} },
    artifact,
    seconds: 2 / 3,
    environment: { node: 'v20', threads: 2 },
    finishedAt: '2026-02-03T04:05:06.789Z',
  };
}

/** Puts a small network and returns a result that refers to it. */
export async function storedSample(store: Store, images?: number): Promise<CellResult> {
  return sampleResult(await store.putArtifact(Buffer.from('a network'), 'application/onnx'), images);
}
