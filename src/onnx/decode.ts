/**
 * From the bytes of an ONNX file to plain values. The file may come from anywhere, so nothing that it says is
 * believed: sizes are checked against the data that is there before memory is taken, and external data must
 * lie inside the model's own folder.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { decodeTensor, dtypeOf } from './decode-tensor.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  modelMessage,
  type NodeProto,
  type ValueInfoProto,
} from './schema.ts';

interface DecodeOptions {
  /** The folder of the model file; tensors with external data are read from files inside it. */
  readonly externalDataFolder?: string;
}

/**
 * The model in `bytes`. Half and double precision numbers become float32. Graph inputs that have an
 * initializer (as files before IR version 4 list them) are initializers only.
 * @throws UserError ONNX_UNREADABLE when the bytes are no complete, consistent ONNX file
 * @throws UserError ONNX_UNSUPPORTED for subgraphs (If, Loop), sparse tensors and element types without a dtype
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): OnnxModel {
  const proto = parse(bytes);
  if (!proto.graph) throw unreadable('The file holds no graph.');
  const standard = proto.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (!standard) throw unreadable('The file does not say which version of the operator set it uses.');
  return {
    opset: Number(standard.version),
    irVersion: Number(proto.irVersion),
    producer: proto.producerName,
    graph: decodeGraph(proto.graph, options.externalDataFolder),
    metadata: Object.fromEntries(proto.metadataProps.map(({ key, value }) => [key, value])),
  };
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return modelMessage.decode(bytes) as unknown as ModelProto;
  } catch (error) {
    throw unreadable(`These ${bytes.length} bytes are no ONNX file (${messageOf(error)}).`, error);
  }
}

function unreadable(given: string, cause?: unknown): UserError {
  return new UserError(
    'ONNX_UNREADABLE',
    given,
    'Give a complete .onnx file, for example one that onnx.checker accepts.',
    { cause },
  );
}

function decodeGraph(graph: GraphProto, folder: string | undefined): OnnxGraph {
  if (graph.sparseInitializer.length > 0) {
    throw new UserError(
      'ONNX_UNSUPPORTED',
      `The graph stores ${graph.sparseInitializer.length} sparse tensors.`,
      'Store them as dense tensors.',
    );
  }
  const initializers = new Map<string, Tensor>(
    graph.initializer.map((proto) => [proto.name, decodeTensor(proto, `tensor "${proto.name}"`, folder)]),
  );
  return {
    name: graph.name,
    nodes: graph.node.map((node) => decodeNode(node, folder)),
    initializers,
    inputs: graph.input.filter(({ name }) => !initializers.has(name)).map(decodeValueInfo),
    outputs: graph.output.map(decodeValueInfo),
  };
}

function decodeNode(node: NodeProto, folder: string | undefined): OnnxNode {
  const title = `${node.opType} node "${node.name || node.output[0]}"`;
  return {
    op: node.opType,
    domain: node.domain === 'ai.onnx' ? '' : node.domain,
    name: node.name,
    inputs: [...node.input],
    outputs: [...node.output],
    attributes: Object.fromEntries(
      node.attribute.map((attribute) => [attribute.name, decodeAttribute(attribute, title, folder)]),
    ),
  };
}

function decodeAttribute(proto: AttributeProto, title: string, folder: string | undefined): OnnxAttribute {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  switch (proto.type) {
    case ATTRIBUTE_TYPE.INT:
      return { int: Number(proto.i) };
    case ATTRIBUTE_TYPE.FLOAT:
      return { float: proto.f };
    case ATTRIBUTE_TYPE.STRING:
      return { string: text(proto.s) };
    case ATTRIBUTE_TYPE.INTS:
      return { ints: proto.ints.map(Number) };
    case ATTRIBUTE_TYPE.FLOATS:
      return { floats: [...proto.floats] };
    case ATTRIBUTE_TYPE.STRINGS:
      return { strings: proto.strings.map(text) };
    case ATTRIBUTE_TYPE.TENSOR:
      if (!proto.t) throw unreadable(`Attribute "${proto.name}" of ${title} lacks its tensor.`);
      return { tensor: decodeTensor(proto.t, `attribute "${proto.name}" of ${title}`, folder) };
    case ATTRIBUTE_TYPE.GRAPH:
    case ATTRIBUTE_TYPE.GRAPHS:
      throw new UserError(
        'ONNX_UNSUPPORTED',
        `The ${title} holds a subgraph ("${proto.name}").`,
        'Export the network without control flow (If, Loop, Scan), for example by tracing it.',
      );
    default:
      throw unreadable(`Attribute "${proto.name}" of ${title} has the unknown type ${proto.type}.`);
  }
}

function decodeValueInfo({ name, type }: ValueInfoProto): OnnxValueInfo {
  if (!type?.tensorType) {
    throw new UserError('ONNX_UNSUPPORTED', `The value "${name}" is no tensor.`, 'Use tensors only.');
  }
  const { elemType, shape } = type.tensorType;
  return {
    name,
    dtype: dtypeOf(elemType, `value "${name}"`),
    // Some exporters write an unknown extent as 0 or -1 instead of giving it a name.
    shape: (shape?.dim ?? []).map(({ dimValue, dimParam }) => {
      const extent = Number(dimValue ?? 0);
      return extent > 0 ? extent : (dimParam ?? '');
    }),
  };
}
