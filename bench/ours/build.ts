/** Seconds from an architecture to a training step that can run: graph, gradient, lowering and session. */
import { findModel } from '../../src/models/index.ts';
import { TrainingStep } from '../../src/train/index.ts';
import { serve, timed } from '../child.ts';
import { classifierOf, type NetworkTask } from './network.ts';

await serve<NetworkTask>(async ({ model: name, batch, threads }) => ({
  async measure() {
    const model = findModel(name);
    const { size } = model.input;
    const value = await timed(async () => {
      const options = { threads, images: [batch, 3, size, size] };
      await (await TrainingStep.compile(classifierOf(model), options)).close();
    });
    return { value };
  },
}));
