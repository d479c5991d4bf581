/** The three settings: fixed features, fine-tuning, from scratch. */
export { fixedFeatures } from './fixed.ts';
export type { FixedProtocol, Protocol, TuningProtocol } from './protocol.ts';
export type { SettingInputs, SettingResult } from './setting.ts';
export { gridOf, tuned, tunedStep } from './tuned.ts';
