/** Learning-rate schedules: the factor on the base rate at a step, 0 <= step < steps. */

/** Half a cosine from 1 to 0 (Loshchilov & Hutter, arXiv 1608.03983), after a linear warm-up if asked for. */
export function cosine(step: number, steps: number, warmUp = 0): number {
  if (step < warmUp) return (step + 1) / warmUp;
  return 0.5 * (1 + Math.cos((Math.PI * (step - warmUp)) / (steps - warmUp)));
}

/**
 * 1 times `factor` per epoch, after a linear warm-up: at the end of each epoch that follows the warm-up, the rate drops.
 * The published retraining on ImageNet has 10 epochs of warm-up and 0.975 (Kornblith et al., arXiv 1805.08974, A.3).
 */
export function warmUpExponential(
  step: number,
  { stepsPerEpoch, warmUpEpochs = 10, factor = 0.975 }: WarmUpExponential,
): number {
  const warmUp = warmUpEpochs * stepsPerEpoch;
  if (step < warmUp) return (step + 1) / warmUp;
  return factor ** Math.floor((step - warmUp) / stepsPerEpoch);
}

export interface WarmUpExponential {
  /** May be a fraction. */
  readonly stepsPerEpoch: number;
  readonly warmUpEpochs?: number;
  readonly factor?: number;
}
