/** The three settings: fixed features, fine-tuning, from scratch; pre-training, what networks cost, and what they see. */
export { type CostOptions, type CostValue, measureCost } from './cost.ts';
export { type EmbeddingOptions, type EmbeddingValue, embedding, MOST_POINTS } from './embedding.ts';
export { fixedFeatures } from './fixed.ts';
export { type PanelOptions, type PanelsValue, panelPictures, panels } from './panels.ts';
export { type Pretraining, type PretrainingOptions, type PretrainingValue, pretrain } from './pretrain.ts';
export type { FixedProtocol, Protocol, Search, TuningProtocol } from './protocol.ts';
export { type ScoresOptions, type ScoresValue, transferabilityScores } from './scores.ts';
export { gridOf, plannedSteps } from './search.ts';
export type { SettingInputs, SettingResult } from './setting.ts';
export { tuned } from './tuned.ts';
export { tunedStep } from './tuning.ts';
