/** Checksums against the check value of the published algorithm, and ours against Node's. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32, crc32OfTable } from '../../src/util/checksum.ts';

test('CRC-32 of the digits is its published check value', () => {
  const digits = Buffer.from('123456789');
  expect([crc32(digits), crc32OfTable(digits)]).toEqual([0xcbf43926, 0xcbf43926]);
});

test('both agree on any bytes', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32OfTable(bytes) === crc32(bytes)));
});
