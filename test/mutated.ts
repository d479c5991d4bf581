/** Damaged copies of files, for tests of readers that must take anything. */
import type { Random } from '../src/tensor/random.ts';

/** Bytes that mean much to a protobuf reader: ends of numbers, large lengths, common field tags. */
const SPECIAL = [0x00, 0x01, 0x02, 0x08, 0x12, 0x7f, 0x80, 0xfe, 0xff];

/** `file` with one to four changes: bytes changed, inserted, removed or repeated, or the end cut off. */
export function mutated(file: Uint8Array, random: Random): Uint8Array {
  let bytes = Buffer.from(file);
  for (let left = 1 + random.integer(4); left > 0 && bytes.length > 0; left--) {
    const at = random.integer(bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const from = random.integer(bytes.length);
    switch (random.integer(6)) {
      case 0:
        bytes[at] ^= 1 << random.integer(8);
        break;
      case 1:
        bytes[at] = random.pick(SPECIAL);
        break;
      case 2:
        bytes = Buffer.from(before);
        break;
      case 3:
        bytes = Buffer.concat([before, after.subarray(1 + random.integer(8))]);
        break;
      case 4:
        bytes = Buffer.concat([before, Buffer.from([random.integer(256), random.integer(256)]), after]);
        break;
      default:
        bytes = Buffer.concat([before, bytes.subarray(from, from + random.integer(40)), after]);
    }
  }
  return bytes;
}
