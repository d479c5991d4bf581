/** XML of annotations as plain values: elements with their text and children. Comments and attributes are passed over. */
// Its exports are assigned in a function, so that Node finds no names in them.
import sax from 'sax';
import { UserError } from '../../util/errors.ts';

export interface XmlElement {
  readonly name: string;
  /** All text directly inside, without spaces at both ends. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** Annotations are a few elements deep and name some hundred objects; documents far beyond are no annotations. */
const MOST_BYTES = 16 * 2 ** 20;
const MOST_DEPTH = 64;

/**
 * Parses a document. Declarations of a document's own (`<!DOCTYPE`), with which entities can be nested until they fill
 * the memory or name files, are refused.
 * @param source what to call the document in errors
 * @throws UserError XML_TOO_LARGE, XML_DECLARATION or XML_BROKEN
 */
export function parseXml(content: Uint8Array, source: string): XmlElement {
  if (content.length > MOST_BYTES)
    throw new UserError(
      'XML_TOO_LARGE',
      `${source} has ${content.length} bytes of XML.`,
      `An annotation file has at most ${MOST_BYTES} bytes.`,
    );
  const reader = sax.parser(true, { trim: false, normalize: false });
  const open: { name: string; text: string; children: XmlElement[] }[] = [];
  let root: XmlElement | undefined;
  reader.onerror = ({ message }) => {
    throw broken(source, message.replace(/\s+/g, ' '));
  };
  reader.ondoctype = () => {
    throw new UserError(
      'XML_DECLARATION',
      `${source} declares a document type of its own (<!DOCTYPE).`,
      'Annotations need none: remove the declaration.',
    );
  };
  reader.onopentag = ({ name }) => {
    if (open.length >= MOST_DEPTH) throw broken(source, `elements lie ${MOST_DEPTH} deep`);
    open.push({ name, text: '', children: [] });
  };
  const addText = (text: string) => {
    const element = open.at(-1);
    if (element) element.text += text;
  };
  reader.ontext = addText;
  reader.oncdata = addText;
  reader.onclosetag = () => {
    const { name, text, children } = open.pop()!;
    const element = { name, text: text.trim(), children };
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else root ??= element;
  };
  reader.write(decoded(content, source)).close();
  if (!root) throw broken(source, 'it has no element');
  return root;
}

/** The first child of a name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

function decoded(content: Uint8Array, source: string): string {
  const utf16 = content[0] === 0xff && content[1] === 0xfe;
  try {
    return new TextDecoder(utf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(content);
  } catch {
    throw broken(source, 'its text is neither UTF-8 nor UTF-16');
  }
}

function broken(source: string, reason: string): UserError {
  return new UserError('XML_BROKEN', `${source} is no well-formed XML: ${reason}.`, 'Write the file anew.');
}
