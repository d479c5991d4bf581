/** Tensors and their transposition, against index arithmetic. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesPerElement,
  float32,
  sameShape,
  showShape,
  sizeOf,
  tensor,
  transpose,
  transposeInto,
  zeros,
} from '../../src/tensor/tensor.ts';

/** numpy.transpose by its definition: result[i] = input[j] with j[permutation[k]] = i[k]. */
function naiveTranspose(
  shape: readonly number[],
  data: readonly number[],
  permutation: readonly number[],
): number[] {
  const target = permutation.map((axis) => shape[axis]);
  return data.map((_, position) => {
    const index = new Array<number>(shape.length);
    let rest = position;
    for (let k = target.length - 1; k >= 0; k--) {
      index[permutation[k]] = rest % target[k];
      rest = Math.floor(rest / target[k]);
    }
    return data[index.reduce((flat, i, axis) => flat * shape[axis] + i, 0)];
  });
}

const cases = fc
  .array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 })
  .chain((shape) =>
    fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })),
  );

describe('transpose', () => {
  test('moves every number where the definition says, and back', () => {
    fc.assert(
      fc.property(cases, ([shape, permutation]) => {
        const data = Array.from({ length: sizeOf(shape) }, (_, i) => i);
        const input = float32(shape, data);
        const moved = transpose(input, permutation);
        expect(moved.shape).toEqual(permutation.map((axis) => shape[axis]));
        expect([...moved.data]).toEqual(naiveTranspose(shape, data, permutation));
        const back = permutation.map((_, axis) => permutation.indexOf(axis));
        expect(transpose(moved, back)).toEqual(input);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('works for every type and into given memory', () => {
    const wide = tensor('int64', [2, 3], BigInt64Array.from([0n, 1n, 2n, 3n, 4n, 5n]));
    expect([...transpose(wide, [1, 0]).data]).toEqual([0n, 3n, 1n, 4n, 2n, 5n]);
    const memory = new Uint8Array(6);
    transposeInto(tensor('uint8', [3, 2], Uint8Array.from([1, 2, 3, 4, 5, 6])), [1, 0], memory);
    expect([...memory]).toEqual([1, 3, 5, 2, 4, 6]);
    expect([...transpose(zeros('float32', [0, 3]), [1, 0]).data]).toEqual([]);
  });
});

describe('tensors', () => {
  test('are refused when the numbers do not fill the shape', () => {
    expect(() => tensor('float32', [2, 2], new Float32Array(3))).toThrow(
      'internal: tensor of shape [2,2] given 3 numbers',
    );
  });

  test('share their data and own their shape', () => {
    const [shape, data] = [[2], Float32Array.of(1, 2)];
    const value = tensor('float32', shape, data);
    shape[0] = 9;
    expect(value.shape).toEqual([2]);
    expect(value.data).toBe(data);
    expect(float32([2], data).data).not.toBe(data);
  });

  test('sizes, texts and comparison of shapes', () => {
    expect([sizeOf([]), sizeOf([3, 0]), sizeOf([2, 3, 4])]).toEqual([1, 0, 24]);
    expect([showShape([]), showShape([2, 3])]).toEqual(['scalar', '2x3']);
    expect([sameShape([1, 2], [1, 2]), sameShape([1], [1, 1]), sameShape([], [])]).toEqual([
      true,
      false,
      true,
    ]);
    expect((['float32', 'int32', 'int64', 'bool', 'uint8'] as const).map(bytesPerElement)).toEqual([
      4, 4, 8, 1, 1,
    ]);
  });
});
