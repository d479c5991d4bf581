/**
 * Panels: class activation maps against their definition and by what must hold of them, nearest images, and the whole
 * for a network that was trained and exported.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DecodedImage } from '../../src/data/index.ts';
import { max, reshape } from '../../src/graph/build.ts';
import { defineModel } from '../../src/models/define.ts';
import { findModel, type Model, variablesOf } from '../../src/models/index.ts';
import { initialize } from '../../src/nn/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Tensor } from '../../src/tensor/tensor.ts';
import { type Activations, activationMap, classActivations } from '../../src/transfer/class-activation.ts';
import { withHeat } from '../../src/transfer/heat.ts';
import { imageRows, type SeeingNetwork, trainedNetwork } from '../../src/transfer/image-rows.ts';
import { type SettingInputs, type SettingResult, tuned } from '../../src/transfer/index.ts';
import { mostSimilar } from '../../src/transfer/neighbours.ts';
import { type PanelsValue, panelPictures, panels } from '../../src/transfer/panels.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { colourInputs, SMALL_TUNING } from './small-inputs.ts';

const VIEW = { kind: 'central-square', size: 16, filter: 'bicubic' } as const;

let inputs: SettingInputs;
let trained: SettingResult;
let networkPath: string;

beforeAll(async () => {
  inputs = await colourInputs(12);
  trained = await tuned(inputs, SMALL_TUNING, 'finetune');
  networkPath = join(await temporaryFolder(), 'network');
  await writeFile(networkPath, trained.network);
});

/** Random numbers for every variable of a network and its own classifier. */
function withHead(model: Model): SeeingNetwork {
  const { backbone, head } = variablesOf(model);
  const weights = initialize([...backbone, ...head], 5) as Map<string, Tensor<'float32'>>;
  const random = new Random(5, 'bias');
  for (const { name, shape } of head)
    if (shape.length === 1)
      weights.set(
        name,
        float32(
          shape,
          Float32Array.from({ length: shape[0] }, () => random.normal()),
        ),
      );
  return { model, weights, view: { ...VIEW, size: model.input.size } };
}

const mapsOf = async (network: SeeingNetwork) => {
  const found = await classActivations(inputs, network, inputs.dataset.splits.test.slice(0, 3));
  if (typeof found === 'string') throw new Error(found);
  return found;
};

const meanOver = ({ places, logits }: Activations['images'][number], k: number): number => {
  const values = places.filter((_, i) => i % logits.length === k);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
};

describe('class activation maps', () => {
  it('are the classifier’s weights times the last map; their mean is the logit minus the bias', async () => {
    const network = withHead(inputs.model);
    const { height, width, images } = await mapsOf(network);
    expect([height, width]).toEqual([4, 4]);
    const { featureSize: channels } = network.model;
    const records = inputs.dataset.splits.test.slice(0, 3);
    const maps = await imageRows(inputs, network, records, (net, x) =>
      reshape(network.model.backbone(net, x).map, [x.shape[0], channels * 16]),
    );
    const [weight, bias] = ['weight', 'bias'].map((name) => network.weights.get(`linear.${name}`)!.data);
    for (const [i, image] of images.entries()) {
      for (let k = 0; k < 10; k++) {
        expect(meanOver(image, k) - bias[k]).toBeCloseTo(image.logits[k] - bias[k], 4);
        for (let place = 0; place < 16; place++) {
          let sum = 0;
          for (let c = 0; c < channels; c++)
            sum += weight[k * channels + c] * maps.data[(i * channels + c) * 16 + place];
          expect(image.places[place * 10 + k] - bias[k]).toBeCloseTo(sum, 4);
        }
      }
    }
  });

  it('of an exported network have the logits of the setting as their means', async () => {
    const { images } = await mapsOf(await trainedNetwork(networkPath));
    for (const [i, image] of images.entries())
      for (let k = 0; k < 3; k++)
        expect(meanOver(image, k)).toBeCloseTo(trained.testLogits.data[3 * i + k], 3);
  });

  it('are scaled to 0..1, and 0 where they are level', () => {
    const activation = { logits: Float32Array.of(0, 1), places: Float32Array.of(3, 1, 5, 1, 4, 1, 3, 1) };
    expect(activationMap(activation, 0, 2, 2)).toEqual([
      [0, 1],
      [0.5, 0],
    ]);
    expect(activationMap(activation, 1, 1, 4)).toEqual([[0, 0, 0, 0]]);
  });

  it.each([
    ['a classifier on something else than the mean', () => withHead(onLargest(inputs.model)), 'not linear'],
    ['a map of one place', () => withHead(findModel('mobilenet_v1_025@32')), 'several places'],
    ['no classifier', () => withHead({ ...inputs.model, ...noHead(inputs.model) }), 'no classifier'],
  ])('a network with %s says that it has none', async (_, network, message) => {
    const records = inputs.dataset.splits.test.slice(0, 1);
    expect(await classActivations(inputs, network(), records)).toContain(message);
  });
});

/** The same network with the largest number of each channel as features. */
function onLargest(model: Model): Model {
  return defineModel({
    ...{ name: 'largest', family: model.family, paper: model.paper, input: model.input },
    backbone: (net, images) => {
      const { map } = model.backbone(net, images);
      return { map, features: max(map, [2, 3]) };
    },
    originalHead: model.originalHead,
  });
}

function noHead({ featureSize }: Model): Pick<Model, 'featureSize' | 'originalHead'> {
  return { featureSize, originalHead: undefined };
}

