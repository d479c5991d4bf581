/** `transferlab predict model.onnx image...`: what an exported network says of images. */
import { readFile } from 'node:fs/promises';
import { centreCrop, renderFile } from '../../data/index.ts';
import { decodeModel, type InputLike, parseMetadata } from '../../onnx/index.ts';
import { OnnxFunction } from '../../runtime/index.ts';
import { tensor } from '../../tensor/tensor.ts';
import { INPUT_NAME } from '../../train/index.ts';
import { messageOf, UserError } from '../../util/errors.ts';
import type { OptionValues } from '../options.ts';
import { deviceOf, threadsOf, wholeNumber } from '../parse.ts';

/** Version of the JSON document. */
const PREDICT_VERSION = 1;

interface ImageAnswer {
  readonly image: string;
  /** The most probable classes, best first. Where an image can have several, each has a probability of its own. */
  readonly classes: readonly { label: string; probability: number }[];
}

export async function predict(
  modelPath: string,
  images: readonly string[],
  values: OptionValues,
): Promise<void> {
  const bytes = await readFile(modelPath).catch((cause) => {
    throw new UserError(
      'MODEL_UNREADABLE',
      `${modelPath} cannot be read: ${messageOf(cause)}.`,
      'Give an ONNX file that `transferlab compare` wrote.',
    );
  });
  const { labels, input, task } = parseMetadata(decodeModel(bytes));
  if (!labels || !input) {
    throw new UserError(
      'NO_METADATA',
      `${modelPath} does not say which classes it has and how images are prepared for it.`,
      'Give an ONNX file that `transferlab compare` wrote.',
    );
  }
  const top = wholeNumber(values, 'top', 1);
  const network = await OnnxFunction.load(bytes, {
    threads: threadsOf(values),
    device: await deviceOf(values),
  });
  const answers: ImageAnswer[] = [];
  const unreadable: { image: string; message: string }[] = [];
  for (const image of images) {
    try {
      const logits = await logitsOf(network, image, input);
      const probabilities = task === 'multi-label' ? logits.map(sigmoid) : softmax(logits);
      answers.push({ image, classes: best(probabilities, labels, top) });
    } catch (error) {
      unreadable.push({ image, message: messageOf(error) });
    }
  }
  await network.close();
  if (values.json === true)
    print(JSON.stringify({ kind: 'predict', version: PREDICT_VERSION, answers, unreadable }, null, 2));
  else for (const answer of answers) print(lineOf(answer));
  for (const { image, message } of unreadable) process.stderr.write(`${image}: ${message}\n`);
  if (unreadable.length > 0) process.exitCode = 1;
}

async function logitsOf(network: OnnxFunction, path: string, input: InputLike): Promise<Float32Array> {
  const { size } = input;
  const image = await renderFile(path, input.resize);
  const pixels = new Float32Array(3 * size * size);
  centreCrop(image, size, input, pixels, 0);
  const { logits } = await network.run({ [INPUT_NAME]: tensor('float32', [1, 3, size, size], pixels) });
  return logits.data as Float32Array;
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

function softmax(logits: Float32Array): Float32Array {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function best(probabilities: Float32Array, labels: readonly string[], top: number): ImageAnswer['classes'] {
  return [...probabilities]
    .map((probability, index) => ({ label: labels[index], probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

function lineOf({ image, classes }: ImageAnswer): string {
  const shown = classes.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`);
  return `${image}: ${shown.join(', ')}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
