/**
 * The messages of an ONNX file as a protobuf descriptor: the fields that are written or read here, numbered
 * as in onnx.proto. Other fields are skipped when a file is read. Fields that may nest without end
 * (subgraphs, sequence types) are declared as bytes: their presence is seen, and they are never descended into.
 */
import protobuf from 'protobufjs/light.js';
import type { DType } from '../tensor/tensor.ts';

/** 64-bit integers come back from protobufjs as `Long` objects; `Number` and `toString` take both. */
export type Int64 = number | { toString(): string };

interface KeyValueProto {
  key: string;
  value: string;
}

export interface TensorProto {
  dims: Int64[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  int64Data: Int64[];
  doubleData: number[];
  rawData: Uint8Array;
  name: string;
  externalData: KeyValueProto[];
  dataLocation: number;
}

export interface AttributeProto {
  name: string;
  type: number;
  f: number;
  i: Int64;
  s: Uint8Array;
  t: TensorProto | null;
  floats: number[];
  ints: Int64[];
  strings: Uint8Array[];
}

export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  domain: string;
  attribute: AttributeProto[];
}

interface DimensionProto {
  dimValue?: Int64;
  dimParam?: string;
}

export interface ValueInfoProto {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: DimensionProto[] } | null } | null } | null;
}

export interface GraphProto {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  sparseInitializer: { values: { name: string } | null }[];
}

export interface ModelProto {
  irVersion: Int64;
  producerName: string;
  graph: GraphProto | null;
  opsetImport: { domain: string; version: Int64 }[];
  metadataProps: KeyValueProto[];
}

const one = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: 'repeated', type, id });
const unpacked = (type: string, id: number) => ({ ...list(type, id), options: { packed: false } });
const packed = (type: string, id: number) => ({ ...list(type, id), options: { packed: true } });

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one('int64', 1),
        producerName: one('string', 2),
        graph: one('GraphProto', 7),
        opsetImport: list('OperatorSetIdProto', 8),
        metadataProps: list('StringStringEntryProto', 14),
      },
    },
    OperatorSetIdProto: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    StringStringEntryProto: { fields: { key: one('string', 1), value: one('string', 2) } },
    GraphProto: {
      fields: {
        node: list('NodeProto', 1),
        name: one('string', 2),
        initializer: list('TensorProto', 5),
        input: list('ValueInfoProto', 11),
        output: list('ValueInfoProto', 12),
        sparseInitializer: list('SparseTensorProto', 15),
      },
    },
    // Values and indices are tensors of their own; the values carry the name.
    SparseTensorProto: { fields: { values: one('NamedProto', 1) } },
    NamedProto: { fields: { name: one('string', 8) } },
    NodeProto: {
      fields: {
        input: list('string', 1),
        output: list('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: list('AttributeProto', 5),
        domain: one('string', 7),
      },
    },
    AttributeProto: {
      fields: {
        name: one('string', 1),
        f: one('float', 2),
        i: one('int64', 3),
        s: one('bytes', 4),
        t: one('TensorProto', 5),
        g: one('bytes', 6),
        floats: unpacked('float', 7),
        ints: unpacked('int64', 8),
        strings: list('bytes', 9),
        type: one('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: unpacked('int64', 1),
        dataType: one('int32', 2),
        floatData: packed('float', 4),
        int32Data: packed('int32', 5),
        int64Data: packed('int64', 7),
        name: one('string', 8),
        rawData: one('bytes', 9),
        doubleData: packed('double', 10),
        externalData: list('StringStringEntryProto', 13),
        dataLocation: one('int32', 14),
      },
    },
    ValueInfoProto: { fields: { name: one('string', 1), type: one('TypeProto', 2) } },
    TypeProto: {
      fields: { tensorType: one('TensorTypeProto', 1), sequenceType: one('SequenceTypeProto', 4) },
    },
    SequenceTypeProto: { fields: { elemType: one('TypeProto', 1) } },
    TensorTypeProto: { fields: { elemType: one('int32', 1), shape: one('TensorShapeProto', 2) } },
    TensorShapeProto: { fields: { dim: list('DimensionProto', 1) } },
    DimensionProto: {
      oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
      fields: { dimValue: one('int64', 1), dimParam: one('string', 2) },
    },
  },
});

/** Encoder and decoder of a whole file. */
export const modelMessage = root.lookupType('ModelProto');

/** TensorProto.DataType. */
export const DATA_TYPE = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
} as const;

/** The number of each dtype that we write. */
export const DATA_TYPE_OF: { readonly [D in DType]: number } = {
  float32: DATA_TYPE.FLOAT,
  int32: DATA_TYPE.INT32,
  int64: DATA_TYPE.INT64,
  bool: DATA_TYPE.BOOL,
  uint8: DATA_TYPE.UINT8,
};

/** AttributeProto.AttributeType. */
export const ATTRIBUTE_TYPE = {
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
} as const;

/** TensorProto.DataLocation. */
export const EXTERNAL = 1;
