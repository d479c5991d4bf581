/** What a model is to the rest of the program: a backbone that makes penultimate features, and its input. */
import type { Value } from '../graph/graph.ts';
import type { Network, NetworkSwitches } from '../nn/network.ts';

/** How pixels become the network's input: 8-bit RGB / 255, minus mean, divided by std, per channel. */
export interface InputSpecification {
  /** Height and width in pixels. */
  readonly size: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface BackboneOutput {
  /** The last feature map [N, C, h, w], before pooling or fully connected layers; an original head may start from it. */
  readonly map: Value;
  /** Penultimate features [N, F]. */
  readonly features: Value;
  /**
   * The last maps of strides 4, 8, 16 and 32, as detectors take them (C2 to C5), where an architecture has these. The
   * sizes of images should be multiples of 32: architectures differ in how they round others.
   */
  readonly stages?: readonly Value[];
  /** Features [N, F] of auxiliary classifiers, where those are switched on, and the published weights of their losses. */
  readonly auxiliary?: readonly { readonly features: Value; readonly weight: number }[];
  /** Rate of the dropout that a classifier has before it, where that is switched. */
  readonly dropout?: number;
}

export interface Model {
  /** Registry name with its switches and size, or the file name of an imported network. */
  readonly name: string;
  readonly family: string;
  /** Where the architecture was published. */
  readonly paper: string;
  readonly input: InputSpecification;
  readonly featureSize: number;
  /** Parameters without the classifier. */
  readonly parameters: number;
  /** Multiply-adds of the backbone for one image. */
  readonly multiplyAdds: number;
  /** How it differs from its published form. */
  readonly switches?: NetworkSwitches;
  /** Rate of the dropout before the classifier that it was published with. */
  readonly dropout?: number;
  /** images [N, 3, size, size] -> features. Declares its variables in `net`. */
  backbone(net: Network, images: Value): BackboneOutput;
  /**
   * The head that the network was published with. Its variables' names begin with one of `prefixes`, and so do those of
   * auxiliary classifiers, which files hold although the backbone has them only when they are switched on.
   */
  readonly originalHead?: {
    readonly classes: number;
    readonly prefixes: readonly string[];
    logits(net: Network, output: BackboneOutput): Value;
  };
}