describe('heat', () => {
  const grey: DecodedImage = { width: 40, height: 20, pixels: new Uint8Array(3 * 40 * 20).fill(128) };
  const at = ({ pixels }: DecodedImage, x: number, y: number) =>
    [...pixels.subarray(3 * (40 * y + x))].slice(0, 3);

  it('leaves what is cold as it is, in grey', () => {
    expect(withHeat(grey, [[0]]).pixels).toEqual(grey.pixels);
    const red = Uint8Array.from({ length: 3 * 800 }, (_, i) => (i % 3 === 0 ? 200 : 0));
    expect(at(withHeat({ ...grey, pixels: red }, [[0]]), 3, 4)).toEqual([60, 60, 60]);
  });

  it('is red over a third of the image where it is strongest, and grows from place to place', () => {
    const heated = withHeat(grey, [[0, 1]]);
    expect(at(heated, 35, 10)).toEqual([227, 26, 28].map((colour) => Math.round(0.65 * colour + 0.35 * 128)));
    expect(at(heated, 5, 10)).toEqual([128, 128, 128]);
    const blue = Array.from({ length: 21 }, (_, i) => at(heated, 10 + i, 10)[1]);
    expect(at(heated, 20, 0)).toEqual(at(heated, 20, 19));
    expect(blue[20]).toBeLessThan(blue[10]);
  });
});

it('the most similar points are those of the largest cosine', () => {
  const random = new Random(0, 'points');
  const points = (count: number) => ({
    data: Array.from({ length: 5 * count }, () => random.normal()),
    count,
    columns: 5,
  });
  const [asked, among] = [points(4), points(30)];
  for (const [i, found] of mostSimilar(asked, among, 7).entries()) {
    const row = (p: typeof asked, j: number) => p.data.slice(5 * j, 5 * j + 5);
    const cosines = Array.from({ length: 30 }, (_, j) => cosine(row(asked, i), row(among, j)));
    const expected = cosines.map((_, j) => j).sort((a, b) => cosines[b] - cosines[a]);
    expect(found.map(({ index }) => index)).toEqual(expected.slice(0, 7));
    for (const { index, similarity } of found) expect(similarity).toBeCloseTo(cosines[index], 12);
  }
});

function cosine(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, k) => sum + value * b[k], 0) / (Math.hypot(...a) * Math.hypot(...b));
}

describe('of a network that was trained', () => {
  let value: PanelsValue;
  let pictures: ReadonlyMap<string, string>;
  const options = { images: 5, neighbours: 4, network: 'its hash' };
  beforeAll(async () => {
    const made = await panels(inputs, { ...options, networkPath });
    value = made.value;
    pictures = panelPictures(made.file.bytes);
  });

  it('shows test images beside the nearest training images, nearest first', () => {
    const { rows, searched } = value.neighbours;
    const { train, test } = inputs.dataset.splits;
    expect(searched).toBe(train.length);
    expect(rows.length).toBe(5);
    for (const { image, label, neighbours } of rows) {
      expect(test.find(({ id }) => id === image)?.label).toBe(label);
      expect(neighbours.length).toBe(4);
      for (const [i, near] of neighbours.entries()) {
        expect(train.find(({ id }) => id === near.image)?.label).toBe(near.label);
        if (i > 0) expect(near.similarity).toBeLessThanOrEqual(neighbours[i - 1].similarity);
      }
      expect(neighbours[0].label).toBe(label);
    }
    expect(new Set(rows.map(({ label }) => label)).size).toBe(3);
  });

  it('shows what the network says, and where', () => {
    const { missing, rows } = value.activation;
    expect(missing).toBeNull();
    const { test } = inputs.dataset.splits;
    for (const { image, predicted, probability, map } of rows) {
      const at = test.findIndex(({ id }) => id === image);
      const logits = [...trained.testLogits.data.subarray(3 * at, 3 * at + 3)];
      expect(logits[predicted]).toBe(Math.max(...logits));
      const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
      expect(probability).toBeCloseTo(Math.exp(logits[predicted]) / sum, 3);
      expect([Math.min(...map.flat()), Math.max(...map.flat())]).toEqual([0, 1]);
      expect([map.length, map[0].length]).toEqual([4, 4]);
    }
  });

  it('has every picture, as JPEG, and no other', async () => {
    const large = value.activation.rows.flatMap(({ seen, overlay }) => [seen, overlay]);
    const small = value.neighbours.rows.flatMap((row) => [row, ...row.neighbours]).map(({ image }) => image);
    const keys = [...large, ...small];
    expect(new Set(keys)).toEqual(new Set(pictures.keys()));
    for (const [key, uri] of pictures) {
      const [, base64] = /^data:image\/jpeg;base64,(.+)$/.exec(uri)!;
      const { format, width, height } = await sharp(Buffer.from(base64, 'base64')).metadata();
      const side = large.includes(key) ? 120 : 72;
      expect([format, width, height]).toEqual(['jpeg', side, side]);
    }
  });

  it('is the same again, plain data', async () => {
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect((await panels(inputs, { ...options, networkPath })).value).toEqual(value);
  });

  it('a pre-trained network has neighbours, and no classifier to look with', async () => {
    const { value: bare } = await panels(inputs, { images: 2, neighbours: 1 });
    expect(bare.neighbours.rows.map(({ image }) => image)).toEqual(
      value.neighbours.rows.slice(0, 2).map(({ image }) => image),
    );
    expect(bare.activation).toEqual({ missing: expect.stringContaining('classifier'), rows: [] });
  });

  it('a part without images is refused', async () => {
    const dataset = { ...inputs.dataset, splits: { ...inputs.dataset.splits, test: [] } };
    await expect(panels({ ...inputs, dataset }, options)).rejects.toMatchObject({ code: 'PANEL_IMAGES' });
  });
});
