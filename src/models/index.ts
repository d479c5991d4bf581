/** Architectures: the registry, the contract, and the head for transfer. */
export { IMAGENET_INPUT, variablesOf, withInput } from './define.ts';
export type { BackboneOutput, InputSpecification, Model } from './model.ts';
export { findModel, MODELS } from './registry.ts';
export { TRANSFER_HEAD_PREFIX, transferHead } from './transfer-head.ts';
