/**
 * The switches of a model as a user types them behind its name, with a sign for on and off: `inception_v3-gamma+aux`,
 * `resnet50+gn`. They are those of the ablations of Kornblith et al. (arXiv 1805.08974, section 4.4), and the norm.
 */
import { Graph } from '../graph/graph.ts';
import { INFERENCE, Network, type NetworkSwitches } from '../nn/network.ts';
import { UserError } from '../util/errors.ts';
import { withSwitches } from './define.ts';
import type { Model } from './model.ts';

/** What a model's switches can be, as they are typed, each with what it says in a few words. */
export function switchesOf(model: Model): ReadonlyMap<string, string> {
  const net = new Network(new Graph(), INFERENCE);
  const { size } = model.input;
  const images = net.graph.input('images', [1, 3, size, size]);
  const { auxiliary } = net.switched({ auxiliary: true }, () => model.backbone(net, images));
  const { dropout } = model;
  const allowed = new Map<string, string>();
  if (net.variables.some(({ kind }) => kind === 'buffer')) {
    allowed.set('-gamma', 'norms without a trained scale');
    allowed.set('+gn', 'group norms for batch norms');
  }
  if (auxiliary) allowed.set('+aux', 'auxiliary classifiers');
  if (dropout !== undefined) {
    allowed.set('+dropout', `the published dropout of ${100 * dropout}% before a new classifier too`);
  }
  allowed.set('+dropout20', 'dropout of 20%, or of another rate, before the classifier');
  allowed.set('-dropout', 'no dropout anywhere');
  return allowed;
}

/** What one switch says; undefined when it says nothing. */
function readSwitch(text: string, { dropout }: Model): NetworkSwitches | undefined {
  const on = text[0] === '+';
  const word = text.slice(1);
  if (word === 'gamma') return { gamma: on };
  if (word === 'gn') return { norm: on ? 'group' : 'batch' };
  if (word === 'aux') return { auxiliary: on };
  if (word === 'dropout') return on ? (dropout === undefined ? undefined : { dropout }) : { dropout: 0 };
  const percent = on ? /^dropout([1-9]\d?)$/.exec(word)?.[1] : undefined;
  return percent === undefined ? undefined : { dropout: Number(percent) / 100 };
}

/** The switches that differ from what the model is without them, in the order in which names have them. */
function named({ gamma, norm, auxiliary, dropout }: NetworkSwitches, model: Model): string {
  const rate = dropout === model.dropout ? '+dropout' : `+dropout${Math.round(100 * (dropout ?? 0))}`;
  return [
    gamma === false ? '-gamma' : '',
    norm === 'group' ? '+gn' : '',
    auxiliary ? '+aux' : '',
    dropout === undefined ? '' : dropout === 0 ? '-dropout' : rate,
  ].join('');
}

/**
 * `model` with the switches of `text`, for example `-gamma+aux`. Switches that change nothing are no part of its name.
 * @throws UserError MODEL_SWITCH about one that is unknown, said twice, or that the model lacks
 */
export function switchedBy(model: Model, text: string): Model {
  const allowed = switchesOf(model);
  const refuse = (why: string) =>
    new UserError(
      'MODEL_SWITCH',
      `"${text}" cannot be switched for ${model.name}: ${why}.`,
      `It takes ${[...allowed].map(([form, meaning]) => `${form} (${meaning})`).join(', ')}.`,
    );
  let switches: NetworkSwitches = {};
  for (const part of text.match(/[+-][^+-]*/g) ?? []) {
    const read = readSwitch(part, model);
    if (!read) throw refuse(`there is no "${part}"`);
    const [key, value] = Object.entries(read)[0];
    if (key in switches) throw refuse(`"${part}" says once more what another switch has said`);
    const usesNorms = key === 'gamma' || key === 'norm';
    if (usesNorms && !allowed.has('+gn')) throw refuse('it has no batch norms');
    if (value === true && key === 'auxiliary' && !allowed.has('+aux')) {
      throw refuse('it has no auxiliary classifiers');
    }
    switches = { ...switches, ...read };
  }
  const suffix = named(switches, model);
  return suffix === '' ? model : withSwitches(model, model.name + suffix, switches);
}
