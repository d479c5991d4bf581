/**
 * The plan of intermediate values against the runtime itself: the order of execution that it rests on against what the
 * runtime says it did, and values in planned places against values in the runtime's own memory, bit by bit.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoweredModel, lower, physicalShape, planMemory } from '../../src/compile/index.ts';
import { executionOrder } from '../../src/compile/order.ts';
import { findModel } from '../../src/models/index.ts';
import { linear, type Optimizer } from '../../src/nn/index.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { channelBlock } from '../../src/runtime/blocks.ts';
import { placedTensors, Scratch, withPlacedOutputs } from '../../src/runtime/scratch.ts';
import { toRuntime } from '../../src/runtime/session.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf, tensor } from '../../src/tensor/tensor.ts';
import { buildStep } from '../../src/train/step-graph.ts';

const SIZE = 32;

const NETWORKS: [string, string, Optimizer, boolean][] = [
  ['a ResNet with SGD', 'resnet18_025', { kind: 'sgd' }, false],
  ['a MobileNet with AdamW', 'mobilenet_v2_035', { kind: 'adamw' }, false],
  ['a SqueezeNet with LAMB', 'squeezenet1_1', { kind: 'lamb' }, false],
  ['a recomputing ResNet with LARS', 'resnet18_025', { kind: 'lars' }, true],
];

async function lowered(name: string, optimizer: Optimizer, recompute: boolean) {
  const { backbone } = findModel(`${name}@${SIZE}`);
  const { main } = buildStep((net, x) => linear(net, 'head', backbone(net, x).features, 7), {
    ...{ images: [4, 3, SIZE, SIZE], optimizer, recompute },
  });
  const model = lower(main.outputs, { form: 'training', channelBlock: await channelBlock('cpu') });
  return { model, carried: main.carried };
}

const SETTINGS: ort.InferenceSession.SessionOptions = {
  ...{ executionProviders: ['cpu'], intraOpNumThreads: 2, executionMode: 'sequential' },
  ...{ graphOptimizationLevel: 'disabled', enableMemPattern: false, logSeverityLevel: 4 as const },
};

/** Inputs of the model: counts for what is counted, small numbers otherwise. */
function feedsOf({ inputs, randoms }: LoweredModel): Record<string, ort.Tensor> {
  const random = new Random(3, 'inputs');
  return Object.fromEntries(
    [...inputs, ...randoms].map(({ name, dtype, shape, layout }) => {
      const count = sizeOf(shape);
      const data =
        dtype === 'int32'
          ? Int32Array.from({ length: count }, (_, i) => i % 7)
          : Float32Array.from({ length: count }, () => random.uniform(0.01, 0.11));
      return [name, toRuntime(tensor(dtype, physicalShape(shape, layout), data as never))];
    }),
  );
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profile-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the plan of memory', () => {
  test.each(NETWORKS)('knows the order in which the runtime computes %s', async (_title, ...network) => {
    const { model } = await lowered(...network);
    const { nodes } = model.model.graph;
    const session = await ort.InferenceSession.create(encodeModel(model.model), {
      ...{ ...SETTINGS, enableProfiling: true, profileFilePrefix: join(folder, 'run') },
    });
    await session.run(feedsOf(model));
    session.endProfiling();
    const [file] = await readdir(folder);
    const events: { cat: string; name: string; ts: number }[] = JSON.parse(
      await readFile(join(folder, file), 'utf8'),
    );
    const ran = events
      .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
      .sort((a, b) => a.ts - b.ts)
      .map(({ name }) => name.replace(/_kernel_time$/, ''));
    await session.release();
    expect(ran).toEqual(executionOrder(nodes).map((index) => nodes[index].name));
  });

  test.each(NETWORKS)('changes no bit of %s', async (_title, ...network) => {
    const { model, carried } = await lowered(...network);
    const plan = planMemory(model, carried);
    const unplanned = await ort.InferenceSession.create(encodeModel(model.model), SETTINGS);
    const expected = await unplanned.run(feedsOf(model));
    await unplanned.release();
    const planned = await ort.InferenceSession.create(
      encodeModel(withPlacedOutputs(model.model, plan)),
      SETTINGS,
    );
    const scratch = new Scratch();
    scratch.reserve(plan.bytes);
    expect(plan.placements.length).toBeGreaterThan(20);
    const own = Object.fromEntries(model.outputs.map(({ name }) => [name, null]));
    const feeds = feedsOf(model);
    // The second run finds in the block what the first left there.
    for (let run = 0; run < 2; run++) {
      const made = await planned.run(feeds, { ...own, ...placedTensors(plan, scratch.block()) });
      for (const { name } of model.outputs) expect(made[name].data).toEqual(expected[name].data);
    }
    await planned.release();
  });

  test.each(NETWORKS)('takes less than half of all values of %s together', async (_title, ...network) => {
    const { model, carried } = await lowered(...network);
    const { placements, bytes } = planMemory(model, carried);
    const all = placements.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    expect(bytes).toBeLessThan(all / 2);
    for (const { offset, shape } of placements)
      expect(offset + 4 * sizeOf(shape)).toBeLessThanOrEqual(bytes + 64 * 2 ** 10);
  });
});
