/** Images per second of training steps: forward, backward and Nesterov update, input copy and loss included. */
import { invariant } from '../../src/util/errors.ts';
import { serve, timed } from '../child.ts';
import { type NetworkTask, trainingStep } from './network.ts';

const WARM_UP = 2;

await serve<NetworkTask & { steps: number }>(async (task) => {
  const { step, inputs } = await trainingStep(task);
  let index = 0;
  const run = async () => {
    const { loss } = await step.run(inputs(index++));
    invariant(Number.isFinite(loss), `the loss of step ${index} is ${loss}`);
  };
  for (let i = 0; i < WARM_UP; i++) await run();
  return {
    async measure() {
      const seconds = await timed(async () => {
        for (let i = 0; i < task.steps; i++) await run();
      });
      return { value: (task.steps * task.batch) / seconds, seconds };
    },
  };
});
