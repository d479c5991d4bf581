/** The pair of layers that most families are made of. */
import type { Value } from '../graph/graph.ts';
import { batchNorm, type ConvLayerOptions, conv } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';

/** A convolution named `convName` without bias, then a batch norm named `normName`. */
export function convNorm(
  net: Network,
  convName: string,
  normName: string,
  x: Value,
  options: ConvLayerOptions & { epsilon?: number },
): Value {
  const { epsilon, ...convOptions } = options;
  return batchNorm(net, normName, conv(net, convName, x, convOptions), { epsilon });
}
