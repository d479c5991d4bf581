/** `npm run pretrain:demo`: the weights that ship in `assets/weights`, trained on `procedural/source`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openProceduralDataset } from '../../data/index.ts';
import { findModel } from '../../models/index.ts';
import { type PretrainingOptions, pretrain } from '../../transfer/index.ts';
import type { ProgressEvent } from '../../util/progress.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, deviceOf, textOf, threadsOf } from '../parse.ts';
import { ProgressDisplay } from '../progress.ts';

interface Recipe {
  /** File name in the weights folder, and `demo/NAME` on the command line. */
  readonly file: string;
  readonly model: string;
  readonly epochs: number;
}

const RECIPES: readonly Recipe[] = [
  { file: 'resnet18_025', model: 'resnet18_025@64', epochs: 8 },
  { file: 'mobilenet_v1_025', model: 'mobilenet_v1_025@64', epochs: 8 },
  { file: 'mobilenet_v2_035', model: 'mobilenet_v2_035@48', epochs: 5 },
];

const TRAINING: Omit<PretrainingOptions, 'epochs' | 'steps'> = {
  batchSize: 64,
  learningRate: 0.07,
  weightDecay: 5e-4,
  // Smaller crops often miss the object, and training then stays at chance for thousands of steps.
  smallestCrop: 0.8,
  source: 'trained on procedural/source by npm run pretrain:demo',
  licence: 'Apache-2.0',
};

/** Version of the JSON document. */
const PRETRAIN_VERSION = 1;

export async function pretrainDemo(values: OptionValues): Promise<void> {
  const out = textOf(values, 'out') || join('assets', 'weights');
  await mkdir(out, { recursive: true });
  const dataset = openProceduralDataset('procedural/source');
  const engine = { threads: threadsOf(values), device: await deviceOf(values) };
  const networks: { file: string; testAccuracy: number }[] = [];
  for (const { file: name, model, epochs } of RECIPES) {
    const display = new ProgressDisplay();
    const inputs = {
      ...{
        dataset,
        model: findModel(model),
        weights: undefined,
        seed: 0,
        cacheFolder: cacheFolderOf(values),
      },
      ...engine,
      onProgress: ({ phase, done, total, note }: ProgressEvent) =>
        display.update(done / total, `${name}: ${note ?? phase}`),
    };
    const { value, file } = await pretrain(inputs, { ...TRAINING, epochs }).finally(() => display.stop());
    await writeFile(join(out, `${name}.safetensors`), file.bytes);
    networks.push({ file: name, testAccuracy: value.sourceAccuracy });
    process.stderr.write(
      `${name}: ${(100 * value.sourceAccuracy).toFixed(1)}% of the source set's test images right\n`,
    );
  }
  if (values.json === true)
    process.stdout.write(
      `${JSON.stringify({ kind: 'pretrain-demo', version: PRETRAIN_VERSION, networks }, null, 2)}\n`,
    );
}
