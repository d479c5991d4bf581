/** Names of the transferability scores that a study can compute. */
export const SCORES = ['logme', 'leep', 'nce', 'hscore', 'gbc', 'transrate'] as const;

export type ScoreName = (typeof SCORES)[number];
