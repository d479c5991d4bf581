/**
 * The claims of S. Kornblith, J. Shlens & Q. V. Le, "Do better ImageNet models transfer better?", 2019, held against a
 * study. A verdict needs an interval: where there are too few networks, data sets or runs for one, it is `not enough
 * data`, and a claim that merely looks right is not called supported.
 */
import type { StudyInput } from '../input.ts';
import type { Claim } from '../schema.ts';
import { CORRELATION_CLAIMS } from './correlation.ts';
import type { ClaimDefinition, Unjudged } from './definition.ts';
import { EXPERIMENT_CLAIMS } from './experiments.ts';
import { REGULARISATION_CLAIMS } from './regularisation.ts';
import { SETTING_CLAIMS } from './settings.ts';

const CLAIMS: readonly ClaimDefinition[] = [
  ...CORRELATION_CLAIMS,
  ...SETTING_CLAIMS,
  ...REGULARISATION_CLAIMS,
  ...EXPERIMENT_CLAIMS,
];

/** Names by which data sets of fine-grained classes are known where the study does not say which are. */
const FINE_GRAINED = /cars|aircraft|\bfine\b/i;

/** Every claim with this study's value and verdict, in the order of the paper. */
export function judgeClaims(document: Unjudged, input: Pick<StudyInput, 'fineGrained'>): Claim[] {
  const names = document.datasets.map(({ name }) => name);
  const fineGrained = names.filter((name) => input.fineGrained?.includes(name) ?? FINE_GRAINED.test(name));
  return CLAIMS.map(({ evidence, ...claim }) => ({ ...claim, ...evidence(document, fineGrained) }));
}
