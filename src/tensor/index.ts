/** Host values: tensors and seeded random numbers. */
export { Random } from './random.ts';
export {
  argMaxRows,
  type DType,
  float32,
  type Shape,
  sizeOf,
  type Tensor,
  type TypedArrayOf,
  tensor,
  transpose,
  zeros,
} from './tensor.ts';
