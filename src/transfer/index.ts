/** The three settings: fixed features, fine-tuning, from scratch; pre-training, and what networks cost. */
export { type CostOptions, type CostValue, measureCost } from './cost.ts';
export { fixedFeatures } from './fixed.ts';
export { type Pretraining, type PretrainingOptions, type PretrainingValue, pretrain } from './pretrain.ts';
export type { FixedProtocol, Protocol, Search, TuningProtocol } from './protocol.ts';
export { gridOf, plannedSteps } from './search.ts';
export type { SettingInputs, SettingResult } from './setting.ts';
export { tuned } from './tuned.ts';
export { tunedStep } from './tuning.ts';
