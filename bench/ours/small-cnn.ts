/** Images per second of training steps of a small network: convolutions with ReLU, pooling between, a linear head. */
import { maxPool2d, relu } from '../../src/graph/build.ts';
import { conv, globalMean, linear } from '../../src/nn/index.ts';
import type { Classifier } from '../../src/train/index.ts';
import { serve, timed } from '../child.ts';
import { trainingStep } from './network.ts';

interface SmallCnn {
  readonly batch: number;
  readonly size: number;
  readonly channels: readonly number[];
  readonly classes: number;
  readonly threads: number;
}

const STEPS = 20;

const smallCnn =
  ({ channels, classes }: SmallCnn): Classifier =>
  (net, images) => {
    let x = images;
    channels.forEach((out, index) => {
      if (index > 0) x = maxPool2d(x, { kernel: 2 });
      x = relu(conv(net, `conv${index}`, x, { out, kernel: 3, padding: 1, bias: true }));
    });
    return linear(net, 'head', globalMean(x), classes);
  };

await serve<SmallCnn>(async (task) => {
  const { batch, size, classes, threads } = task;
  const network = { model: `small@${size}`, batch, threads };
  const { step, inputs } = await trainingStep(network, smallCnn(task), classes);
  let loss = 0;
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) ({ loss } = await step.run(inputs(i)));
  };
  await run(5);
  return {
    async measure() {
      const seconds = await timed(() => run(STEPS));
      return { value: (STEPS * batch) / seconds, seconds, loss };
    },
  };
});
