/**
 * What the Inception networks share: convolution with norm and ReLU, branches side by side, auxiliary classifiers, which
 * NASNet-A has too.
 */
import { averagePool2d, concat, maxPool2d, type PairLike, pad, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal, type Initializer, normalInit } from '../nn/init.ts';
import { conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel } from './define.ts';
import { type LinearHeadOptions, linearHead } from './heads.ts';
import type { BackboneOutput, InputSpecification, Model } from './model.ts';

/** Pixels from -1 to 1, as TensorFlow's Inception networks take them; torchvision's `transform_input` makes them so. */
export const INCEPTION_INPUT: Omit<InputSpecification, 'size'> = {
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** Pixels that Inception v3 and later take. */
export const INCEPTION_SIZE = 299;
/** Input size of their miniatures: the smallest whose last map still has 2 x 2 pixels. */
export const MINIATURE_SIZE = 107;

/** The classifier on the auxiliary branch of Inception v3 and later, and of NASNet-A. */
export const AUXILIARY_LAYER: LinearHeadOptions['auxiliary'] = {
  prefixes: ['AuxLogits.'],
  initializer: normalInit(0.001),
  layer: () => 'AuxLogits.fc',
};

/** Weight of the auxiliary loss in the training of Inception v3 and later: TF-Slim's and torchvision's. */
const AUXILIARY_WEIGHT = 0.4;

/**
 * Published output channels and kernel. `same`, the default: padded so that the size stays; `valid`: not padded;
 * `halve`: not padded, stride 2.
 */
export type Unit = readonly [out: number, kernel: PairLike, how?: 'same' | 'valid' | 'halve'];

/** The layers of a network whose channels are a share `width` of the published ones. */
export class InceptionLayers {
  constructor(
    readonly net: Network,
    private readonly width: number,
  ) {}

  channels(published: number): number {
    return Math.max(1, Math.round(published * this.width));
  }

  /** Convolution `name.conv`, norm `name.bn`, ReLU. */
  unit(
    name: string,
    x: Value,
    [out, kernel, how = 'same']: Unit,
    initializer: Initializer = heNormal(),
  ): Value {
    const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const y = convNorm(this.net, `${name}.conv`, `${name}.bn`, x, {
      out: this.channels(out),
      kernel,
      strides: how === 'halve' ? 2 : 1,
      padding: how === 'same' ? [(kh - 1) / 2, (kw - 1) / 2] : 0,
      initializer,
      epsilon: 1e-3,
    });
    return relu(y);
  }

  /** Units `name.0`, `name.1` and so on, one after another; `first` where a sequence begins with something else. */
  chain(name: string, x: Value, units: readonly Unit[], first = 0): Value {
    return units.reduce((y, unit, index) => this.unit(`${name}.${first + index}`, y, unit), x);
  }

  /** A linear 1x1 convolution with bias to `out` channels, which are already those of this width. */
  projection(name: string, x: Value, out: number): Value {
    return conv(this.net, name, x, { out, kernel: 1, bias: true });
  }

  /**
   * The branch of an auxiliary classifier (Szegedy et al., arXiv 1512.00567, section 4): units `name.conv0` and
   * `name.conv1`. Maps of smaller images than the published are pooled less and padded to the 5 x 5 of the kernel; a
   * `whole` kernel, NASNet-A's, is as large as the pooled map instead.
   */
  auxiliary(name: string, x: Value, reach: 'five' | 'whole' = 'five'): BackboneOutput['auxiliary'] {
    if (!this.net.switches.auxiliary) return undefined;
    const kernel = [Math.min(5, x.shape[2]), Math.min(5, x.shape[3])] as const;
    let y = averagePool2d(x, { kernel, strides: 3 });
    y = this.unit(`${name}.conv0`, y, [128, 1]);
    const [height, width] = reach === 'five' ? [5, 5] : y.shape.slice(2);
    const missing = [Math.max(0, height - y.shape[2]), Math.max(0, width - y.shape[3])];
    if (missing.some((extent) => extent > 0)) {
      const before = missing.map((extent) => Math.ceil(extent / 2));
      const after = missing.map((extent) => Math.floor(extent / 2));
      y = pad(y, [0, 0, ...before], [0, 0, ...after]);
    }
    y = this.unit(`${name}.conv1`, y, [768, [height, width], 'valid'], normalInit(0.01));
    return [{ features: globalMean(y), weight: AUXILIARY_WEIGHT }];
  }
}

/** What the variants of a network have in common: where it was published, and its classifier. */
interface InceptionFamily {
  readonly family: string;
  readonly paper: string;
  readonly classifier: string;
  /** Before the classifier: layer and rate. */
  readonly dropout: readonly [layer: string, rate: number];
  /** Default: the one classifier that Inception v3 and later have. */
  readonly auxiliary?: LinearHeadOptions['auxiliary'];
}

/** A variant of the family by its name, its input size in pixels and its backbone. */
export const inceptionVariants =
  ({ family, paper, classifier, dropout, auxiliary = AUXILIARY_LAYER }: InceptionFamily) =>
  (name: string, size: number, backbone: Model['backbone']): Model =>
    defineModel({
      name,
      family,
      paper,
      input: { ...INCEPTION_INPUT, size },
      dropout: dropout[1],
      backbone,
      originalHead: linearHead(classifier, { dropout, auxiliary }),
    });

export const sideBySide = (branches: readonly Value[]): Value => concat(branches, 1);

/** 3 x 3, stride 2, not padded. */
export const halvingMaxPool = (x: Value): Value => maxPool2d(x, { kernel: 3, strides: 2 });

/** 3 x 3, stride 1, of the same size; the published networks differ in whether zeros at the rim count. */
export const smoothingPool = (x: Value, countIncludePad: boolean): Value =>
  averagePool2d(x, { kernel: 3, strides: 1, padding: 1, countIncludePad });
