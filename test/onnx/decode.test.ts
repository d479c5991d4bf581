/**
 * Files of other programs: every encoding of numbers, external data, and files that are damaged or hostile.
 * The fixtures are written by scripts/fixtures/onnx_encodings.py with the ONNX package.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/onnx/index.ts';
import { modelMessage } from '../../src/onnx/schema.ts';
import { codeBy } from '../refusal.ts';

const fixtures = fileURLToPath(new URL('../fixtures/onnx/', import.meta.url));
const bytesOf = (name: string) => readFileSync(join(fixtures, name));
const scratch = mkdtempSync(join(tmpdir(), 'onnx-decode-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const VALUES = [1, -2, 0.5, 65504, 6.0e-8, 0].map(Math.fround);
/** The nearest half to 6e-8 is the smallest subnormal. */
const HALVES = [1, -2, 0.5, 65504, 2 ** -24, 0];
const INTEGERS = [1, 0, 1, 1, 0, 0];
const EXPECTED = {
  FLOAT: { dtype: 'float32', data: VALUES },
  FLOAT16: { dtype: 'float32', data: HALVES },
  DOUBLE: { dtype: 'float32', data: VALUES },
  INT32: { dtype: 'int32', data: INTEGERS },
  INT64: { dtype: 'int64', data: INTEGERS },
  BOOL: { dtype: 'bool', data: INTEGERS },
  UINT8: { dtype: 'uint8', data: INTEGERS },
};

describe('encodings', () => {
  const inside = decodeModel(bytesOf('encodings.onnx')).graph.initializers;
  const outside = decodeModel(bytesOf('encodings-external.onnx'), { externalDataFolder: fixtures }).graph;
  const rows = Object.entries(EXPECTED).flatMap(([type, expected]) =>
    ['typed', 'raw', 'external'].map((encoding) => ({ name: `${type} ${encoding}`, expected })),
  );
  test.each(rows)('$name', ({ name, expected }) => {
    const found = inside.get(name) ?? outside.initializers.get(name);
    expect(found?.dtype).toBe(expected.dtype);
    expect(found?.shape).toEqual([2, 3]);
    expect([...(found?.data ?? [])].map(Number)).toEqual(expected.data);
  });

  test('an initializer that is listed as an input is no input', () => {
    const { graph, opset, irVersion } = decodeModel(bytesOf('encodings.onnx'));
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 3] }]);
    expect([opset, irVersion]).toEqual([9, 3]);
  });
});

describe('external data', () => {
  const tensorAt = (entries: Record<string, string>) =>
    modelMessage
      .encode({
        opsetImport: [{ version: 17 }],
        graph: {
          initializer: [
            {
              name: 'w',
              dims: [2],
              dataType: 1,
              dataLocation: 1,
              externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
            },
          ],
        },
      })
      .finish();
  const folder = join(scratch, 'model');
  mkdirSync(folder);
  writeFileSync(join(folder, 'data'), Float32Array.of(1, 2, 3));
  writeFileSync(join(scratch, 'secret'), Float32Array.of(7, 8));
  symlinkSync(join(scratch, 'secret'), join(folder, 'link'));
  const decode = (entries: Record<string, string>) =>
    decodeModel(tensorAt(entries), { externalDataFolder: folder });

  test('offset and length choose the bytes', () => {
    const { graph } = decode({ location: 'data', offset: '4', length: '8' });
    expect(graph.initializers.get('w')?.data).toEqual(Float32Array.of(2, 3));
  });

  test.each([
    ['a path out of the folder', { location: '../secret' }],
    ['an absolute path', { location: join(folder, 'data'), length: '8' }],
    ['a link out of the folder', { location: 'link' }],
    ['the folder itself', { location: '.' }],
    ['a missing file', { location: 'other' }],
    ['no location', {}],
    ['more than the file holds', { location: 'data', offset: '8', length: '8' }],
    ['a negative offset', { location: 'data', offset: '-4', length: '8' }],
    ['another number of bytes than the shape needs', { location: 'data' }],
  ])('%s is refused', (_, entries) => {
    expect(codeBy(() => decode(entries))).toBe('ONNX_UNREADABLE');
  });

  test('without a folder it is refused', () => {
    expect(codeBy(() => decodeModel(bytesOf('encodings-external.onnx')))).toBe('ONNX_UNREADABLE');
  });

  test('beside a copied model it is found', () => {
    copyFileSync(join(fixtures, 'encodings-external.data'), join(scratch, 'encodings-external.data'));
    const model = decodeModel(bytesOf('encodings-external.onnx'), { externalDataFolder: scratch });
    expect(model.graph.initializers.size).toBe(8);
  });
});

describe('files that cannot be used', () => {
  test('a subgraph is told as such, and cannot be written', () => {
    const model = decodeModel(bytesOf('control-flow.onnx'));
    const [{ op, attributes }] = model.graph.nodes;
    const subgraph = { undecoded: 'a subgraph' };
    expect([op, attributes]).toEqual(['If', { then_branch: subgraph, else_branch: subgraph }]);
    expect(codeBy(() => encodeModel(model))).toBe('ONNX_UNSUPPORTED');
  });

  test('extents that promise more numbers than there are take no memory', () => {
    const initializer = [{ name: 'w', dims: [1e6, 1e6], dataType: 1, rawData: new Uint8Array(8) }];
    const bytes = modelMessage.encode({ opsetImport: [{ version: 17 }], graph: { initializer } }).finish();
    expect(() => decodeModel(bytes)).toThrow(/should hold 1000000000000 numbers, but its data holds 2/);
  });

  test('an element type without a dtype is told by its name, and cannot be written', () => {
    const initializer = [{ name: 'w', dims: [1], dataType: 3, rawData: new Uint8Array(1) }];
    const bytes = modelMessage.encode({ opsetImport: [{ version: 17 }], graph: { initializer } }).finish();
    const model = decodeModel(bytes);
    expect(model.graph.undecoded).toEqual(new Map([['w', 'INT8']]));
    expect(codeBy(() => encodeModel(model))).toBe('ONNX_UNSUPPORTED');
  });

  test('every truncation is refused or decodes to a shorter model, never another error', () => {
    const whole = encodeModel(decodeModel(bytesOf('encodings.onnx')));
    for (let length = 0; length < whole.length; length++) {
      expect(['ONNX_UNREADABLE', 'accepted']).toContain(codeBy(() => decodeModel(whole.subarray(0, length))));
    }
    expect(codeBy(() => decodeModel(whole.subarray(0, whole.length >> 1)))).toBe('ONNX_UNREADABLE');
  });

  test('arbitrary bytes are refused as unreadable', () => {
    expect(codeBy(() => decodeModel(new Uint8Array()))).toBe('ONNX_UNREADABLE');
    expect(codeBy(() => decodeModel(Buffer.from('<html>404 Not Found</html>')))).toBe('ONNX_UNREADABLE');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['ONNX_UNREADABLE', 'ONNX_UNSUPPORTED']).toContain(codeBy(() => decodeModel(bytes)));
      }),
      { numRuns: 500 },
    );
  });
});
