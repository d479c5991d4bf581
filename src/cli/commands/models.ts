/** `transferlab models`: the built-in architectures. */
import { MODELS } from '../../models/index.ts';
import type { OptionValues } from '../options.ts';

/** Version of the JSON document. */
const MODELS_VERSION = 1;

export function models(values: OptionValues): void {
  const rows = MODELS.map(({ name, family, parameters, multiplyAdds, featureSize, input, paper }) => ({
    name,
    family,
    parameters,
    multiplyAdds,
    featureSize,
    inputSize: input.size,
    paper,
  }));
  if (values.json === true) {
    process.stdout.write(
      `${JSON.stringify({ kind: 'models', version: MODELS_VERSION, models: rows }, null, 2)}\n`,
    );
    return;
  }
  const line = (cells: readonly string[]) =>
    `${cells[0].padEnd(26)}${cells[1].padStart(10)}${cells[2].padStart(10)}${cells[3].padStart(8)}${cells[4].padStart(9)}`;
  const lines = rows.map(({ name, parameters, multiplyAdds, featureSize, inputSize }) =>
    line([
      name,
      inMillions(parameters, 2),
      inMillions(multiplyAdds, 0),
      `${inputSize} px`,
      String(featureSize),
    ]),
  );
  process.stdout.write(
    [
      line(['Architecture', 'Weights', 'Mult-adds', 'Input', 'Features']),
      ...lines,
      '',
      'Alone, a name is trained from scratch. With pre-trained weights: name=file.safetensors.',
      'At another input size: name@pixels.',
      '',
    ].join('\n'),
  );
}

const inMillions = (count: number, digits: number) => `${(count / 1e6).toFixed(digits)} M`;
