/** The three settings: fixed features, fine-tuning, from scratch. */
export { fixedFeatures } from './fixed.ts';
export type { FixedProtocol, Protocol, Search, TuningProtocol } from './protocol.ts';
export { gridOf, plannedSteps } from './search.ts';
export type { SettingInputs, SettingResult } from './setting.ts';
export { tuned } from './tuned.ts';
export { tunedStep } from './tuning.ts';
