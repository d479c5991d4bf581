/** Architectures: the registry, the contract, and the head for transfer. */
export { variablesOf, withInput } from './define.ts';
export { transferHead } from './heads.ts';
export type { BackboneOutput, InputSpecification, Model } from './model.ts';
export { findModel, MODELS } from './registry.ts';
export { switchesOf } from './switches.ts';
