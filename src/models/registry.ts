/** Every built-in architecture, and finding one by its name. The list is also what the tests run over. */
import { messageOf, nearestNames, UserError } from '../util/errors.ts';
import { ALEXNETS } from './alexnet.ts';
import { BN_INCEPTIONS } from './bn-inception.ts';
import { DARKNETS } from './darknet-tiny.ts';
import { withInput } from './define.ts';
import { DENSENETS } from './densenet.ts';
import { GOOGLENETS } from './googlenet.ts';
import { INCEPTION_RESNETS_V2 } from './inception-resnet-v2.ts';
import { INCEPTIONS_V2 } from './inception-v2.ts';
import { INCEPTIONS_V3 } from './inception-v3.ts';
import { INCEPTIONS_V4 } from './inception-v4.ts';
import { MOBILENETS_V1 } from './mobilenet-v1.ts';
import { MOBILENETS_V2 } from './mobilenet-v2.ts';
import type { Model } from './model.ts';
import { NASNETS } from './nasnet.ts';
import { RESNETS } from './resnet.ts';
import { CIFAR_RESNETS } from './resnet-cifar.ts';
import { RESNETS_V2 } from './resnet-v2.ts';
import { SQUEEZENETS } from './squeezenet.ts';
import { switchedBy } from './switches.ts';
import { VGGS } from './vgg.ts';

export const MODELS: readonly Model[] = [
  ...RESNETS,
  ...RESNETS_V2,
  ...CIFAR_RESNETS,
  ...MOBILENETS_V1,
  ...MOBILENETS_V2,
  ...SQUEEZENETS,
  ...DARKNETS,
  ...DENSENETS,
  ...VGGS,
  ...ALEXNETS,
  ...NASNETS,
  ...GOOGLENETS,
  ...BN_INCEPTIONS,
  ...INCEPTIONS_V2,
  ...INCEPTIONS_V3,
  ...INCEPTIONS_V4,
  ...INCEPTION_RESNETS_V2,
];

const LARGEST_INPUT = 1024;

/**
 * The model called `name`; with switches behind the name, `inception_v3-gamma+aux`, a variant of it (`+gn`: group norms,
 * `-gamma`: norms without trained scale, `+aux`: auxiliary classifiers, `+dropout`, `+dropout20`, `-dropout`: dropout
 * before the classifier); with a size behind these, `mobilenet_v1_025@64`, another input size in pixels.
 * @throws UserError UNKNOWN_MODEL; MODEL_SWITCH, INPUT_SIZE when the network does not take that switch or size
 */
export function findModel(name: string): Model {
  const [variant, end, ...rest] = name.split('@');
  // Switches behind the size are meant as those before it.
  const [, size = end, late = ''] = /^(\d+)((?:[+-][a-z]\w*)+)$/.exec(end ?? '') ?? [];
  const [, base, early] = /^([^+-]*)(.*)$/s.exec(variant)!;
  const switches = early + late;
  const model = MODELS.find((candidate) => candidate.name === base);
  if (!model || rest.length > 0) {
    const names = MODELS.map((candidate) => candidate.name);
    throw new UserError(
      'UNKNOWN_MODEL',
      `There is no model called "${name}".`,
      `Did you mean ${nearestNames(base, names).join(', ')}? \`transferlab models\` lists all ${names.length}.`,
    );
  }
  const switched = switches === '' ? model : switchedBy(model, switches);
  return size === undefined ? switched : atSize(switched, size);
}

function atSize(model: Model, size: string): Model {
  const pixels = /^\d{1,4}$/.test(size) ? Number(size) : 0;
  if (pixels < 1 || pixels > LARGEST_INPUT) {
    throw new UserError(
      'INPUT_SIZE',
      `"${size}" is not an input size for ${model.name}.`,
      `Write a whole number of pixels up to ${LARGEST_INPUT}, for example ${model.name}@${model.input.size}.`,
    );
  }
  const resized = withInput(model, { size: pixels });
  try {
    // Reading a count builds the graph, which shows whether every layer takes the size.
    resized.featureSize;
  } catch (error) {
    throw new UserError(
      'INPUT_SIZE',
      `${model.name} does not take images of ${pixels} pixels: ${messageOf(error)}`,
      `Choose a larger size; its own is ${model.input.size}.`,
      { cause: error },
    );
  }
  return resized;
}
