/** Learning-rate schedules: the factor on the base rate at a step, 0 <= step < steps. */

/** Half a cosine from 1 to 0 (Loshchilov & Hutter, arXiv 1608.03983), after a linear warm-up if asked for. */
export function cosine(step: number, steps: number, warmUp = 0): number {
  if (step < warmUp) return (step + 1) / warmUp;
  return 0.5 * (1 + Math.cos((Math.PI * (step - warmUp)) / (steps - warmUp)));
}
