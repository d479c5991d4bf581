/** The scores by name. Apart from them, since naming a score should not load what computes it. */
export const SCORES = ['logme', 'leep', 'nce', 'hscore', 'gbc', 'transrate'] as const;

export type ScoreName = (typeof SCORES)[number];

/** As their papers write them. */
export const SCORE_NAMES: Readonly<Record<ScoreName, string>> = {
  logme: 'LogME',
  leep: 'LEEP',
  nce: 'NCE',
  hscore: 'H-score',
  gbc: 'GBC',
  transrate: 'TransRate',
};
