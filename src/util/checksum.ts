/** CRC-32, as ZIP and PNG have it: finds damage by accident. */
import * as zlib from 'node:zlib';

/** Remainders of all bytes, for `crc32OfTable`. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

/** The same as `crc32`, a tenth as fast. */
export function crc32OfTable(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ REMAINDERS[(remainder ^ byte) & 0xff];
  return ~remainder >>> 0;
}

/** Versions of Node before 20.15 have none of their own. */
export const crc32: (bytes: Uint8Array) => number = zlib.crc32 ?? crc32OfTable;
