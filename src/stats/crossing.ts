/**
 * The point from which on one learning curve stays above another, for example the data-set size where fine-tuning
 * overtakes fixed features.
 *
 * Purpose: curves are known at a few sizes only. Between neighbouring sizes the difference is taken as linear in the
 * logarithm of the size. What chance in drawing the subsets does to the point is bootstrapped.
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, section 4.8, reads such points
 * (47 to 800 examples) off its figure 10; the bootstrap within groups: A. C. Davison & D. V. Hinkley, "Bootstrap methods
 * and their application", 1997, section 3.2.
 * Example: a = [[1], [3]], b = [[2], [2]] at sizes 100 and 400 cross at 200.
 */
import { invariant } from '../util/errors.ts';
import { type BootstrapOptions, drawer, percentileInterval } from './bootstrap.ts';

/** `crosses`: a is ahead from one of the sizes on; `always`: at all sizes tried; `never`: not at the largest. */
type CrossingKind = 'crosses' | 'always' | 'never';

export interface Crossing {
  readonly kind: CrossingKind;
  /** The size above which a stays ahead; null unless `kind` is `crosses`. */
  readonly at: number | null;
  /**
   * Bootstrap interval of `at`; an end that is null lies beyond the sizes tried. Null altogether when no size has two
   * subsets.
   */
  readonly interval: { readonly low: number | null; readonly high: number | null } | null;
  /** Shares of the resamples of each kind, which say what is known where ends are null; null where `interval` is. */
  readonly draws: Readonly<Record<CrossingKind, number>> | null;
}

/**
 * @param sizes ascending, above 0; at least two
 * @param a, b `a[k][s]`: result of the first curve at `sizes[k]` on subset s; b on the same subsets, so that both are
 *   drawn together. Accuracies or logits; at least one subset at each size.
 */
export function crossing(
  sizes: readonly number[],
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
  { seed = 0, resamples = 2000, confidence = 0.95 }: BootstrapOptions = {},
): Crossing {
  invariant(
    sizes.length > 1 && sizes.every((size, k) => size > (k === 0 ? 0 : sizes[k - 1])),
    'crossing curves need two ascending sizes or more',
  );
  const differences = sizes.map((_, k) => {
    invariant(
      a[k].length === b[k].length && a[k].length > 0,
      'both curves need the same subsets at each size',
    );
    return a[k].map((value, s) => value - b[k][s]);
  });
  const found = overtaking(sizes, differences.map(mean));
  const beyond = (x: number) => (x < sizes[0] || x > sizes[sizes.length - 1] ? null : x);
  const point = { kind: kindOf(found), at: beyond(found) };
  if (differences.every((values) => values.length === 1)) return { ...point, interval: null, draws: null };
  const draw = drawer(seed);
  const results = Float64Array.from({ length: resamples }, () =>
    overtaking(
      sizes,
      differences.map((values) => mean(values.map(() => values[draw(values.length)]))),
    ),
  );
  const share = (kind: CrossingKind) => results.filter((x) => kindOf(x) === kind).length / resamples;
  const draws = { always: share('always'), crosses: share('crosses'), never: share('never') };
  const { low, high } = percentileInterval(results.sort(), confidence);
  return { ...point, interval: { low: beyond(low), high: beyond(high) }, draws };
}

function kindOf(overtaken: number): CrossingKind {
  if (overtaken === 0) return 'always';
  return overtaken === Number.POSITIVE_INFINITY ? 'never' : 'crosses';
}

/** Where the difference leaves 0 upwards for the last time: 0 when it is above throughout, infinite when not at the end. */
function overtaking(sizes: readonly number[], differences: readonly number[]): number {
  const last = differences.findLastIndex((difference) => difference <= 0);
  if (last === -1) return 0;
  if (last === sizes.length - 1) return Number.POSITIVE_INFINITY;
  const part = differences[last] / (differences[last] - differences[last + 1]);
  return sizes[last] * (sizes[last + 1] / sizes[last]) ** part;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
