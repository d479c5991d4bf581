/** ONNX files: as plain values, and to and from bytes. */
export { encodeModel } from './encode.ts';
export type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
