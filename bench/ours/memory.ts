/** Peak resident memory, in MiB, of a process that compiles a training step and runs it five times. */
import { peakResidentBytes } from '../../src/runtime/index.ts';
import { serve } from '../child.ts';
import { type NetworkTask, trainingStep } from './network.ts';

await serve<NetworkTask>(async (task) => ({
  async measure() {
    const { step, inputs } = await trainingStep(task);
    for (let i = 0; i < 5; i++) await step.run(inputs(i));
    return { value: peakResidentBytes() / 2 ** 20 };
  },
}));
