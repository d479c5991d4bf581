/** ONNX files: as plain values, to and from bytes, and what our own files say about themselves. */
export { type DecodeOptions, decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export {
  type ExportedFrom,
  type InputLike,
  metadataOf,
  type ParsedMetadata,
  parseMetadata,
} from './metadata.ts';
export type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
