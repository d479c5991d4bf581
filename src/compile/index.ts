/** From graphs to ONNX models. */
export {
  type Form,
  type Layout,
  movesNothing,
  orderOf,
  permutationBetween,
  physicalShape,
} from './layout.ts';
export { type LoweredModel, type LowerOptions, lower, type Port } from './lower.ts';
