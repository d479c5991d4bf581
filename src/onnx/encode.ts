/** From an ONNX model as plain values to the bytes of an ONNX file. */
import type { Tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
import { ATTRIBUTE_TYPE, DATA_TYPE_OF, EXTERNAL, modelMessage } from './schema.ts';

/** Where a tensor lies in a file beside the model. */
export interface Outside {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * The bytes of `model` as a protobuf file. Tensors are written as raw little-endian data, which is the memory
 * of a typed array on every machine that ONNX Runtime supports; those in `outside` are only named, with the
 * place where they lie. Operators of other domains than the standard one are declared with version 1 of their
 * set.
 * @throws UserError ONNX_UNSUPPORTED for what was not decoded and so cannot be written
 */
export function encodeModel(model: OnnxModel, outside: ReadonlyMap<string, Outside> = new Map()): Uint8Array {
  const domains = new Set(model.graph.nodes.map((node) => node.domain).filter((domain) => domain !== ''));
  return modelMessage
    .encode({
      irVersion: model.irVersion,
      producerName: model.producer,
      graph: graphProto(model.graph, outside),
      opsetImport: [
        { domain: '', version: model.opset },
        ...[...domains].map((domain) => ({ domain, version: 1 })),
      ],
      metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
    })
    .finish();
}

function graphProto(graph: OnnxGraph, outside: ReadonlyMap<string, Outside>) {
  const [lost] = graph.undecoded ?? [];
  if (lost) throw unwritable(`array "${lost[0]}" is ${lost[1]}`);
  return {
    name: graph.name,
    node: graph.nodes.map(nodeProto),
    initializer: [...graph.initializers].map(([name, value]) => {
      const place = outside.get(name);
      return place ? outsideProto(value, name, place) : tensorProto(value, name);
    }),
    input: graph.inputs.map(valueInfoProto),
    output: graph.outputs.map(valueInfoProto),
  };
}

function unwritable(problem: string): UserError {
  return new UserError(
    'ONNX_UNSUPPORTED',
    `The network cannot be written: its ${problem}.`,
    'Only what can be read as numbers can be written.',
  );
}

function nodeProto(node: OnnxNode) {
  return {
    input: node.inputs,
    output: node.outputs,
    name: node.name,
    opType: node.op,
    domain: node.domain,
    attribute: Object.entries(node.attributes).map(([name, attribute]) => ({
      name,
      ...attributeProto(attribute),
    })),
  };
}

function attributeProto(attribute: OnnxAttribute) {
  if ('int' in attribute) return { type: ATTRIBUTE_TYPE.INT, i: attribute.int };
  if ('float' in attribute) return { type: ATTRIBUTE_TYPE.FLOAT, f: attribute.float };
  if ('string' in attribute) return { type: ATTRIBUTE_TYPE.STRING, s: Buffer.from(attribute.string) };
  if ('ints' in attribute) return { type: ATTRIBUTE_TYPE.INTS, ints: attribute.ints };
  if ('floats' in attribute) return { type: ATTRIBUTE_TYPE.FLOATS, floats: attribute.floats };
  if ('strings' in attribute) {
    return { type: ATTRIBUTE_TYPE.STRINGS, strings: attribute.strings.map((text) => Buffer.from(text)) };
  }
  if ('undecoded' in attribute) throw unwritable(`nodes have attributes that hold ${attribute.undecoded}`);
  return { type: ATTRIBUTE_TYPE.TENSOR, t: tensorProto(attribute.tensor, '') };
}

function tensorProto({ dtype, shape, data }: Tensor, name: string) {
  return {
    name,
    dims: shape,
    dataType: DATA_TYPE_OF[dtype],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function outsideProto({ dtype, shape }: Tensor, name: string, place: Outside) {
  return {
    name,
    dims: shape,
    dataType: DATA_TYPE_OF[dtype],
    externalData: Object.entries(place).map(([key, value]) => ({ key, value: String(value) })),
    dataLocation: EXTERNAL,
  };
}

function valueInfoProto({ name, dtype, shape, isSequence }: OnnxValueInfo) {
  const dim = shape.map((extent) =>
    typeof extent === 'string' ? { dimParam: extent } : { dimValue: extent },
  );
  const type = { tensorType: { elemType: DATA_TYPE_OF[dtype], shape: { dim } } };
  return { name, type: isSequence ? { sequenceType: { elemType: type } } : type };
}
