/** Classifiers on backbones: those that networks were published with, and the new one of transfer learning. */
import type { Value } from '../graph/graph.ts';
import type { Initializer } from '../nn/init.ts';
import { dropout, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import type { BackboneOutput, Model } from './model.ts';

/** What the names of the head's variables begin with: `head.weight` and `head.bias`. */
export const TRANSFER_HEAD_PREFIX = 'head.';

/**
 * Output of a backbone -> logits [N, classes]: dropout of a share of the features, if the model has it switched or the
 * options ask for it, then one linear layer; one more on each auxiliary branch, whose logits join the network's.
 */
export function transferHead(
  net: Network,
  output: Pick<BackboneOutput, 'features' | 'auxiliary' | 'dropout'>,
  classes: number,
  options: { dropout?: number } = {},
): Value {
  const { features, dropout: rate = options.dropout ?? 0 } = output;
  auxiliaryHeads(net, output, (branch, number) => linear(net, `head.auxiliary${number}`, branch, classes));
  return linear(net, 'head', dropout(net, 'head.dropout', features, rate), classes);
}

/** Makes the logits of auxiliary branches, numbered from 1, and hands them to the network for its loss. */
function auxiliaryHeads(
  net: Network,
  { auxiliary = [] }: Pick<BackboneOutput, 'auxiliary'>,
  logits: (features: Value, number: number) => Value,
): void {
  for (const [index, { features, weight }] of auxiliary.entries()) {
    net.auxiliaryLogits.push({ logits: logits(features, index + 1), weight });
  }
}

export interface LinearHeadOptions {
  /** 1,000 unless stated. */
  readonly classes?: number;
  /** Of the layer's weight; `linear`'s own unless stated. */
  readonly initializer?: Initializer;
  /** Name and rate of a dropout between features and layer. */
  readonly dropout?: readonly [name: string, rate: number];
  /** The layers of auxiliary branches, numbered from 1. */
  readonly auxiliary?: {
    readonly prefixes: readonly string[];
    readonly initializer?: Initializer;
    layer(number: number): string;
  };
}

/** The head of a published network whose classifier is one linear layer called `name` on the features. */
export function linearHead(
  name: string,
  options: LinearHeadOptions = {},
): NonNullable<Model['originalHead']> {
  const { classes = 1000, initializer, dropout: dropped, auxiliary } = options;
  return {
    classes,
    prefixes: [`${name}.`, ...(auxiliary?.prefixes ?? [])],
    logits(net, output) {
      if (auxiliary) {
        auxiliaryHeads(net, output, (x, number) =>
          linear(net, auxiliary.layer(number), x, classes, auxiliary.initializer),
        );
      }
      const kept = dropped ? dropout(net, dropped[0], output.features, dropped[1]) : output.features;
      return linear(net, name, kept, classes, initializer);
    },
  };
}
