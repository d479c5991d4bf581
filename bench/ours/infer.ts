/** Images per second of feature extraction, as fixed features do it. */
import { findModel, variablesOf } from '../../src/models/index.ts';
import { compileImageFunction } from '../../src/train/index.ts';
import { serve, timed } from '../child.ts';
import { imagesForTiming, type NetworkTask, weightsForTiming } from './network.ts';

await serve<NetworkTask & { steps: number }>(async ({ model: name, batch, threads, steps }) => {
  const model = findModel(name);
  const { size } = model.input;
  const weights = weightsForTiming(variablesOf(model).backbone);
  const shape = [batch, 3, size, size];
  const network = await compileImageFunction((net, x) => model.backbone(net, x).features, shape, weights, {
    threads,
  });
  const images = imagesForTiming(batch, size);
  const run = () => network.run(images);
  for (let i = 0; i < 2; i++) await run();
  return {
    async measure() {
      const seconds = await timed(async () => {
        for (let i = 0; i < steps; i++) await run();
      });
      return { value: (steps * batch) / seconds, seconds };
    },
  };
});
