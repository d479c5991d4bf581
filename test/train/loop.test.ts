/** The loop over real batches: it learns, and goes on from a state where it was interrupted. */
import { expect, test } from 'vitest';
import { relu } from '../../src/graph/index.ts';
import { batchNorm, conv, dropout, globalMean, initialize, linear } from '../../src/nn/index.ts';
import { TrainingStep, train } from '../../src/train/index.ts';
import type { Classifier } from '../../src/train/step-graph.ts';
import { colourLoader } from './colour-loader.ts';

const classifier: Classifier = (net, images) => {
  const x = relu(batchNorm(net, 'bn', conv(net, 'conv', images, { out: 6, kernel: 3, padding: 1 })));
  return linear(net, 'fc', dropout(net, 'dropout', globalMean(x), 0.2), 3);
};

const OPTIONS = { steps: 20, learningRate: 0.1, weightDecay: 1e-4, statisticsDecay: 0.9, seed: 1 };

async function open(): Promise<TrainingStep> {
  const step = await TrainingStep.compile(classifier, { images: [6, 3, 12, 12], threads: 1 });
  step.load(initialize(step.variables, 1));
  return step;
}

test('colours are learnt, and a run in two parts ends as one in a piece', async () => {
  const [whole, wholeBatches] = [await open(), await colourLoader(6, 12)];
  const run = await train(whole, wholeBatches.loader, OPTIONS);
  expect([run.status, run.steps]).toEqual(['finished', 20]);
  expect(run.curve.at(-1)!.loss).toBeLessThan(0.7 * run.curve[0].loss);
  expect(run.seconds.waiting).toBe(wholeBatches.loader.waitedSeconds);
  expect(run.seconds.waiting).toBeLessThan(run.seconds.total);

  const [first, firstBatches] = [await open(), await colourLoader(6, 12)];
  const stopped = await train(first, firstBatches.loader, {
    ...OPTIONS,
    checkpoints: [8],
    onCheckpoint: async () => 'stop',
  });
  expect([stopped.status, stopped.steps]).toEqual(['stopped', 8]);

  const [second, secondBatches] = [await open(), await colourLoader(6, 12, 8)];
  second.restore(first.state());
  const resumed = await train(second, secondBatches.loader, { ...OPTIONS, startStep: 8 });
  expect(resumed.curve).toEqual(run.curve.slice(8));
  expect(second.state()).toEqual(whole.state());
  for (const each of [whole, first, second, wholeBatches, firstBatches, secondBatches]) await each.close();
});
