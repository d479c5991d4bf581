/** `transferlab models [name]`: the built-in networks, or one of them in detail. */
import { findModel, MODELS, type Model, switchesOf } from '../../models/index.ts';
import { UserError } from '../../util/errors.ts';
import { publishedWeights } from '../../weights/index.ts';
import { type ListedModel, modelListText, modelText } from '../models-text.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, textOf } from '../parse.ts';
import { print } from '../print.ts';
import { terminalOf } from '../terminal.ts';

/**
 * Prints all networks, those that `--family` and `--search` leave, or the page of `name`; with `--json` a list of
 * objects or one object.
 * @throws UserError UNKNOWN_MODEL, MODEL_SWITCH, INPUT_SIZE, UNKNOWN_FAMILY, NO_MODEL_FOUND
 */
export async function models(name: string | undefined, values: OptionValues): Promise<void> {
  const chosen = name === undefined ? filtered(values) : [findModel(name)];
  const published = await publishedWeights(cacheFolderOf(values));
  const listed = chosen.map(
    (model): ListedModel => ({ model, weights: published.filter((row) => suits(row.model, model.name)) }),
  );
  const { color } = terminalOf();
  const entries = listed.map(jsonEntry);
  if (name === undefined) return print(values, entries, () => modelListText(listed, { color }));
  const switches = switchesOf(findModel(withoutVariant(name)));
  print(values, entries[0], () => modelText(listed[0], switches, { color }));
}

const withoutVariant = (name: string): string => name.split(/[+@-]/)[0];

/** Whether weights of the network `from` are listed with `name`: those of a variant with it and with the plain network. */
function suits(from: string, name: string): boolean {
  const [variant] = name.split('@');
  return from.split('@')[0] === variant || withoutVariant(from) === variant;
}

function filtered(values: OptionValues): Model[] {
  const [family, search] = [textOf(values, 'family'), textOf(values, 'search').toLowerCase()];
  const ofFamily = family === '' ? MODELS : inFamily(family);
  const found = ofFamily.filter(({ name, family, paper }) =>
    `${name}\n${family}\n${paper}`.toLowerCase().includes(search),
  );
  if (found.length > 0) return found;
  throw new UserError(
    'NO_MODEL_FOUND',
    `No network has "${textOf(values, 'search')}" in its name, family or paper.`,
    '`transferlab models` lists all; `--models file.onnx` takes any other classifier.',
  );
}

/** The networks of the family of that name, or else of families whose names contain it. */
function inFamily(text: string): Model[] {
  const wanted = text.toLowerCase();
  const families = [...new Set(MODELS.map(({ family }) => family))];
  const exact = families.filter((family) => family.toLowerCase() === wanted);
  const chosen =
    exact.length > 0 ? exact : families.filter((family) => family.toLowerCase().includes(wanted));
  if (chosen.length > 0) return MODELS.filter(({ family }) => chosen.includes(family));
  throw new UserError(
    'UNKNOWN_FAMILY',
    `There is no family "${text}".`,
    `Families are ${families.join(', ')}.`,
  );
}

function jsonEntry({ model, weights }: ListedModel) {
  const { name, family, paper, parameters, multiplyAdds, featureSize, input } = model;
  return {
    name,
    family,
    paper,
    parameters,
    multiplyAdds,
    featureSize,
    inputSize: input.size,
    mean: input.mean,
    std: input.std,
    weights,
  };
}
