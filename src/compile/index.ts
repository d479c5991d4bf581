/** From graphs to ONNX models. */
export {
  movesNothing,
  orderOf,
  permutationBetween,
  physicalShape,
} from './layout.ts';
export { type LoweredModel, lower, type Port } from './lower.ts';
