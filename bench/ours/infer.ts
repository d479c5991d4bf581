/** Images per second of feature extraction, by the inference form that fixed features use. */
import { findModel, variablesOf } from '../../src/models/index.ts';
import { OnnxFunction } from '../../src/runtime/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { INPUT_NAME, networkFile } from '../../src/train/index.ts';
import { serve, timed } from '../child.ts';
import { imagesForTiming, type NetworkTask, weightsForTiming } from './network.ts';

await serve<NetworkTask & { steps: number }>(async ({ model: name, batch, threads, steps }) => {
  const model = findModel(name);
  const { size } = model.input;
  const weights = weightsForTiming(variablesOf(model).backbone);
  const file = networkFile((net, x) => model.backbone(net, x).features, 'features', size, weights);
  const network = await OnnxFunction.load(file, { threads });
  const images = tensor('float32', [batch, 3, size, size], imagesForTiming(batch, size));
  const run = () => network.run({ [INPUT_NAME]: images });
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
