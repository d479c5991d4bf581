/** An axis in logits that is read in percent: where its ticks are, and how they are written. */

/** Shares that are round to people, from the middle to the ends. */
const ROUND = [
  0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98,
  0.99, 0.995, 0.999, 0.9995, 0.9999,
];
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];

function logitOf(share: number): number {
  return Math.log(share / (1 - share));
}

function shareOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** `0.5` is `50%`. */
export function logitTick(logit: number): string {
  return `${Number((100 * shareOf(logit)).toFixed(2))}%`;
}

/** Logits of round shares inside the domain, `most` at most; evenly spaced shares where the domain is narrow. */
export function logitTicks([low, high]: readonly [number, number], most = 5): number[] {
  const [from, to] = [shareOf(low), shareOf(high)];
  const round = ROUND.filter((share) => share >= from && share <= to);
  const shares = round.length >= 3 ? apart(round, (high - low) / most) : even(from, to, most);
  return shares.map(logitOf);
}

/** Those that are `distance` logits or more from the one before. */
function apart(shares: readonly number[], distance: number): number[] {
  const kept: number[] = [];
  for (const share of shares) {
    const last = kept[kept.length - 1];
    if (last === undefined || logitOf(share) - logitOf(last) >= distance * 0.8) kept.push(share);
  }
  return kept;
}

function even(from: number, to: number, most: number): number[] {
  const step = STEPS.find((size) => (to - from) / size <= most) ?? STEPS[STEPS.length - 1];
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step).filter(
    (share) => share > 0 && share < 1,
  );
}

/** From the lowest to the highest value with room at both ends. */
export function padded(values: readonly number[], room = 0.06): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [-1, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const pad = high > low ? room * (high - low) : 0.5;
  return [low - pad, high + pad];
}
