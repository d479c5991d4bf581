/**
 * Detection sets in the forms of COCO and PASCAL VOC: tiny copies read to what they were made from, the shared subsets
 * to the counts of their README, masks to the areas that COCO states, and hostile documents are refused.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openCocoDetection } from '../../src/data/datasets/coco.ts';
import { openLocalDetection } from '../../src/data/datasets/local-detection.ts';
import { openVocDetection } from '../../src/data/datasets/voc-detection.ts';
import type { DetectionDataset, DetectionImage, RunLengthMask } from '../../src/data/detection.ts';
import { detectionCounts } from '../../src/data/detection-counts.ts';
import { detectionSheet } from '../../src/data/detection-sheet.ts';
import { readCoco } from '../../src/data/readers/coco.ts';
import { parseVocAnnotation } from '../../src/data/readers/voc-xml.ts';
import { areaOfRuns, packRuns, pixelsOfRuns, runsOf, unpackRuns } from '../../src/data/run-lengths.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { folderOf, jpeg, temporaryFolder } from './pictures.ts';
import { VOC_CLASSES, vocCopy } from './voc-copy.ts';

const cached = async () => ({ cacheFolder: await temporaryFolder() });
const instancesOf = (images: readonly DetectionImage[]) => images.flatMap(({ instances }) => instances);
const countsOf = ({ classes, splits }: DetectionDataset) => {
  const all = instancesOf([...splits.train, ...splits.validation, ...splits.test]);
  return Object.fromEntries(
    classes.map(({ name }, label) => [name, all.filter((instance) => instance.label === label).length]),
  );
};

async function* chunksOf(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('PASCAL VOC', () => {
  test('a tiny copy of the official form: boxes from 1, difficult objects, parts', async () => {
    const { folder, pictures } = await vocCopy(7);
    const dataset = await openVocDetection(folder, { ...(await cached()), coordinates: 'pixels' });
    expect(dataset.classes.map(({ name }) => name)).toEqual(VOC_CLASSES);
    expect(dataset.problems).toEqual([]);
    const partOf = { train: 'train', validation: 'val', test: 'test' } as const;
    for (const part of ['train', 'validation', 'test'] as const) {
      const expected = pictures.filter((picture) => picture.part === partOf[part]);
      expect(dataset.splits[part].map(({ id }) => id)).toEqual(
        expected.map(({ id }) => `JPEGImages/${id}.jpg`),
      );
      expect(dataset.splits[part].map(({ instances }) => instances)).toEqual(
        expected.map(({ objects }) =>
          objects.map(({ label, difficult, box: [x0, y0, x1, y1] }) => ({
            label,
            difficult,
            crowd: false,
            box: { x0, y0, x1, y1 },
            area: (x1 - x0) * (y1 - y0),
          })),
        ),
      );
    }
    const { width, height, pixels } = await dataset.decode(dataset.splits.test[0]);
    expect([width, height, pixels.length]).toEqual([40, 40, 4800]);
  });

  test('leaves out an empty box and an image of another size, and says so', async () => {
    const object = (name: string, box: number[]) =>
      `<object><name>${name}</name><difficult>0</difficult><bndbox><xmin>${box[0]}</xmin><ymin>${box[1]}</ymin><xmax>${box[2]}</xmax><ymax>${box[3]}</ymax></bndbox></object>`;
    const annotation = (width: number, objects: string) =>
      `<annotation><filename>x</filename><size><width>${width}</width><height>20</height></size>${objects}</annotation>`;
    const folder = await folderOf({
      'annotations/a.xml': annotation(24, object('cell', [1, 2, 9, 9]) + object('cell', [5, 5, 5, 9])),
      'images/a.jpg': await jpeg(1),
      'annotations/b.xml': annotation(25, object('cell', [1, 2, 9, 9])),
      'images/b.jpg': await jpeg(2),
      'annotations/c.xml': annotation(24, object('other', [1, 2, 9, 9])),
    });
    const dataset = await openVocDetection(folder, await cached());
    expect(dataset.splits.train.map(({ id }) => id)).toEqual(['images/a.jpg']);
    expect(countsOf(dataset)).toEqual({ cell: 1, other: 0 });
    expect(dataset.problems.map(({ kind, images }) => [kind, ...images])).toEqual([
      ['annotation', 'images/a.jpg'],
      ['unreadable', 'images/b.jpg'],
      ['unreadable', 'JPEGImages/c.jpg'],
    ]);
    expect(dataset.problems[1].message).toContain('24 x 20 pixels, and its annotation 25 x 20');
  });

  const broken: [string, string, string][] = [
    [
      'entities that grow without end',
      `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><annotation>&b;</annotation>`,
      'XML_DECLARATION',
    ],
    ['a file that is named', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', 'XML_DECLARATION'],
    ['an entity that nobody declared', '<annotation>&b;</annotation>', 'XML_BROKEN'],
    ['an end that is missing', '<annotation><object>', 'XML_BROKEN'],
    ['elements without end', '<a>'.repeat(100_000), 'XML_BROKEN'],
    ['text without end', `<annotation>${'x'.repeat(2 ** 24)}</annotation>`, 'XML_TOO_LARGE'],
    ['no annotation', '<html/>', 'VOC_ANNOTATION'],
    [
      'a box of words',
      '<annotation><object><name>a</name><bndbox><xmin>one</xmin></bndbox></object></annotation>',
      'VOC_ANNOTATION',
    ],
    [
      'a box of infinity',
      '<annotation><object><name>a</name><bndbox><xmin>1e999</xmin></bndbox></object></annotation>',
      'VOC_ANNOTATION',
    ],
  ];
  test.each(broken)('refuses %s', (_, text, code) => {
    expect(() => parseVocAnnotation(Buffer.from(text), 'file.xml')).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('trainval.txt is train where there is no other list of it; images in no list are counted', async () => {
    const { folder, pictures } = await vocCopy(7);
    const lists = `${folder}/VOCdevkit/VOC2007/ImageSets/Main`;
    for (const name of ['train', 'val']) await rm(`${lists}/${name}.txt`);
    const open = async () => openVocDetection(folder, await cached());
    const { splits, problems } = await open();
    const known = pictures.filter(({ part }) => part !== 'test').map(({ id }) => `JPEGImages/${id}.jpg`);
    expect(splits.train.map(({ id }) => id)).toEqual(known);
    expect([splits.validation, problems]).toEqual([[], []]);
    await rm(`${lists}/trainval.txt`);
    const tested = await open();
    expect(tested.splits.train).toEqual([]);
    expect(tested.problems).toEqual([
      {
        kind: 'annotation',
        images: known,
        message: `Images with annotations that are in no list of ImageSets/Main were left out: ${known.length}, "${known[0]}" the first.`,
      },
    ]);
  });

  test('images that are cut off, or change after opening, are named', async () => {
    const { folder } = await vocCopy(4);
    const image = (id: string) => `${folder}/VOCdevkit/VOC2007/JPEGImages/${id}.jpg`;
    const whole = await readFile(image('000012'));
    await writeFile(image('000012'), whole.subarray(0, whole.length / 2));
    const dataset = await openVocDetection(folder, await cached());
    expect(dataset.problems.map(({ kind, images }) => [kind, ...images])).toEqual([
      ['unreadable', 'JPEGImages/000012.jpg'],
    ]);
    const [first] = Object.values(dataset.splits).flat();
    await writeFile(`${folder}/VOCdevkit/VOC2007/${first.id}`, whole);
    await expect(detectionSheet(dataset)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    await rm(`${folder}/VOCdevkit/VOC2007/${first.id}`);
    await expect(detectionSheet(dataset)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });

  test('refuses a list that leads out of the folder', async () => {
    const { folder } = await vocCopy(1);
    await writeFile(`${folder}/VOCdevkit/VOC2007/ImageSets/Main/train.txt`, '../../../../etc/passwd\n');
    await expect(openVocDetection(folder, await cached())).rejects.toMatchObject({ code: 'OFFICIAL_LIST' });
  });
});

const DOCUMENT = {
  info: { description: 'tiny [copy] {with} "brackets" \\ in text' },
  annotations: [
    {
      id: 1,
      image_id: 7,
      category_id: 18,
      bbox: [2.5, 3, 4, 5.25],
      area: 12.5,
      iscrowd: 0,
      segmentation: [[2.5, 3, 6.5, 3, 6.5, 8.25]],
    },
    {
      id: 2,
      image_id: 7,
      category_id: 1,
      bbox: [0, 0, 4, 20],
      area: 24,
      iscrowd: 1,
      segmentation: { size: [20, 24], counts: [3, 4, 16, 20, 437] },
    },
    {
      id: 3,
      image_id: 9,
      category_id: 1,
      bbox: [1, 1, 5, 5],
      iscrowd: 0,
      segmentation: { size: [20, 24], counts: packRuns([3, 4, 16, 20, 437]) },
      keypoints: [2, 3, 2, 4, 5, 1, 0, 0, 0],
      num_keypoints: 2,
    },
  ],
  images: [
    { id: 7, file_name: 'Bär\n1.jpg', width: 24, height: 20 },
    { id: 9, file_name: 'b.jpg', width: 24, height: 20 },
  ],
  licenses: [],
  categories: [
    { id: 18, name: 'dog' },
    {
      id: 1,
      name: 'person',
      supercategory: 'animal',
      keypoints: ['nose', 'left hand', 'right hand'],
      skeleton: [
        [1, 2],
        [1, 3],
      ],
    },
  ],
};

describe('COCO', () => {
  test('a tiny copy: outlines, runs plain and packed, a crowd, keypoints; whatever the order and the pieces', async () => {
    for (const size of [1, 7, 100_000]) {
      const { classes, images, rejected } = await readCoco(chunksOf(JSON.stringify(DOCUMENT), size), {
        source: 'tiny',
      });
      expect(rejected).toEqual([]);
      expect(classes).toEqual([
        { name: 'dog' },
        {
          name: 'person',
          keypoints: ['nose', 'left hand', 'right hand'],
          skeleton: [
            [0, 1],
            [0, 2],
          ],
        },
      ]);
      const mask = { kind: 'runs', width: 24, height: 20, runs: [3, 4, 16, 20, 437] };
      expect(images).toEqual([
        {
          fileName: 'Bär\n1.jpg',
          width: 24,
          height: 20,
          instances: [
            {
              label: 0,
              box: { x0: 2.5, y0: 3, x1: 6.5, y1: 8.25 },
              area: 12.5,
              crowd: false,
              difficult: false,
              mask: { kind: 'polygons', polygons: [[2.5, 3, 6.5, 3, 6.5, 8.25]] },
            },
            { label: 1, box: { x0: 0, y0: 0, x1: 4, y1: 20 }, area: 24, crowd: true, difficult: false, mask },
          ],
        },
        {
          fileName: 'b.jpg',
          width: 24,
          height: 20,
          instances: [
            {
              label: 1,
              box: { x0: 1, y0: 1, x1: 6, y1: 6 },
              area: 25,
              crowd: false,
              difficult: false,
              mask,
              keypoints: [
                { x: 2, y: 3, visibility: 2 },
                { x: 4, y: 5, visibility: 1 },
                { x: 0, y: 0, visibility: 0 },
              ],
            },
          ],
        },
      ]);
    }
  });

  test('opens as a data set with its images, however they are named', async () => {
    const folder = await folderOf({
      'annotations/instances_train2017.json': JSON.stringify(DOCUMENT),
      'train2017/Bär\n1.jpg': await jpeg(1),
      'train2017/b.jpg': await jpeg(2),
      'annotations/instances_val2017.json': JSON.stringify({
        ...DOCUMENT,
        annotations: [],
        images: [DOCUMENT.images[0], { ...DOCUMENT.images[1], file_name: 'missing.jpg' }],
      }),
      'val2017/Bär\n1.jpg': await jpeg(3),
    });
    const dataset = await openCocoDetection(folder, await cached());
    expect(dataset.splits.train.map(({ id }) => id)).toEqual(['train2017/Bär\n1.jpg', 'train2017/b.jpg']);
    expect(dataset.splits.validation.map(({ id }) => id)).toEqual(['val2017/Bär\n1.jpg']);
    expect(dataset.problems).toEqual([
      {
        kind: 'unreadable',
        images: ['val2017/missing.jpg'],
        message: '"val2017/missing.jpg" was skipped: there is no such file.',
      },
    ]);
    const boxes = await openCocoDetection(folder, { ...(await cached()), masks: false });
    expect(instancesOf(boxes.splits.train).every(({ mask }) => mask === undefined)).toBe(true);
    expect((await openCocoDetection(folder, await cached())).fingerprint).toBe(dataset.fingerprint);
  });

  test.each([
    [{ bbox: [1, 1, 0, 5] }, 'has an empty box (1, 1, 0, 5)'],
    [{ bbox: [30, 1, 5, 5] }, 'has a box outside its image (30, 1, 5, 5)'],
    [{ image_id: 8 }, 'is of image 8, which is not listed'],
    [{ category_id: 2 }, 'is of category 2, which is not listed'],
    [{ segmentation: [[1, 2, 3, 4]] }, 'has an outline that is not three or more points'],
    [{ segmentation: { size: [20, 24], counts: [1, 2] } }, 'has a mask whose runs are not 480 pixels'],
    [
      { segmentation: { size: [1e9, 1e9], counts: [1e18] } },
      'has a mask of 1000000000,1000000000 in an image of 20,24 (height, width)',
    ],
    [{ segmentation: { size: [20, 24], counts: 'never' } }, 'has a mask whose runs are not 480 pixels'],
    [{ category_id: 1, keypoints: [1, 2, 2] }, 'has 3 numbers for 3 keypoints'],
  ])('leaves out an annotation with %j and says so', async (change, reason) => {
    const annotations = [{ ...DOCUMENT.annotations[0], ...change }];
    const { rejected, images } = await readCoco(chunksOf(JSON.stringify({ ...DOCUMENT, annotations })), {
      source: 'tiny',
    });
    expect(rejected.map((rejection) => rejection.reason)).toEqual([`annotation 1 ${reason}`]);
    expect(images.flatMap(({ instances }) => instances)).toEqual([]);
  });

  const text = JSON.stringify(DOCUMENT);
  test.each([
    ['nothing', '', 'JSON_BROKEN'],
    ['a list', '[]', 'JSON_BROKEN'],
    ['an end that is missing', text.slice(0, -1), 'JSON_BROKEN'],
    ['something after the end', `${text} x`, 'JSON_BROKEN'],
    ['a missing comma', text.replace(',"images"', ' "images"'), 'JSON_BROKEN'],
    ['a comma too many', text.replace('"licenses":[]', '"licenses":[],'), 'JSON_BROKEN'],
    ['an element that is no JSON', text.replace('"iscrowd":1', '"iscrowd":01'), 'JSON_BROKEN'],
    ['an element that is missing', text.replace('"licenses":[]', '"images":[,1]'), 'JSON_BROKEN'],
    ['no images', '{"images":[],"annotations":[],"categories":[{"id":1,"name":"a"}]}', 'COCO_FORM'],
    ['images that are no list', '{"images":3}', 'COCO_FORM'],
    ['an annotation that is no object', '{"annotations":[3]}', 'COCO_FORM'],
    ['an absurd image', text.replace('"width":24', '"width":1e12'), 'COCO_FORM'],
    ['two images of one id', text.replace('"id":9', '"id":7'), 'COCO_FORM'],
    ['depth without end', `{"images":[${'['.repeat(200_000)}`, 'JSON_BROKEN'],
  ])('refuses %s', async (_, given, code) => {
    await expect(readCoco(chunksOf(given, 1000), { source: 'file' })).rejects.toMatchObject({ code });
  });

  test('refuses bytes that are no UTF-8, and a file name that leads out of the folder', async () => {
    const bytes = Buffer.from(text);
    bytes[bytes.indexOf('dog')] = 0xff;
    await expect(readCoco(chunksOf(bytes), { source: 'file' })).rejects.toMatchObject({
      code: 'JSON_BROKEN',
    });
    for (const name of ['../secret.jpg', '/etc/passwd', 'a/../../b.jpg', '..\\b.jpg', 'a\0.jpg']) {
      const images = [{ ...DOCUMENT.images[0], file_name: name }, DOCUMENT.images[1]];
      const folder = await folderOf({ 'annotations.json': JSON.stringify({ ...DOCUMENT, images }) });
      await expect(openCocoDetection(folder, await cached())).rejects.toMatchObject({ code: 'COCO_PATH' });
    }
  });

  test('refuses an element of 100 MB after reading 64, and passes over lists that are not wanted', async () => {
    let given = 0;
    async function* long(key: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`{"${key}":[{"a":"`);
      const piece = Buffer.alloc(2 ** 20, 'x');
      for (let i = 0; i < 100; i++) {
        given = i;
        yield piece;
      }
      yield Buffer.from(`"}],${JSON.stringify({ ...DOCUMENT, info: undefined }).slice(1)}`);
    }
    await expect(readCoco(long('annotations'), { source: 'file' })).rejects.toMatchObject({
      code: 'JSON_ELEMENT_TOO_LARGE',
    });
    expect(given).toBeLessThan(66);
    const before = process.memoryUsage().rss;
    expect((await readCoco(long('unwanted'), { source: 'file' })).images).toHaveLength(2);
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 2 ** 20);
  });
});

describe('a look at a set', () => {
  const grey = { width: 96, height: 48, pixels: new Uint8Array(96 * 48 * 3).fill(100) };
  const instance = { area: 1, crowd: false, difficult: false };
  const image = (id: string, instances: DetectionImage['instances']): DetectionImage => {
    return { id, width: 96, height: 48, contentHash: id, instances };
  };
  const box = { x0: 12, y0: 12, x1: 36, y1: 36 };
  const dataset: DetectionDataset = {
    name: 'tiny',
    classes: [{ name: 'never' }, { name: 'cat' }, { name: 'dog' }],
    splits: {
      train: [
        image('a', [
          { ...instance, label: 1, box, crowd: true },
          { ...instance, label: 2, box: { x0: 60, y0: 12, x1: 84, y1: 36 }, difficult: true },
        ]),
        image('b', []),
      ],
      validation: [],
      test: [image('c', [{ ...instance, label: 1, box }])],
    },
    problems: [],
    leftOut: 3,
    fingerprint: '',
    decode: async () => grey,
  };

  test('counts', () => {
    expect(detectionCounts(dataset)).toEqual({
      images: { train: 2, validation: 0, test: 1 },
      objects: { train: 2, validation: 0, test: 1 },
      perClass: [
        { name: 'never', objects: { train: 0, validation: 0, test: 0 }, images: 0 },
        { name: 'cat', objects: { train: 1, validation: 0, test: 1 }, images: 2 },
        { name: 'dog', objects: { train: 1, validation: 0, test: 0 }, images: 1 },
      ],
      crowds: 1,
      difficult: 1,
      masks: 0,
      keypoints: 0,
      imagesWithoutObjects: 1,
      leftOut: 3,
    });
  });

  test('the sheet draws boxes where they are, in a row per class', async () => {
    const { data, info } = await sharp(await detectionSheet(dataset))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([6 * 196 - 4, 3 * 196 - 4]);
    const pixel = (x: number, y: number) => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    // Twice as large: the left edges at 24 and 120. Dashes have gaps, so that the whole edge is looked at.
    const edge = (row: number, x: number) =>
      Array.from({ length: 40 }, (_, y) => pixel(x, row * 196 + 28 + y).join());
    const [orange, blue] = ['255,140,0', '0,162,255'];
    expect(edge(0, 24)).toEqual(Array(40).fill('255,255,255'));
    for (const [row, left, right] of [
      [1, orange, blue],
      [2, blue, orange],
    ] as const) {
      expect(edge(row, 24)).toContain(left);
      expect(edge(row, 24)).toContain('100,100,100');
      expect(edge(row, 120)).toContain(right);
      expect(pixel(60, row * 196 + 60)).toEqual([100, 100, 100]);
    }
    // Below the image, whose sides are 2 to 1, and beside the only one that shows the class in train.
    expect(pixel(5, 196 + 150)).toEqual([255, 255, 255]);
    expect(pixel(200, 196 + 50)).toEqual([255, 255, 255]);
  });

  test('the form is found by what lies in a folder', async () => {
    const options = await cached();
    const { folder } = await vocCopy(1);
    expect((await openLocalDetection(folder, options))?.splits.test).toHaveLength(1);
    const folders = { 'cat/1.jpg': await jpeg(1), 'dog/2.jpg': await jpeg(2), 'annotations.json': '[]' };
    expect(await openLocalDetection(await folderOf(folders), options)).toBeNull();
    expect(await openLocalDetection(`${folder}/nothing`, options)).toBeNull();
    const coco = { 'annotations.json': JSON.stringify(DOCUMENT), 'images/b.jpg': await jpeg(1) };
    expect((await openLocalDetection(await folderOf(coco), options))?.problems.length).toBeGreaterThan(0);
  });
});

describe('run lengths', () => {
  const masks = fc
    .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
    .chain(({ width, height }) =>
      fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        pixels: fc.array(fc.integer({ min: 0, max: 1 }), {
          minLength: width * height,
          maxLength: width * height,
        }),
      }),
    );

  test('of any mask give the mask back', () => {
    fc.assert(
      fc.property(masks, ({ width, height, pixels }) => {
        const mask = runsOf(pixels, width, height);
        expect([...pixelsOfRuns(mask)]).toEqual(pixels);
        expect(areaOfRuns(mask)).toBe(pixels.reduce((sum, pixel) => sum + pixel, 0));
      }),
    );
  });

  test('packed and unpacked are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 28)), (runs) => {
        expect(unpackRuns(packRuns(runs))).toEqual(runs);
      }),
    );
  });

  test("are packed as COCO's own programs pack them", () => {
    // Worked by hand from the format: 6 is one group; 33 is groups 1 and 1; -2 (4 less than two before) one group.
    expect(packRuns([6])).toBe('6');
    expect(packRuns([33])).toBe('Q1');
    expect(packRuns([0, 5, 1, 3])).toBe('051N');
    expect(unpackRuns('051N')).toEqual([0, 5, 1, 3]);
    expect(unpackRuns('é')).toBeNull();
    expect(unpackRuns('oooooooooooooo')).toBeNull();
    expect(unpackRuns('P')).toBeNull();
  });
});

describeShared('the shared subsets', () => {
  test('raccoon: 200 images, 217 boxes', { timeout: 60_000 }, async () => {
    const dataset = await openVocDetection(sharedPath('data/detection/raccoon'), await cached());
    expect(countsOf(dataset)).toEqual({ raccoon: 217 });
    expect(dataset.splits.train).toHaveLength(200);
    expect(dataset.problems).toEqual([]);
    for (const { width, height, instances } of dataset.splits.train)
      for (const { box } of instances)
        expect(box.x0 >= 0 && box.y0 >= 0 && box.x1 <= width && box.y1 <= height).toBe(true);
  });

  test('BCCD: official parts, 4,888 boxes of which the two empty ones are named', {
    timeout: 60_000,
  }, async () => {
    const dataset = await openVocDetection(sharedPath('data/detection/bccd'), await cached());
    const { train, validation, test: last } = dataset.splits;
    expect([train.length, validation.length, last.length]).toEqual([205, 87, 72]);
    const counts = countsOf(dataset);
    expect(Object.keys(counts)).toEqual(['Platelets', 'RBC', 'WBC']);
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(4888 - 2);
    expect([counts.WBC, counts.Platelets + counts.RBC]).toEqual([372, 361 + 4155 - 2]);
    expect(dataset.problems.map(({ kind, images }) => [kind, ...images]).sort()).toEqual([
      ['annotation', 'JPEGImages/BloodImage_00338.jpg'],
      ['annotation', 'JPEGImages/BloodImage_00343.jpg'],
    ]);
  });

  test('COCO128: 939 instances of 71 of 80 classes, 10 crowds, areas as stated', {
    timeout: 60_000,
  }, async () => {
    const dataset = await openCocoDetection(sharedPath('data/detection/coco128'), await cached());
    const all = instancesOf(dataset.splits.train);
    expect([dataset.splits.train.length, all.length, dataset.classes.length]).toEqual([128, 939, 80]);
    expect(new Set(all.map(({ label }) => label)).size).toBe(71);
    expect(dataset.splits.train.filter(({ instances }) => instances.length === 0)).toHaveLength(2);
    expect(dataset.problems).toEqual([]);
    const crowds = all.filter(({ crowd }) => crowd);
    expect(crowds).toHaveLength(10);
    // COCO took a crowd's box from the first to the last pixel of its runs, and areas from outlines.
    for (const { mask, box, area } of all) {
      if (mask?.kind === 'runs') expect(extentOf(mask)).toEqual([box.x0, box.y0, box.x1, box.y1]);
      else expect(Math.abs(enclosed(mask!.polygons) - area)).toBeLessThan(0.1 * area + 1);
    }
    const exact = all.filter(
      ({ mask, area }) => mask?.kind === 'polygons' && Math.abs(enclosed(mask.polygons) - area) < 1e-3,
    );
    expect(exact.length / (939 - 10)).toBeGreaterThan(0.95);
  });
});

/** First and last column and row that are in: left, top, right, bottom. */
function extentOf(mask: RunLengthMask): number[] {
  const covered = [...pixelsOfRuns(mask).entries()].filter(([, value]) => value === 1).map(([at]) => at);
  const columns = covered.map((at) => at % mask.width);
  const rows = covered.map((at) => Math.floor(at / mask.width));
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b));
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b));
  return [least(columns), least(rows), most(columns), most(rows)];
}

/** The sum of the outlines' areas. */
function enclosed(polygons: readonly (readonly number[])[]): number {
  return polygons.reduce((total, points) => {
    let twice = 0;
    for (let i = 0; i < points.length; i += 2) {
      const next = (i + 2) % points.length;
      twice += points[i] * points[next + 1] - points[next] * points[i + 1];
    }
    return total + Math.abs(twice) / 2;
  }, 0);
}
