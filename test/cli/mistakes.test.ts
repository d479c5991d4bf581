/**
 * Mistakes of users, one per row: one clear message on standard error, no stack trace, nothing on standard
 * output, an exit code that is not 0, and no output folder left behind.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
import { smallWeightsFile } from '../small-weights.ts';
import { messagesOf, runCli } from './run.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/onnx/classifiers');
const ARCHITECTURE = 'cifar_resnet20@16';

/** Where the mistakes are; filled before the tests run. */
const at = { data: '', weights: '', scratch: '' };
const inScratch = (name: string) => join(at.scratch, name);

beforeAll(async () => {
  at.scratch = await temporaryFolder();
  const pictures = await colourFiles({ red: 4, green: 4 });
  const [first] = Object.values(pictures);
  at.data = await folderOf(pictures);
  at.weights = await smallWeightsFile(at.scratch, 'good', ARCHITECTURE);
  const whole = readFileSync(at.weights);
  const files: Record<string, Uint8Array | string> = {
    'one-class/red/1.png': first,
    'one-image/red/1.png': first,
    'flat/1.png': first,
    'broken/red/1.png': '',
    'broken/green/1.png': 'no picture',
    'file.txt': 'text',
    'garbage.onnx': 'This is no network.',
    'truncated.safetensors': whole.subarray(0, whole.length - 1000),
    'headless.safetensors': whole.subarray(0, 100),
    'long.safetensors': lyingLength(whole),
    'lying.safetensors': lyingShape(whole),
    'other/good.safetensors': whole,
  };
  for (let i = 0; i < 4; i++) files[`one-image/green/${i}.png`] = pictures[`green/${i}.png`];
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(inScratch(path)), { recursive: true });
    await writeFile(inScratch(path), content);
  }
  await mkdir(inScratch('empty'));
});

/** A header that claims to be longer than the file. */
function lyingLength(whole: Uint8Array): Uint8Array {
  const lying = Buffer.from(whole);
  lying.writeBigUInt64LE(BigInt(2 * whole.length), 0);
  return lying;
}

/** A header that gives a tensor a shape that its bytes do not have, of the same number of characters. */
function lyingShape(whole: Uint8Array): Uint8Array {
  const lying = Buffer.from(whole);
  const place = lying.indexOf('"shape":[16') + '"shape":['.length;
  lying.write('99', place, 'latin1');
  return lying;
}

/** Arguments, and the code of the message or what it says. */
type Row = readonly [mistake: string, given: () => readonly string[], says: RegExp];

const compare = (folder: string, ...more: string[]) => ['compare', folder, '--protocol', 'smoke', ...more];
const models = (list: string, ...more: string[]) => compare(at.data, '--models', list, ...more);

