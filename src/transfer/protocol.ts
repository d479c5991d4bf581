/** What a protocol says of the three settings. Protocols themselves are data, see `../study/protocols.ts`. */
import type { View } from '../data/index.ts';

export interface FixedProtocol {
  /** L2 strengths of the logistic regression. */
  readonly lambdas: readonly number[];
  /** Largest relative excess of the regression's loss over its minimum at which a fit ends. */
  readonly tolerance: number;
  /**
   * The path, from strong to weak, ends after so many strengths in a row without a better validation metric;
   * `null`: it is run to the end.
   */
  readonly patience: number | null;
  /** How an image becomes the network's input, apart from its size. */
  readonly view: Omit<View, 'size'>;
}

/** In which order, and how far, the points of the grid are tried. */
export type Search =
  /**
   * Every point to the end of its run. After that, `refinements` times, the neighbours of the best point at half the
   * spacing of the time before.
   */
  | { readonly kind: 'grid'; readonly refinements: number }
  /**
   * Successive halving: every point to the share `first` of its steps, then the best 1 / `eta` of them to `eta` times
   * that share, and so on, the last ones to the end. What is cut short is a run of full length, with its schedule.
   */
  | { readonly kind: 'halving'; readonly first: number; readonly eta: number };

export interface TuningProtocol {
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRates: readonly number[];
  /** Before division by the learning rate. */
  readonly weightDecays: readonly number[];
  /** Whether the weight decay of a trial is the grid's value divided by its learning rate. */
  readonly divideDecayByRate: boolean;
  readonly momentum: number;
  readonly labelSmoothing: number;
  /** Share of the features dropped before the new classifier. */
  readonly dropout: number;
  /** Share of the image that the smallest random crop covers. */
  readonly smallestCrop: number;
  /** Images are resized to input size / cropRatio and cropped in the centre at test time. */
  readonly cropRatio: number;
  readonly filter: View['filter'];
  /**
   * Trials are given up when, after one of these shares of the steps, their validation metric lies more than
   * `margin` below the best that an earlier trial had there. `null`: none is; so with halving, which has its own way.
   */
  readonly giveUp: { readonly after: readonly number[]; readonly margin: number } | null;
  readonly search: Search;
}

export interface Protocol {
  readonly name: string;
  readonly description: string;
  /** The name of the protocol that this one was changed from. */
  readonly base?: string;
  readonly fixed: FixedProtocol;
  readonly finetune: TuningProtocol;
  readonly scratch: TuningProtocol;
}
