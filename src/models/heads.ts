/** The new classifier that transfer learning puts on a backbone. */
import type { Value } from '../graph/graph.ts';
import { dropout, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import type { BackboneOutput } from './model.ts';

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
export function auxiliaryHeads(
  net: Network,
  { auxiliary = [] }: Pick<BackboneOutput, 'auxiliary'>,
  logits: (features: Value, number: number) => Value,
): void {
  for (const [index, { features, weight }] of auxiliary.entries()) {
    net.auxiliaryLogits.push({ logits: logits(features, index + 1), weight });
  }
}
