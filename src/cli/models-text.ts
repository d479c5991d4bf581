/** The list of networks and the page of one, for a terminal of 80 columns. */
import { styleText } from 'node:util';
import type { Model } from '../models/index.ts';
import type { PublishedWeights } from '../weights/index.ts';

/** A network with what is published of weights for it. */
export interface ListedModel {
  readonly model: Model;
  readonly weights: readonly PublishedWeights[];
}

interface TextOptions {
  readonly color: boolean;
}

const NAME = 27;
const LABEL = 15;
const VARIANT = 12;
/** The input size of the example. */
const SMALLER = 128;

const bold = (text: string, { color }: TextOptions) =>
  color ? styleText('bold', text, { validateStream: false }) : text;
const rounded = (numbers: readonly number[]) => numbers.map((n) => Number(n.toPrecision(4))).join(', ');
const count = (n: number) => n.toLocaleString('en');
const millions = (n: number) => `${(n / 1e6).toFixed(2)} M`;
/** Three digits or more, so that small networks have some too. */
const work = (n: number) => (n < 9.995e8 ? `${(n / 1e6).toFixed(1)} M` : `${(n / 1e9).toFixed(2)} G`);

/** One line per network under its family, and how to go on. */
export function modelListText(listed: readonly ListedModel[], options: TextOptions): string {
  const families = [...new Set(listed.map(({ model }) => model.family))];
  const head = columns(['', 'Parameters', 'Mult-adds', 'Input', 'Features', 'Weights']);
  const lines = families.flatMap((family) => [
    bold(family, options),
    ...listed.filter(({ model }) => model.family === family).map(listLine),
  ]);
  return [
    head,
    ...lines,
    '',
    'Parameters and multiply-adds (of one image) are without the classifier.',
    'Weights: demo come with the program, here were downloaded, web can be.',
    'One network in detail: transferlab models resnet50',
    'Fewer: --family "ResNet v2", --search 1512.03385. As JSON: --json',
    '',
  ].join('\n');
}

const columns = ([name, parameters, multiplyAdds, input, features, weights]: readonly string[]): string =>
  `${name.padEnd(NAME)}${parameters.padStart(10)}${multiplyAdds.padStart(11)}${input.padStart(8)}${features.padStart(10)}  ${weights}`.trimEnd();

function listLine({ model, weights }: ListedModel): string {
  const { name, parameters, multiplyAdds, input, featureSize } = model;
  const places = new Set(weights.map(({ place }) => SHORT_PLACES[place]));
  return columns([
    `  ${name}`,
    millions(parameters),
    work(multiplyAdds),
    `${input.size} px`,
    `${featureSize}`,
    [...places].join(', '),
  ]);
}

const SHORT_PLACES = { package: 'demo', cache: 'here', network: 'web' } as const;
const PLACES = {
  package: 'comes with the program',
  cache: 'downloaded before',
  network: 'not downloaded yet',
} as const;

/** Everything about one network; `switches` as from `switchesOf`. */
export function modelText(
  { model, weights }: ListedModel,
  switches: ReadonlyMap<string, string>,
  options: TextOptions,
): string {
  const { name, family, paper, parameters, multiplyAdds, featureSize, input, originalHead } = model;
  const row = (label: string, text: string) => `  ${label.padEnd(LABEL)}${text}`;
  const forms = [...switches, ['@pixels', `another input size, as in ${name.split(/[+@-]/)[0]}@${SMALLER}`]];
  const published = originalHead
    ? [row('Classifier', `${count(originalHead.classes)} classes, as published`)]
    : [];
  return [
    bold(name, options),
    row('Family', family),
    row('Paper', paper),
    row('Parameters', `${count(parameters)} without the classifier`),
    row('Multiply-adds', `${count(multiplyAdds)} for one image`),
    row('Features', `${count(featureSize)} per image`),
    ...published,
    row('Input', `${input.size} x ${input.size} px`),
    row('', `mean ${rounded(input.mean)}`),
    row('', `deviation ${rounded(input.std)}`),
    '',
    bold('Variants, typed behind the name', options),
    ...forms.map(([form, says]) => `  ${form.padEnd(VARIANT)}${says}`),
    '',
    bold('Pre-trained weights', options),
    ...(weights.length > 0 ? weights.flatMap((entry) => weightLines(entry, model)) : ['  none known']),
    '',
    bold('Use', options),
    ...usesOf(model, weights).map((use) => `  ${use}`),
    '',
  ].join('\n');
}

function weightLines(weights: PublishedWeights, model: Model): string[] {
  const { name, place, licence, input } = weights;
  const [variant] = weights.model.split('@');
  const { crop, interpolation } = input;
  const seen = crop === undefined ? '' : `, crop ${crop}, ${interpolation}`;
  return [
    variant === model.name.split('@')[0] ? `  ${name}` : `  ${name} (${variant})`,
    `    ${PLACES[place]}; ${input.size} px${seen}; ${licence}`,
  ];
}

function usesOf({ name }: Model, weights: readonly PublishedWeights[]): string[] {
  // One that is here already, else the first.
  const best = weights.find(({ place }) => place !== 'network') ?? weights[0];
  return [
    ...(best ? [`transferlab compare FOLDER --models ${best.name}`] : []),
    `transferlab compare FOLDER --models ${name}=FILE.safetensors`,
    `transferlab compare FOLDER --models ${name} --settings scratch`,
  ];
}
