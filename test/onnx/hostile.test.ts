/**
 * Files that lie: whatever their bytes say, decoding ends in a model or in one of two user errors, soon, and
 * without taking memory that the file does not account for.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeModel } from '../../src/onnx/index.ts';
import { modelMessage } from '../../src/onnx/schema.ts';
import { Random } from '../../src/tensor/random.ts';
import { UserError } from '../../src/util/errors.ts';
import { mutated } from '../mutated.ts';

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../fixtures/onnx/${name}`, import.meta.url)));

function outcome(bytes: Uint8Array): string {
  try {
    decodeModel(bytes);
    return 'accepted';
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

const encoded = (graph: object) =>
  modelMessage.encode({ irVersion: 8, opsetImport: [{ version: 17 }], graph }).finish();
const message = (graph: object) => {
  try {
    decodeModel(encoded(graph));
    return 'accepted';
  } catch (error) {
    return error instanceof UserError && error.code === 'ONNX_UNREADABLE' ? error.given : error;
  }
};
const float = (name: string, dims: number[], bytes: number) => ({
  name,
  dims,
  dataType: 1,
  rawData: new Uint8Array(bytes),
});
const node = (opType: string, input: string[], output: string[]) => ({ opType, input, output });
const input = [{ name: 'x', type: { tensorType: { elemType: 1 } } }];

describe('sizes', () => {
  test.each([
    ['a product beyond exact integers', [2 ** 32, 2 ** 32], 8, 'should hold 18446744073709552000 numbers'],
    ['a product beyond all numbers', new Array(40).fill(2 ** 50), 8, 'should hold Infinity numbers'],
    ['no numbers of endless extents', [...new Array(40).fill(2 ** 50), 0], 0, 'should hold NaN numbers'],
    ['a negative extent', [-2, -3], 24, 'has the impossible extents -2x-3'],
    ['an extent beyond exact integers', [2 ** 60], 8, 'has the impossible extents 1152921504606847000'],
    ['fewer bytes than numbers', [3], 8, 'should hold 3 numbers, but its data holds 2'],
    ['more bytes than numbers', [1], 8, 'should hold 1 numbers, but its data holds 2'],
    ['part of a number', [1], 3, 'should hold 1 numbers, but its data holds 0.75'],
  ])('%s', (_, dims, bytes, problem) => {
    expect(message({ initializer: [float('w', dims, bytes)] })).toContain(`The tensor "w" ${problem}`);
  });
});

describe('structure', () => {
  test.each([
    ['two arrays of one name', { initializer: [float('w', [1], 4), float('w', [1], 4)] }, 'two arrays'],
    [
      'two values of one name',
      { input, node: [node('Relu', ['x'], ['y']), node('Abs', ['x'], ['y'])] },
      'The Abs node "y" makes the value "y", which is made elsewhere too.',
    ],
    [
      'a value that has the name of an input',
      { input, node: [node('Relu', ['x'], ['x'])] },
      'The Relu node "x" makes the value "x", which is made elsewhere too.',
    ],
    [
      'a value that nothing makes',
      { input, node: [node('Add', ['x', 'z'], ['y'])] },
      'The Add node "y" uses the value "z", which nothing makes.',
    ],
    [
      'a cycle of two nodes',
      { input, node: [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b'])] },
      'The Add node "a" depends on its own result: the graph has a cycle.',
    ],
    [
      'a node that uses its own result',
      { input, node: [node('Add', ['x', 'a'], ['a'])] },
      'The Add node "a" depends on its own result: the graph has a cycle.',
    ],
  ])('%s', (_, graph, problem) => {
    expect(message(graph)).toContain(problem);
  });

  test('nodes in another order than they need are sorted', () => {
    const reversed = ['a', 'b', 'c', 'd'].map((name, index, all) =>
      node('Relu', [index === 0 ? 'x' : all[index - 1]], [name]),
    );
    const { graph } = decodeModel(encoded({ input, node: reversed.toReversed() }));
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a long chain of nodes in the wrong order is sorted without recursion', () => {
    const count = 10_000;
    const chain = Array.from({ length: count }, (_, k) =>
      node('Relu', [k === 0 ? 'x' : `v${k - 1}`], [`v${k}`]),
    );
    const { graph } = decodeModel(encoded({ input, node: chain.toReversed() }));
    expect(graph.nodes[count - 1].outputs).toEqual([`v${count - 1}`]);
  });

  test('groups within groups do not exhaust the stack', () => {
    // 0x0b begins a group of field 1, which ONNX does not have, in each of which another one begins.
    expect(outcome(new Uint8Array(2e6).fill(0x0b))).toBe('ONNX_UNREADABLE');
  });

  test('graphs within attributes are not descended into', () => {
    const loop = (g: Uint8Array) =>
      encoded({ node: [{ opType: 'Loop', output: ['y'], attribute: [{ name: 'body', type: 5, g }] }] });
    let bytes: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 2000; depth++) bytes = loop(bytes);
    const model = decodeModel(bytes);
    expect(model.graph.nodes[0].attributes).toEqual({ body: { undecoded: 'a subgraph' } });
  });
});

describe('damage', () => {
  const files = ['encodings.onnx', 'classifiers/merged.onnx', 'classifiers/channels-last.onnx'].map(fixture);

  test.each(files.map((file, index) => [index, file] as const))('every beginning of file %i', (_, file) => {
    for (let length = 0; length < file.length; length++) {
      expect(['ONNX_UNREADABLE', 'accepted']).toContain(outcome(file.subarray(0, length)));
    }
  });

  test('20000 files with bytes changed, inserted, removed and repeated', () => {
    const choose = new Random(1, 'hostile files');
    const outcomes = new Set<string>();
    for (let k = 0; k < 20_000; k++) outcomes.add(outcome(mutated(files[k % files.length], choose)));
    expect([...outcomes].sort()).toEqual(['ONNX_UNREADABLE', 'ONNX_UNSUPPORTED', 'accepted']);
  });
});
