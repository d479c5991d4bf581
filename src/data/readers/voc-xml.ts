/**
 * Reader of PASCAL VOC annotations: one XML file per image with its size and objects, as the challenge publishes them
 * and as LabelImg and its like write them.
 */
import { UserError } from '../../util/errors.ts';
import { childOf, parseXml, type XmlElement } from './xml.ts';

export interface VocObject {
  readonly name: string;
  readonly difficult: boolean;
  readonly truncated: boolean;
  /** As written: what the numbers count from is for the data set to know. */
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}

export interface VocAnnotation {
  /** The image's file name as written, with neither folder. */
  readonly filename: string;
  /** null where the file does not say. */
  readonly size: { readonly width: number; readonly height: number } | null;
  readonly objects: readonly VocObject[];
}

/**
 * @param source what to call the file in errors
 * @throws UserError those of `parseXml`, and VOC_ANNOTATION when an object lacks its name or a number of its box
 */
export function parseVocAnnotation(content: Uint8Array, source: string): VocAnnotation {
  const root = parseXml(content, source);
  if (root.name !== 'annotation') throw misfit(source, `its root is <${root.name}>, not <annotation>`);
  const written = childOf(root, 'filename')?.text ?? '';
  return {
    filename: written.split(/[\\/]/).at(-1)!,
    size: sizeOf(childOf(root, 'size')),
    objects: root.children
      .filter(({ name }) => name === 'object')
      .map((element, index) => objectOf(element, `${source}, object ${index + 1}`)),
  };
}

/** Some tools write 0 x 0 where they did not look. */
function sizeOf(element: XmlElement | undefined): VocAnnotation['size'] {
  const [width, height] = ['width', 'height'].map((name) =>
    Number((element && childOf(element, name)?.text) || Number.NaN),
  );
  return width > 0 && height > 0 ? { width, height } : null;
}

function objectOf(element: XmlElement, source: string): VocObject {
  const name = childOf(element, 'name')?.text;
  if (!name) throw misfit(source, 'it has no <name>');
  const box = childOf(element, 'bndbox');
  if (!box) throw misfit(source, `"${name}" has no <bndbox>`);
  const side = (which: string): number => {
    const text = childOf(box, which)?.text;
    const value = Number(text);
    if (!text || !Number.isFinite(value)) throw misfit(source, `<${which}> of "${name}" is "${text ?? ''}"`);
    return value;
  };
  const flag = (which: string) => childOf(element, which)?.text === '1';
  return {
    name,
    difficult: flag('difficult'),
    truncated: flag('truncated'),
    xmin: side('xmin'),
    ymin: side('ymin'),
    xmax: side('xmax'),
    ymax: side('ymax'),
  };
}

function misfit(source: string, reason: string): UserError {
  return new UserError(
    'VOC_ANNOTATION',
    `${source} is no PASCAL VOC annotation: ${reason}.`,
    'Mend or remove the file.',
  );
}
