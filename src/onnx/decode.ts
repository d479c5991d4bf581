/**
 * From the bytes of an ONNX file to plain values. The file may come from anywhere, so nothing that it says is
 * believed: sizes are checked against the data that is there before memory is taken, and external data must
 * lie inside the model's own folder.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { decodeTensor, dtypeOf, undecodable } from './decode-tensor.ts';
import { ExternalData } from './external-data.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './model.ts';
import { inOrder } from './order.ts';
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
 * The model in `bytes`. Numbers of half and double precision become float32. Graph inputs that have an
 * initializer (as files before IR version 4 list them) are initializers only.
 * What has no counterpart here (subgraphs, sparse tensors, element types without a dtype) is `undecoded`, for
 * whoever needs it to refuse. Nodes are brought into topological order.
 * @throws UserError ONNX_UNREADABLE when the bytes are no complete, consistent ONNX file
 * @throws UserError ONNX_UNSUPPORTED for inputs or outputs that are no tensors of a known type
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): OnnxModel {
  const proto = parse(bytes);
  if (!proto.graph) throw unreadable('The file holds no graph.');
  const standard = proto.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (!standard) throw unreadable('The file does not say which version of the operator set it uses.');
  const external = new ExternalData(options.externalDataFolder);
  const graph = decodeGraph(proto.graph, external);
  const { locations } = external;
  return {
    opset: Number(standard.version),
    irVersion: Number(proto.irVersion),
    producer: proto.producerName,
    graph,
    metadata: Object.fromEntries(proto.metadataProps.map(({ key, value }) => [key, value])),
    ...(locations.length > 0 && { externalFiles: locations }),
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

function decodeGraph(graph: GraphProto, external: ExternalData): OnnxGraph {
  const stored = [...graph.initializer, ...graph.sparseInitializer.map(({ values }) => values)];
  const names = new Set<string>();
  for (const proto of stored) {
    const name = proto?.name ?? '';
    if (names.has(name)) throw unreadable(`The file stores two arrays with the name "${name}".`);
    names.add(name);
  }
  const initializers = new Map<string, Tensor>();
  const undecoded = new Map<string, string>();
  for (const { values } of graph.sparseInitializer) undecoded.set(values?.name ?? '', 'a sparse type');
  for (const proto of graph.initializer) {
    const type = undecodable(proto);
    if (type) undecoded.set(proto.name, type);
    else initializers.set(proto.name, decodeTensor(proto, `tensor "${proto.name}"`, external));
  }
  const inputs = graph.input.filter(({ name }) => !names.has(name)).map(decodeValueInfo);
  const nodes = graph.node.map((node) => decodeNode(node, external));
  return {
    name: graph.name,
    nodes: inOrder(nodes, [...names, ...inputs.map(({ name }) => name)]),
    initializers,
    ...(undecoded.size > 0 && { undecoded }),
    inputs,
    outputs: graph.output.map(decodeValueInfo),
  };
}

function decodeNode(node: NodeProto, external: ExternalData): OnnxNode {
  const title = `${node.opType} node "${node.name || node.output[0]}"`;
  return {
    op: node.opType,
    domain: node.domain === 'ai.onnx' ? '' : node.domain,
    name: node.name,
    inputs: [...node.input],
    outputs: [...node.output],
    attributes: Object.fromEntries(
      node.attribute.map((attribute) => [attribute.name, decodeAttribute(attribute, title, external)]),
    ),
  };
}

function decodeAttribute(proto: AttributeProto, title: string, external: ExternalData): OnnxAttribute {
  // Bytes that are absent come as an empty list.
  const text = (bytes: ArrayLike<number>) => new TextDecoder().decode(Uint8Array.from(bytes));
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
    case ATTRIBUTE_TYPE.TENSOR: {
      if (!proto.t) throw unreadable(`Attribute "${proto.name}" of ${title} lacks its tensor.`);
      const type = undecodable(proto.t);
      if (type) return { undecoded: `a tensor of ${type}` };
      return { tensor: decodeTensor(proto.t, `attribute "${proto.name}" of ${title}`, external) };
    }
    case ATTRIBUTE_TYPE.GRAPH:
    case ATTRIBUTE_TYPE.GRAPHS:
      return { undecoded: 'a subgraph' };
    case ATTRIBUTE_TYPE.TENSORS:
    case ATTRIBUTE_TYPE.SPARSE_TENSOR:
    case ATTRIBUTE_TYPE.SPARSE_TENSORS:
    case ATTRIBUTE_TYPE.TYPE_PROTO:
    case ATTRIBUTE_TYPE.TYPE_PROTOS:
      return { undecoded: 'tensors or types' };
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
