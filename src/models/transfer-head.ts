/** The new classifier that transfer learning puts on a backbone. */
import type { Value } from '../graph/graph.ts';
import { dropout, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';

/** What the names of the head's variables begin with: `head.weight` and `head.bias`. */
export const TRANSFER_HEAD_PREFIX = 'head.';

/** Features [N, F] -> logits [N, classes]: dropout of a share of the features, if asked for, then one linear layer. */
export function transferHead(
  net: Network,
  features: Value,
  classes: number,
  options: { dropout?: number } = {},
): Value {
  const { dropout: rate = 0 } = options;
  return linear(net, 'head', dropout(net, 'head.dropout', features, rate), classes);
}
