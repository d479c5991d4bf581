/** Names of the transferability scores that a study can compute. */
export { SCORES, type ScoreName } from '../stats/transferability/names.ts';
