/**
 * Seconds from an architecture to a training step that can run: graph, gradient, lowering and session. A process
 * that starts with an empty cache folder makes the first start; the next process finds what that one left.
 */
import { findModel } from '../../src/models/index.ts';
import { TrainingStep } from '../../src/train/index.ts';
import { serve, timed } from '../child.ts';
import { classifierOf, type NetworkTask } from './network.ts';

await serve<NetworkTask & { folder: string }>(async ({ model: name, batch, threads, folder }) => ({
  async measure() {
    const model = findModel(name);
    const { size } = model.input;
    const value = await timed(async () => {
      const options = { threads, images: [batch, 3, size, size], cacheFolder: folder };
      await (await TrainingStep.compile(classifierOf(model), options)).close();
    });
    return { value };
  },
}));