const MISTAKES: readonly Row[] = [
  ['a missing folder', () => compare(inScratch('none'), '--models', at.weights), /DATA_FOLDER_MISSING/],
  ['an empty folder', () => compare(inScratch('empty'), '--models', at.weights), /DATA_EMPTY/],
  ['a file for a folder', () => compare(inScratch('file.txt'), '--models', at.weights), /DATA_NOT_A_FOLDER/],
  ['images without classes', () => compare(inScratch('flat'), '--models', at.weights), /DATA_NO_CLASS/],
  ['one class only', () => compare(inScratch('one-class'), '--models', at.weights), /DATA_ONE_CLASS/],
  [
    'a class with one image',
    () => compare(inScratch('one-image'), '--models', at.weights),
    /red \(1\).*DATA_CLASS_TOO_SMALL/,
  ],
  [
    'no readable image',
    () => compare(inScratch('broken'), '--models', at.weights),
    /2 unreadable.*DATA_CLASS_TOO_SMALL/,
  ],
  ['a design that is none', () => models(at.weights, '--design', 'per-clas=4'), /per-class.*DESIGN_FORM/],
  [
    'more images than there are',
    () => models(at.weights, '--design', 'per-class=40'),
    /green \(2\).*DESIGN_CLASS_TOO_SMALL/,
  ],
  ['one data set twice', () => ['compare', at.data, at.data, '--models', at.weights], /NAME_TWICE/],
  [
    'an unknown procedural set',
    () => compare('procedural/shape', '--models', at.weights),
    /procedural\/shapes/,
  ],
  ['a truncated safetensors file', () => models(inScratch('truncated.safetensors')), /SAFETENSORS_/],
  ['a safetensors file cut in its header', () => models(inScratch('headless.safetensors')), /SAFETENSORS_/],
  [
    'a header that claims to be longer than its file',
    () => models(inScratch('long.safetensors')),
    /SAFETENSORS_/,
  ],
  ['a header that lies about a shape', () => models(inScratch('lying.safetensors')), /SAFETENSORS_/],
  ['weights of another architecture', () => models(`cifar_resnet56=${at.weights}`), /WEIGHTS_MISFIT/],
  ['a missing file of weights', () => models(inScratch('none.safetensors')), /MODEL_FILE_MISSING/],
  ['a folder for a file of weights', () => models(at.scratch), /MODEL_FILE_KIND/],
  ['garbage as ONNX', () => models(inScratch('garbage.onnx')), /ONNX_UNREADABLE/],
  ['ONNX that segments', () => models(join(FIXTURES, 'segmentation.onnx')), /ONNX_NOT_A_CLASSIFIER/],
  ['ONNX with two inputs', () => models(join(FIXTURES, 'two-inputs.onnx')), /ONNX_NOT_A_CLASSIFIER/],
  ['an unknown architecture', () => models('resnet19'), /resnet18.*UNKNOWN_MODEL/],
  ['unknown weights of the package', () => models('demo/nothing'), /MODEL_FILE_MISSING/],
  [
    'two networks of one name',
    () => models(`${at.weights},${inScratch('other/good.safetensors')}`),
    /NAME_TWICE/,
  ],
  ['an unknown setting', () => models(at.weights, '--settings', 'fixed,frozen'), /finetune.*UNKNOWN_SETTING/],
  ['an unknown protocol', () => models(at.weights, '--protocol', 'quik'), /quick.*UNKNOWN_PROTOCOL/],
  ['no seed', () => models(at.weights, '--seeds', '0'), /--seeds.*OPTION_NUMBER/],
  ['no network on the shortlist', () => models(at.weights, '--shortlist', '0'), /--shortlist.*OPTION_NUMBER/],
  ['an unknown score', () => models(at.weights, '--shortlist-by', 'luck'), /logme, leep.*UNKNOWN_SCORE/],
  ['no size of memory', () => models(at.weights, '--memory', 'much'), /--memory.*4GB.*OPTION_SIZE/],
  ['no number of threads', () => models(at.weights, '--threads', 'all'), /--threads.*OPTION_NUMBER/],
  ['an unknown device', () => models(at.weights, '--device', 'gpu'), /"gpu".*webgpu.*UNKNOWN_DEVICE/],
  [
    'a device that no such system has',
    () => models(at.weights, '--device', process.platform === 'darwin' ? 'dml' : 'coreml'),
    /work here: cpu.*DEVICE_MISSING/,
  ],
  ['an unknown network to show', () => ['models', 'resnet19'], /resnet18.*UNKNOWN_MODEL/],
  ['an unknown switch', () => ['models', 'resnet50+aux'], /\+gn.*MODEL_SWITCH/],
  ['an unknown family', () => ['models', '--family', 'resnot'], /ResNet v2.*UNKNOWN_FAMILY/],
  ['a search without a result', () => ['models', '--search', 'zebra'], /"zebra".*NO_MODEL_FOUND/],
  ['an empty list', () => models(','), /--models.*OPTION_EMPTY/],
  ['fixed features without weights', () => models(ARCHITECTURE, '--settings', 'fixed'), /NOTHING_TO_DO/],
  ['an unknown option', () => compare(at.data, '--modles', at.weights), /unknown option '--modles'/],
  ['no folder at all', () => ['compare'], /missing required argument/],
  ['an unknown command', () => ['compaer', at.data], /unknown command 'compaer'/],
  ['no network to predict with', () => ['predict', inScratch('none.onnx'), 'a.png'], /MODEL_UNREADABLE/],
  ['a folder to predict with', () => ['predict', at.scratch, 'a.png'], /MODEL_UNREADABLE/],
  ['garbage to predict with', () => ['predict', inScratch('garbage.onnx'), 'a.png'], /ONNX_UNREADABLE/],
  [
    'a network of another program to predict with',
    () => ['predict', join(FIXTURES, 'residual-17.onnx'), 'a.png'],
    /NO_METADATA/,
  ],
];

describe('a mistake is one clear message:', () => {
  for (const [mistake, given, says] of MISTAKES) {
    it.concurrent(mistake, async ({ expect: expectHere }) => {
      const out = join(at.scratch, 'out', mistake.replaceAll(' ', '-'));
      const args = given();
      const more =
        args[0] === 'compare' && args.length > 1 ? ['--out', out, '--cache', inScratch('cache')] : [];
      const result = await runCli(...args, ...more);
      const messages = messagesOf(result).filter((line) => !line.startsWith('(') || !line.endsWith(')'));
      expectHere(messages).toHaveLength(1);
      expectHere(messages[0]).toMatch(says);
      expectHere(messages[0]).not.toMatch(/internal:|\bat .*:\d+:\d+/);
      expectHere(result.code).toBe(1);
      expectHere(result.stdout).toBe('');
      expectHere(existsSync(out)).toBe(false);
    });
  }

  it.concurrent('an output folder that cannot be written', async ({ expect: expectHere }) => {
    const args = models(at.weights, '--out', inScratch('file.txt/out'), '--cache', inScratch('cache'));
    const result = await runCli(...args);
    expectHere(messagesOf(result)).toHaveLength(1);
    expectHere(messagesOf(result)[0]).toMatch(/file\.txt.*STORE_NOT_WRITABLE/);
    expectHere([result.code, result.stdout]).toEqual([1, '']);
  });

  it.concurrent('a cache folder that cannot be written', async ({ expect: expectHere }) => {
    const result = await runCli(...models(at.weights, '--cache', inScratch('file.txt/cache')));
    expectHere(messagesOf(result)).toHaveLength(1);
    expectHere(messagesOf(result)[0]).toMatch(/CACHE_NOT_WRITABLE/);
    expectHere([result.code, result.stdout]).toEqual([1, '']);
  });
});

describe('help', () => {
  it('names the commands, and every command its options with their defaults', async () => {
    const general = await runCli('--help');
    expect(general.code).toBe(0);
    for (const name of [
      'compare',
      'demo',
      'predict',
      'models',
      'doctor',
      'plan',
      'run',
      'replay',
      'protocol',
    ])
      expect(general.stdout).toContain(name);
    const { stdout } = await runCli('compare', '--help');
    for (const text of ['--models', '--settings', 'quick, kornblith-2019', '(default: quick)', '--json']) {
      // However the lines are broken.
      expect(stdout.replace(/\s+/g, ' ')).toContain(text);
    }
  });
});
