/**
 * The objects of a JSON array, or of lines of JSON, one after another: only where an object ends is found here, each is
 * parsed by `JSON.parse`. Memory is that of one object, whatever the file's size.
 */
import { messageOf } from '../../util/errors.ts';
import type { Refuse } from '../../util/refuse.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = [0x7b, 0x5b];
const CLOSE = [0x7d, 0x5d];
/** Between objects: white space, commas, and the brackets of the array around them. */
const BETWEEN = new Set([0x20, 0x09, 0x0a, 0x0d, 0x2c, 0x5b, 0x5d]);
const LARGEST_OBJECT = 2 ** 26;

/**
 * @param pieces the file's bytes
 * @throws UserError JSON_FORM for other things than objects, JSON_SIZE for an object of more than 64 MB
 */
export async function* jsonObjects(
  pieces: AsyncIterable<Uint8Array>,
  refuse: Refuse,
): AsyncGenerator<Record<string, unknown>> {
  const expected = 'Expected an array of objects, or one object per line';
  let parts: Uint8Array[] = [];
  let [depth, inString, escaped, size] = [0, false, false, 0];
  for await (const piece of pieces) {
    let start = depth > 0 ? 0 : -1;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (depth > 0) {
        if (byte === QUOTE) inString = true;
        else if (OPEN.includes(byte)) depth++;
        else if (CLOSE.includes(byte)) depth--;
        if (depth > 0) continue;
        parts.push(piece.subarray(start, at + 1));
        yield parsed(Buffer.concat(parts), refuse);
        parts = [];
        size = 0;
        start = -1;
      } else if (byte === OPEN[0]) {
        depth = 1;
        start = at;
      } else if (!BETWEEN.has(byte))
        refuse('JSON_FORM', `it has ${JSON.stringify(String.fromCharCode(byte))} between objects`, expected);
    }
    if (start < 0) continue;
    parts.push(piece.subarray(start));
    size += piece.length - start;
    if (size > LARGEST_OBJECT)
      refuse('JSON_SIZE', `it has an object of more than ${LARGEST_OBJECT} bytes`, expected);
  }
  if (depth > 0) refuse('JSON_FORM', 'it ends inside an object', expected);
}

function parsed(bytes: Buffer, refuse: Refuse): Record<string, unknown> {
  try {
    return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  } catch (error) {
    return refuse(
      'JSON_FORM',
      `an object cannot be parsed (${messageOf(error).slice(0, 80)})`,
      'Write it again',
    );
  }
}
