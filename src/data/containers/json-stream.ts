/**
 * The elements of the long lists of a JSON document, or of lines of JSON, one at a time, so that a file of any size is
 * read in the memory of its largest element. What is ours is finding where an element ends; `JSON.parse` parses it.
 */
import { UserError } from '../../util/errors.ts';

/** A member of the document's top-level object: an element of a list, or a whole value that is no list. */
export interface JsonPart {
  readonly key: string;
  /** Position in the list; null for a value that is no list. */
  readonly index: number | null;
  readonly value: unknown;
}

export interface JsonPartsOptions {
  /** What to call the document in errors. */
  readonly source: string;
  /** Elements of other keys are looked over without being parsed or kept. */
  readonly wanted: (key: string) => boolean;
}

/** Bytes of the largest element that is parsed. */
const LARGEST = 2 ** 26;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Yields the members of a JSON object in the order of the document, those that are lists element by element.
 * @throws UserError JSON_BROKEN, JSON_ELEMENT_TOO_LARGE
 */
export async function* jsonParts(
  chunks: AsyncIterable<Uint8Array>,
  { source, wanted }: JsonPartsOptions,
): AsyncGenerator<JsonPart> {
  const scanner = new Scanner('lists', source, wanted);
  for await (const chunk of chunks) yield* scanner.read(chunk);
  scanner.end();
}

/**
 * Yields the objects of a JSON array, or of lines of JSON, in their order; none of an empty file.
 * @param source what to call the document in errors
 * @throws UserError JSON_BROKEN, also for other things than objects, and JSON_ELEMENT_TOO_LARGE
 */
export async function* jsonObjects(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
): AsyncGenerator<Record<string, unknown>> {
  const scanner = new Scanner('objects', source, () => true);
  for await (const chunk of chunks)
    for (const { value } of scanner.read(chunk)) yield value as Record<string, unknown>;
  scanner.end();
}

/** An object whose members are lists, or objects in an array or one per line. */
type Form = 'lists' | 'objects';

const FORMS: Readonly<Record<Form, string>> = {
  lists: 'JSON document of lists',
  objects: 'array of JSON objects or lines of them',
};

/** Where in the document the scanner is; `line` is between the objects of lines. */
type Place =
  | 'start'
  | 'key'
  | 'colon'
  | 'value'
  | 'after value'
  | 'element'
  | 'after element'
  | 'line'
  | 'end';

/** Where objects may end: an empty file, after lines, after the array. */
const MAY_END: ReadonlySet<Place> = new Set(['start', 'line', 'end']);

class Scanner {
  readonly #form: Form;
  readonly #source: string;
  readonly #wanted: (key: string) => boolean;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #place: Place = 'start';
  #key = '';
  #index = 0;
  /** After `{` or `[`, when nothing but the closing bracket may come in place of a first member. */
  #mayClose = false;
  /** Of the token under way. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #isWanted = true;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #isScalar = false;
  #read = 0;

  constructor(form: Form, source: string, wanted: (key: string) => boolean) {
    this.#form = form;
    this.#source = source;
    this.#wanted = wanted;
  }

  *read(chunk: Uint8Array): Generator<JsonPart> {
    let at = this.#read === 0 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? 3 : 0;
    while (at < chunk.length) {
      if (this.#underWay) {
        const end = this.#endOfToken(chunk, at);
        this.#keep(chunk.subarray(at, end < 0 ? chunk.length : end), end < 0);
        if (end < 0) break;
        at = end;
        const part = this.#finishToken();
        if (part) yield part;
      } else {
        const byte = chunk[at];
        if (isSpace(byte)) at++;
        else at += this.#step(byte);
      }
    }
    this.#read += chunk.length;
  }

  end(): void {
    // A number at the very end has no byte after it, but then its object is not closed either.
    const isComplete =
      this.#form === 'lists' ? this.#place === 'end' : !this.#underWay && MAY_END.has(this.#place);
    if (!isComplete) throw this.#broken('it ends early');
  }

  #underWay = false;

  /** Takes one byte outside of tokens; returns 1, or 0 when the byte begins a token. */
  #step(byte: number): 0 | 1 {
    switch (this.#place) {
      case 'start':
        if (this.#form === 'objects') {
          if (byte === OPEN_LIST) return this.#go('element', true);
          this.#go('line');
          return this.#step(byte);
        }
        if (byte !== OPEN_OBJECT) throw this.#broken('it is no object');
        return this.#go('key', true);
      case 'key':
        if (byte === CLOSE_OBJECT && this.#mayClose) return this.#go('end');
        if (byte !== QUOTE) throw this.#broken('a key is missing');
        return this.#begin(true);
      case 'colon':
        if (byte !== COLON) throw this.#broken(`":" is missing after ${JSON.stringify(this.#key)}`);
        return this.#go('value');
      case 'value':
        if (byte !== OPEN_LIST) return this.#begin(this.#wanted(this.#key));
        this.#index = 0;
        return this.#go('element', true);
      case 'element':
        if (byte === CLOSE_LIST && this.#mayClose) return this.#closeList();
        return this.#beginElement(byte);
      case 'after element':
        if (byte === COMMA) return this.#go('element');
        if (byte === CLOSE_LIST) return this.#closeList();
        throw this.#broken('"," or "]" is missing');
      case 'line':
        return byte === COMMA ? 1 : this.#beginElement(byte);
      case 'after value':
        if (byte === COMMA) return this.#go('key');
        if (byte === CLOSE_OBJECT) return this.#go('end');
        throw this.#broken('"," or "}" is missing');
      case 'end':
        throw this.#broken('something follows its end');
    }
  }

  #beginElement(byte: number): 0 {
    if (this.#form === 'objects' && byte !== OPEN_OBJECT)
      throw this.#broken(`it has ${JSON.stringify(String.fromCharCode(byte))} in place of an object`);
    return this.#begin(this.#wanted(this.#key));
  }

  #closeList(): 1 {
    return this.#go(this.#form === 'objects' ? 'end' : 'after value');
  }

