/**
 * A tiny copy of PASCAL VOC in exactly its official form: three classes that are colours, pictures with one or two
 * objects of them, some difficult, in the three parts. What a picture shows is known here, not read back.
 */
import { Random } from '../../src/tensor/random.ts';
import { encoder, folderOf } from './pictures.ts';

export const VOC_CLASSES = ['aeroplane', 'bird', 'cat'] as const;
const COLOURS = [
  [220, 50, 50],
  [50, 200, 50],
  [50, 60, 230],
] as const;
const SIDE = 40;

interface VocObject {
  readonly label: number;
  readonly difficult: boolean;
  /** Pixels from 0, the end excluded. */
  readonly box: readonly [number, number, number, number];
}

interface VocPicture {
  /** `000012` as in the official set. */
  readonly id: string;
  readonly part: 'train' | 'val' | 'test';
  readonly objects: readonly VocObject[];
}

export interface VocCopy {
  /** The folder that holds `VOCdevkit`. */
  readonly folder: string;
  readonly pictures: readonly VocPicture[];
}

/** Writes `perPart` pictures to each part; every seventh object is difficult. */
export async function vocCopy(perPart: number): Promise<VocCopy> {
  const pictures = (['train', 'val', 'test'] as const).flatMap((part, p) =>
    Array.from({ length: perPart }, (_, i) => pictureOf(p * perPart + i, part)),
  );
  const files: Record<string, Uint8Array | string> = {};
  const root = 'VOCdevkit/VOC2007';
  for (const picture of pictures) {
    files[`${root}/JPEGImages/${picture.id}.jpg`] = await drawn(picture);
    files[`${root}/Annotations/${picture.id}.xml`] = annotationOf(picture);
  }
  const isIn = { train: ['train'], val: ['val'], trainval: ['train', 'val'], test: ['test'] };
  for (const [list, parts] of Object.entries(isIn)) {
    const members = pictures.filter(({ part }) => parts.includes(part));
    files[`${root}/ImageSets/Main/${list}.txt`] = members.map(({ id }) => `${id}\n`).join('');
    for (const [label, name] of VOC_CLASSES.entries())
      files[`${root}/ImageSets/Main/${name}_${list}.txt`] = members
        .map((picture) => `${picture.id} ${String(markOf(picture, label)).padStart(2)}\n`)
        .join('');
  }
  return { folder: await folderOf(files), pictures };
}

/** The mark of an official list: 1 present, 0 difficult, -1 absent. */
export function markOf({ objects }: VocPicture, label: number): number {
  const own = objects.filter((object) => object.label === label);
  if (own.length === 0) return -1;
  return own.every(({ difficult }) => difficult) ? 0 : 1;
}

function pictureOf(index: number, part: VocPicture['part']): VocPicture {
  const random = new Random(index, 'voc picture');
  const first = index % 3;
  const count = 1 + (index % 2);
  const objects = Array.from({ length: count }, (_, i): VocObject => {
    const left = 2 + i * 19 + random.integer(3);
    const top = 2 + random.integer(16);
    return {
      label: (first + i * (1 + (index % 2))) % 3,
      difficult: (index + 3 * i) % 7 === 6,
      box: [left, top, left + 12 + random.integer(4), top + 12 + random.integer(6)],
    };
  });
  return { id: String(index + 12).padStart(6, '0'), part, objects };
}

function drawn({ id, objects }: VocPicture): Promise<Buffer> {
  const random = new Random(Number(id), 'voc noise');
  const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => 110 + random.integer(40));
  for (const { label, difficult, box } of objects)
    for (let y = box[1]; y < box[3]; y++)
      for (let x = box[0]; x < box[2]; x++)
        for (let c = 0; c < 3; c++)
          pixels[(y * SIDE + x) * 3 + c] = difficult ? 120 + COLOURS[label][c] / 20 : COLOURS[label][c];
  return encoder({ width: SIDE, height: SIDE, pixels }).jpeg({ quality: 95 }).toBuffer();
}

/** As the challenge writes them: pixels count from 1, the last one is inside. */
function annotationOf({ id, objects }: VocPicture): string {
  const written = objects.map(
    ({ label, difficult, box: [x0, y0, x1, y1] }) => `\t<object>
\t\t<name>${VOC_CLASSES[label]}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>${Number(difficult)}</difficult>
\t\t<bndbox>
\t\t\t<xmin>${x0 + 1}</xmin>
\t\t\t<ymin>${y0 + 1}</ymin>
\t\t\t<xmax>${x1}</xmax>
\t\t\t<ymax>${y1}</ymax>
\t\t</bndbox>
\t\t<part>
\t\t\t<name>head</name>
\t\t\t<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>
\t\t</part>
\t</object>
`,
  );
  return `<annotation>
\t<folder>VOC2007</folder>
\t<filename>${id}.jpg</filename>
\t<source>
\t\t<database>The VOC2007 Database</database>
\t\t<annotation>PASCAL VOC2007</annotation>
\t\t<image>flickr</image>
\t\t<flickrid>341012865</flickrid>
\t</source>
\t<owner>
\t\t<flickrid>somebody</flickrid>
\t\t<name>Some Body</name>
\t</owner>
\t<size>
\t\t<width>${SIDE}</width>
\t\t<height>${SIDE}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
${written.join('')}</annotation>
`;
}
