/**
 * `transferlab models`: the list with its filters and the page of one network, as text of 80 columns and as JSON. The
 * numbers themselves are tested with the networks.
 */
import { describe, expect, it } from 'vitest';
import { modelListText, modelText } from '../../src/cli/models-text.ts';
import { findModel, MODELS, switchesOf } from '../../src/models/index.ts';
import type { PublishedWeights } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { runCli } from './run.ts';

const COLUMNS = 80;
/** Commands that are there to be copied are not broken. */
const longest = (text: string) =>
  Math.max(
    ...text
      .split('\n')
      .filter((line) => !line.startsWith('  transferlab '))
      .map((line) => line.length),
  );

async function modelsOutput(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli('models', ...args, '--cache', await temporaryFolder());
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

const namesIn = (json: string) => JSON.parse(json).map(({ name }: { name: string }) => name);

describe('the list', () => {
  it('has every network under its family, within 80 columns', async () => {
    const text = await modelsOutput();
    expect(longest(text)).toBeLessThanOrEqual(COLUMNS);
    expect(text).toMatch(
      /^ResNet\n {2}resnet18 .*\n(.*\n)* {2}resnet50 +23\.51 M +4\.09 G +224 px +2048 {2}web$/m,
    );
    expect(text).toMatch(/^ {2}resnet18_025 .* demo$/m);
    for (const { name } of MODELS) expect(text).toContain(`\n  ${name} `);
  });

  it('as JSON is an array of numbers and names', async () => {
    const rows = JSON.parse(await modelsOutput('--json'));
    expect(rows).toHaveLength(MODELS.length);
    expect(rows).toContainEqual(
      expect.objectContaining({
        name: 'resnet50',
        family: 'ResNet',
        parameters: 23_508_032,
        featureSize: 2048,
        inputSize: 224,
        multiplyAdds: 4_087_136_256,
      }),
    );
  });

  it('is filtered by family: the very name, or else a part of it', async () => {
    const [resnet, inception] = await Promise.all(
      ['resnet', 'inception'].map((family) => modelsOutput('--family', family, '--json')),
    );
    expect(namesIn(resnet)).toEqual(
      MODELS.filter(({ family }) => family === 'ResNet').map(({ name }) => name),
    );
    expect(namesIn(inception)).toEqual(
      expect.arrayContaining(['googlenet', 'bn_inception', 'inception_v4', 'inception_resnet_v2']),
    );
  });

  it('is searched in names, families and papers, besides the family', async () => {
    expect(namesIn(await modelsOutput('--search', '1608.06993', '--json'))).toContain('densenet201');
    const both = await modelsOutput('--family', 'MobileNet', '--search', 'V2_1', '--json');
    expect(namesIn(both)).toEqual(['mobilenet_v2_140']);
  });
});

describe('one network', () => {
  it('as JSON is an object, with its published weights', async () => {
    const shown = JSON.parse(await modelsOutput('mobilenet_v1_025', '--json'));
    expect(shown).toMatchObject({ name: 'mobilenet_v1_025', family: 'MobileNet v1', featureSize: 256 });
    expect(shown.weights).toContainEqual(
      expect.objectContaining({ name: 'demo/mobilenet_v1_025', place: 'package' }),
    );
  });

  it('with switches and size is counted as it is', async () => {
    const shown = JSON.parse(await modelsOutput('resnet50+gn@64', '--json'));
    expect(shown).toMatchObject({ name: 'resnet50+gn@64', parameters: 23_508_032, inputSize: 64 });
    expect(shown.multiplyAdds).toBeLessThan(4_087_136_256 / 12);
    expect(shown.weights.map(({ model }: PublishedWeights) => model)).toEqual(['resnet50+gn']);
  });

  it('has a page that says what it is and how to use it', async () => {
    const page = await modelsOutput('resnet50');
    for (const says of ['23,508,032', '4,087,136,256', '2,048', '224 x 224', '1512.03385', '0.485', '+gn'])
      expect(page).toContain(says);
    expect(page).toContain('  timm/resnet50.tv_in1k\n    not downloaded yet; 224 px');
    expect(page).toContain('  timm/resnet50_gn.a1h_in1k (resnet50+gn)\n');
    expect(page).toContain('transferlab compare FOLDER --models timm/resnet50.tv_in1k\n');
  });

  it('has pages within 80 columns, and names first what is here', () => {
    for (const model of MODELS) {
      const name = `timm/${model.name}.a_in1k`;
      const input = { ...model.input, crop: 0.8975, interpolation: 'bicubic' };
      const common = { model: model.name, input, licence: 'bsd-3-clause' };
      const weights: PublishedWeights[] = [
        { ...common, name: `${name}_other`, place: 'network' },
        { ...common, name, place: 'cache' },
      ];
      const page = modelText({ model, weights }, switchesOf(model), { color: false });
      expect(longest(page)).toBeLessThanOrEqual(COLUMNS);
      expect(page).toContain(`  ${name}\n    downloaded before; `);
      expect(page).toContain(`--models ${name}\n`);
      expect(modelListText([{ model, weights }], { color: false })).toContain('  web, here\n');
    }
  });

  it('without published weights says so', () => {
    const model = findModel('vgg_mini');
    const page = modelText({ model, weights: [] }, switchesOf(model), { color: false });
    expect(page).toContain('Pre-trained weights\n  none known\n');
    expect(page).toContain('--models vgg_mini --settings scratch\n');
  });
});
