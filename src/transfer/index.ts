/** The three settings: fixed features, fine-tuning, from scratch. */
export { fixedFeatures } from './fixed.ts';
export { LAMBDA_GRID } from './logistic-regression.ts';
export type { FixedProtocol, Protocol, TuningProtocol } from './protocol.ts';
export { metricOf, type SettingInputs, type SettingResult } from './setting.ts';
export { gridOf, tuned } from './tuned.ts';