  #go(place: Place, mayClose = false): 1 {
    this.#place = place;
    this.#mayClose = mayClose;
    return 1;
  }

  #begin(wanted: boolean): 0 {
    this.#underWay = true;
    this.#isWanted = wanted;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#isScalar = false;
    return 0;
  }

  /** Position after the token's last byte, or -1 when it goes on after the chunk. */
  #endOfToken(chunk: Uint8Array, from: number): number {
    // In local variables, since this loop sees every byte.
    let [depth, inString, escaped] = [this.#depth, this.#inString, this.#escaped];
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return at + 1;
        }
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
      else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (depth === 0) return this.#requireBegun(at);
        if (--depth === 0) return at + 1;
      } else if (depth === 0) {
        // A number, true, false or null ends where something else begins.
        if (byte === COMMA || isSpace(byte)) return this.#requireBegun(at);
        this.#isScalar = true;
      }
    }
    [this.#depth, this.#inString, this.#escaped] = [depth, inString, escaped];
    return -1;
  }

  #requireBegun(at: number): number {
    if (!this.#isScalar) throw this.#broken('a value is missing');
    return at;
  }

  #keep(bytes: Uint8Array, goesOn: boolean): void {
    if (!this.#isWanted) return;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > LARGEST)
      throw new UserError(
        'JSON_ELEMENT_TOO_LARGE',
        `In ${this.#source} ${this.#token} has more than ${LARGEST} bytes.`,
        'Annotations and labels are far smaller: check what wrote the file.',
      );
    // A copy where the token goes on, as the chunk's memory may be used again.
    this.#kept.push(goesOn ? bytes.slice() : bytes);
  }

  #finishToken(): JsonPart | null {
    this.#underWay = false;
    const isKey = this.#place === 'key';
    const inList = this.#place === 'element';
    const value = this.#isWanted ? this.#parsed() : undefined;
    if (isKey) {
      this.#key = value as string;
      this.#go('colon');
      return null;
    }
    this.#go(inList ? 'after element' : this.#place === 'line' ? 'line' : 'after value');
    if (!this.#isWanted) return null;
    return { key: this.#key, index: inList ? this.#index++ : null, value };
  }

  #parsed(): unknown {
    const bytes = this.#kept.length === 1 ? this.#kept[0] : Buffer.concat(this.#kept);
    this.#kept = [];
    try {
      return JSON.parse(this.#decoder.decode(bytes));
    } catch (error) {
      throw this.#broken(`${this.#token} ${error instanceof SyntaxError ? 'is no JSON' : 'is no UTF-8'}`);
    }
  }

  /** What is read at this place, for errors. */
  get #token(): string {
    if (this.#form === 'objects') return 'an object';
    return this.#place === 'key' ? 'a key' : `an element of ${JSON.stringify(this.#key)}`;
  }

  #broken(reason: string): UserError {
    return new UserError(
      'JSON_BROKEN',
      `${this.#source} is no ${FORMS[this.#form]}: ${reason} (after ${this.#read} bytes).`,
      'Write or download the file anew.',
    );
  }
}
