/** ONNX files: as plain values, to and from bytes, and what our own files say about themselves. */
export { decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export { type InputLike, metadataOf, parseMetadata } from './metadata.ts';
export type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
export { type WriteOptions, writeModel } from './write.ts';
