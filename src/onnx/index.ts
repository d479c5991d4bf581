/** ONNX files: as plain values, and to and from bytes. */
export { type DecodeOptions, decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
