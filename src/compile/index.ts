/** From graphs to ONNX models. */
export { separateConstants } from './constants.ts';
export {
  type Convolution,
  candidatesOf,
  convolutionsOf,
  formulationsVersion,
  lowerAlone,
  staysInBlocks,
} from './convolutions.ts';
export {
  movesNothing,
  orderOf,
  permutationBetween,
  physicalShape,
} from './layout.ts';
export { type LoweredModel, lower, type Port } from './lower.ts';
export { type MemoryPlan, planMemory } from './memory.ts';
export { BLOCKED_DOMAIN } from './rows.ts';
export { type ValueType, valueTypes } from './shapes.ts';
export type { Formulations } from './tune.ts';
