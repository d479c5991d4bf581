/** Weights from a hub: what arrives is complete and right or not there at all, whatever the network and the disk do. */
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256 } from '../../src/util/hash.ts';
import type { ProgressEvent } from '../../src/util/progress.ts';
import { type HubOptions, hubFiles } from '../../src/weights/hub.ts';
import { parseHubName } from '../../src/weights/hub-name.ts';
import { openModel, publishedWeights, writeSafetensors } from '../../src/weights/index.ts';
import { webFile } from '../../src/weights/web.ts';
import { refusalOf } from '../refusal.ts';
import { smallWeights } from '../small-weights.ts';
import { COMMIT, type HubServer, startHubServer } from './hub-server.ts';

const REPOSITORY = 'someone/network';
const NAME = parseHubName(`hf:${REPOSITORY}`)!;
const CONFIG = {
  architecture: 'mobilenetv2_035',
  num_classes: 10,
  pretrained_cfg: {
    input_size: [3, 64, 64],
    crop_pct: 0.9,
    interpolation: 'bicubic',
    mean: [0.1, 0.2, 0.3],
    std: [0.4, 0.5, 0.6],
    license: 'apache-2.0',
  },
};

let server: HubServer;
let cacheFolder: string;
let weights: Buffer;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  server = await startHubServer();
  const folder = await mkdtemp(join(tmpdir(), 'hub-weights-'));
  const path = join(folder, 'a.safetensors');
  await writeSafetensors(path, smallWeights('mobilenet_v2_035'));
  weights = await readFile(path);
  await rm(folder, { recursive: true });
});
afterAll(() => server.close());

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'hub-cache-'));
  vi.stubEnv('HF_ENDPOINT', server.address);
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HF_HUB_OFFLINE', '');
  server.repositories.clear();
  server.refused.clear();
  server.repositories.set(REPOSITORY, repository());
  server.trouble = {};
  server.log.length = 0;
  events.length = 0;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cacheFolder, { recursive: true });
});

function repository(config: unknown = CONFIG): Map<string, Uint8Array> {
  return new Map([
    ['config.json', Buffer.from(JSON.stringify(config))],
    ['model.safetensors', weights],
  ]);
}

const options = (): HubOptions => ({
  cacheFolder,
  pause: 1,
  patience: 300,
  onProgress: (event) => events.push(event),
});

/** Every file of the cache folder, without folders. */
const cached = () =>
  readdirSync(cacheFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
async function expectWeights(path: string): Promise<void> {
  // Comparing number by number would take seconds.
  expect((await readFile(path)).equals(weights)).toBe(true);
}
const contents = () =>
  server.log.filter((line) => line.startsWith('GET /content/') && line.includes('safetensors'));

describe('names', () => {
  test.each([
    ['hf:timm/resnet50.tv_in1k', 'timm/resnet50.tv_in1k', 'main', undefined],
    ['timm/resnet50.tv_in1k', 'timm/resnet50.tv_in1k', 'main', undefined],
    ['timm/resnet50.tv_in1k@v2', 'timm/resnet50.tv_in1k', 'v2', undefined],
    [`hf:a/b@${COMMIT}`, 'a/b', COMMIT, undefined],
    ['hf:a/b/c.safetensors', 'a/b', 'main', 'c.safetensors'],
    ['hf:a/b/deep/c.pth@x', 'a/b', 'x', 'deep/c.pth'],
  ])('%s', (spec, repo, revision, file) => {
    expect(parseHubName(spec)).toEqual({ repository: repo, revision, ...(file && { file }) });
  });

  test.each(['other/resnet50', 'timm/a/b', './timm/a', 'resnet50', 'timm/'])('%s is no such name', (spec) => {
    expect(parseHubName(spec)).toBeUndefined();
  });

  test.each([
    'hf:',
    'hf:a',
    'hf:a/..',
    'hf:../b',
    'hf:a/b/../c',
    'hf:a/b@..',
    'hf:a/b?x',
    'hf:a//b',
    'hf:a b/c',
  ])('%s is refused', (spec) => {
    expect(() => parseHubName(spec)).toThrow(expect.objectContaining({ code: 'HUB_NAME' }));
  });
});

describe('opening', () => {
  test('architecture, input, licence and place come with the weights; the second time nothing is asked', async () => {
    const opened = await openModel(`hf:${REPOSITORY}`, { cacheFolder });
    expect(opened.model.name).toBe('mobilenet_v2_035@64');
    expect(opened.model.input).toEqual({ size: 64, mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] });
    expect(opened.label).toBe(REPOSITORY);
    expect(opened.weightsHash).toBe(sha256(weights));
    expect(opened.source).toContain(`${REPOSITORY} at ${COMMIT.slice(0, 8)}`);
    server.log.length = 0;
    const again = await openModel(`hf:${REPOSITORY}`, { cacheFolder, offline: true });
    expect(again.weightsHash).toBe(opened.weightsHash);
    expect(server.log).toEqual([]);
    expect(cached()).toEqual(['config.json', 'main', 'model.safetensors', 'model.safetensors.sha256']);
  });

  test('the user may state the architecture and the size', async () => {
    server.repositories.set(REPOSITORY, new Map([['model.safetensors', weights]]));
    const unknown = await refusalOf(openModel(`hf:${REPOSITORY}`, { cacheFolder }));
    expect(unknown.code).toBe('ARCHITECTURE_UNKNOWN');
    const { model } = await openModel(`mobilenet_v2_035@96=hf:${REPOSITORY}`, { cacheFolder });
    expect(model.name).toBe('mobilenet_v2_035@96');
  });

  test.each([
    ['mobilenet_v2_035@224', 224],
    ['mobilenet_v2_035', 64],
  ])('%s is at %i pixels, where its description says 64', async (stated, size) => {
    const { model } = await openModel(`${stated}=hf:${REPOSITORY}`, { cacheFolder });
    expect(model.input.size).toBe(size);
  });

  test.each([
    [{ global_pool: 'max' }, 'global_pool "max"'],
    [{ global_pool: 'avg', model_args: { global_pool: 'catavgmax' } }, 'global_pool "catavgmax"'],
    [{ model_args: { act_layer: 'silu', num_classes: 10 } }, 'act_layer "silu"'],
    [{ model_args: { block_args: { a: 1 } } }, 'block_args an object'],
  ])('%j makes another network, unless the user states the architecture', async (fields, named) => {
    server.repositories.set(REPOSITORY, repository({ ...CONFIG, ...fields }));
    const error = await refusalOf(openModel(`hf:${REPOSITORY}`, { cacheFolder }));
    expect(error.code).toBe('ARCHITECTURE_CHANGED');
    expect(error.message).toContain(named);
    const { model } = await openModel(`mobilenet_v2_035=hf:${REPOSITORY}`, { cacheFolder });
    expect(model.name).toBe('mobilenet_v2_035@64');
  });

  test.each([
    { global_pool: 'avg', model_args: { num_classes: 10, drop_rate: 0.1 } },
    { global_pool: '', model_args: { img_size: 64, drop_path_rate: 0 } },
    { global_pool: null, model_args: null },
  ])('%j changes no layer', async (fields) => {
    server.repositories.set(REPOSITORY, repository({ ...CONFIG, ...fields }));
    expect((await openModel(`hf:${REPOSITORY}`, { cacheFolder })).model.name).toBe('mobilenet_v2_035@64');
  });

  test('an architecture that is not built in is called by its name', async () => {
    server.repositories.set(REPOSITORY, repository({ ...CONFIG, architecture: 'vit_base_patch16_224' }));
    const error = await refusalOf(openModel(`hf:${REPOSITORY}`, { cacheFolder }));
    expect(error.code).toBe('ARCHITECTURE_UNKNOWN');
    expect(error.message).toContain('vit_base_patch16_224');
  });

  test.each([
    [[]],
    ['text'],
    [{ architecture: 7 }],
    [
      {
        architecture: 'mobilenetv2_035',
        pretrained_cfg: { mean: [1], std: 'x', input_size: [3, 1, 2], crop_pct: {} },
      },
    ],
  ])('fields of an unknown form are taken as absent: %j', async (config) => {
    server.repositories.set(REPOSITORY, repository(config));
    const { model } = await openModel(`mobilenet_v2_035=hf:${REPOSITORY}`, { cacheFolder });
    expect(model.name).toBe('mobilenet_v2_035');
    expect(model.input.mean).toEqual([0.485, 0.456, 0.406]);
  });

  test('a repository with a pickle only', async () => {
    const file = await readFile(join(import.meta.dirname, '../fixtures/torch/zip.pth'));
    server.repositories.set(REPOSITORY, new Map([['pytorch_model.bin', file]]));
    const error = await refusalOf(openModel(`cifar_resnet20=hf:${REPOSITORY}`, { cacheFolder }));
    expect(error.code).toBe('WEIGHTS_MISFIT');
    expect(error.message).toContain('conv.weight');
  });

  test('the catalog knows what is here', async () => {
    server.repositories.set('timm/resnet18.tv_in1k', repository());
    await hubFiles(parseHubName('timm/resnet18.tv_in1k')!, options());
    const rows = await publishedWeights(cacheFolder, 'resnet18');
    expect(rows.map(({ name, place }) => [name, place])).toEqual([
      ['timm/resnet18.tv_in1k', 'cache'],
      ['timm/resnet18.a1_in1k', 'network'],
    ]);
  });

  test('a file that was changed in the cache folder is not used', async () => {
    const { weights: path } = await hubFiles(NAME, options());
    const bytes = Buffer.from(weights);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(path, bytes);
    expect((await refusalOf(openModel(`hf:${REPOSITORY}`, { cacheFolder }))).code).toBe('HUB_DAMAGED');
  });
});

describe('the network', () => {
  test('a cut connection is taken up where it broke, with rate and time left reported', async () => {
    const step = Math.ceil(weights.length / 4);
    server.trouble = { cutAfter: step, times: 3 };
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
    const starts = contents().map((line) => Number(/bytes=(\d+)-/.exec(line)?.[1] ?? 0));
    // A cut may lose what was under way.
    expect(starts.length).toBeGreaterThanOrEqual(3);
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
    expect(starts[1]).toBeGreaterThan(0);
    const last = events.at(-1)!;
    expect(last).toMatchObject({ phase: `download ${REPOSITORY}/model.safetensors`, total: weights.length });
    expect(last.done).toBe(last.total);
    expect(last.note).toMatch(/MB of .* MB, .* MB\/s/);
  });

  test('what has arrived stays when it breaks for good, and the next run goes on from there', async () => {
    server.trouble = { cutAfter: 1000 };
    const broken = hubFiles(NAME, {
      ...options(),
      onProgress: ({ phase }) => phase.endsWith('safetensors') && (server.trouble = { cutAfter: 0 }),
    });
    expect((await refusalOf(broken)).code).toBe('DOWNLOAD_CUT');
    expect(cached()).not.toContain('model.safetensors');
    server.trouble = {};
    server.log.length = 0;
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
    expect(contents()[0]).toMatch(/bytes=[1-9]\d*-/);
  });

  test('a server that ignores ranges sends all of it again', async () => {
    server.trouble = { cutAfter: 1000, ignoreRange: true, times: 2 };
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
  });

  test.each([500, 503, 429, 416])('a passing %i is asked again', async (status) => {
    server.trouble = { status, times: 2 };
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
  });

  test('a lasting 503', async () => {
    server.trouble = { status: 503 };
    expect((await refusalOf(hubFiles(NAME, options()))).code).toBe('HUB_UNREACHABLE');
  });

  test('silence is given up', async () => {
    server.trouble = { silentAfter: 500, times: 1 };
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
  });

  test('a wrong checksum leaves no file', async () => {
    server.trouble = { damaged: true };
    const error = await refusalOf(hubFiles(NAME, options()));
    expect(error.code).toBe('DOWNLOAD_CHECKSUM');
    expect(error.message).toContain('config.json');
    expect(cached()).toEqual([]);
    // The small file is right this time, the large one not.
    server.trouble = {};
    const late = hubFiles(NAME, {
      ...options(),
      onProgress: ({ phase }) => phase.endsWith('config.json') && (server.trouble = { damaged: true }),
    });
    expect((await refusalOf(late)).code).toBe('DOWNLOAD_CHECKSUM');
    expect(cached()).toEqual(['config.json', 'model.safetensors.sha256']);
    expect((await refusalOf(hubFiles(NAME, { ...options(), offline: true }))).code).toBe('HUB_OFFLINE');
  });

  test('a server that cannot be reached', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    const error = await refusalOf(hubFiles(NAME, options()));
    expect(error.code).toBe('HUB_UNREACHABLE');
    expect(error.message).toContain('127.0.0.1:1');
  });

  test('no plain http but on this machine, neither at first nor by a redirect', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://example.org');
    expect((await refusalOf(hubFiles(NAME, options()))).code).toBe('HTTP_INSECURE');
  });

  test('two downloads of the same at once', async () => {
    const both = await Promise.all([hubFiles(NAME, options()), hubFiles(NAME, options())]);
    for (const { weights: path } of both) await expectWeights(path);
  });

  test('offline, by option and by environment', async () => {
    const error = await refusalOf(hubFiles(NAME, { ...options(), offline: true }));
    expect(error.code).toBe('HUB_OFFLINE');
    expect(error.message).toContain('--offline');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await refusalOf(hubFiles(NAME, options()))).code).toBe('HUB_OFFLINE');
    expect(server.log).toEqual([]);
  });
});

describe('refusals', () => {
  test.each([
    ['no such repository', 'hf:someone/nothing', 'HUB_MISSING'],
    ['no such revision', `hf:${REPOSITORY}@v9`, 'HUB_MISSING'],
    ['no such file', `hf:${REPOSITORY}/other.safetensors`, 'HUB_MISSING'],
  ])('%s', async (_, spec, code) => {
    expect((await refusalOf(hubFiles(parseHubName(spec)!, options()))).code).toBe(code);
    expect(cached()).toEqual([]);
  });

  test('a gated repository, and a token that opens no other host', async () => {
    server.refused.set(REPOSITORY, [401, 'GatedRepo']);
    const error = await refusalOf(hubFiles(NAME, options()));
    expect(error.code).toBe('HUB_GATED');
    expect(error.message).toContain('HF_TOKEN');
    server.refused.clear();
    vi.stubEnv('HF_TOKEN', 'secret');
    await hubFiles(NAME, options());
    expect(server.log.at(-1)).toContain('Bearer secret');
  });

  test.each(['hf-mirror.com', 'hf-mirror.com:443', 'https://'])('HF_ENDPOINT=%s', async (endpoint) => {
    vi.stubEnv('HF_ENDPOINT', endpoint);
    const error = await refusalOf(hubFiles(NAME, options()));
    expect(error.code).toBe('HUB_ENDPOINT');
    expect(error.message).toContain(`"${endpoint}"`);
  });

  test('a server that is no hub', async () => {
    vi.stubEnv('HF_ENDPOINT', `${server.address}/plain`);
    expect((await refusalOf(hubFiles(NAME, options()))).code).toBe('HUB_PROTOCOL');
  });
});

describe('the disk', () => {
  test('a full one is said, and nothing stays', async () => {
    const folder = join(cacheFolder, 'hub', 'someone--network', COMMIT);
    await mkdir(folder, { recursive: true });
    // The device that is always full, in the place of what arrives.
    const part = `.model.safetensors.${sha256(weights).slice(0, 16)}.part`;
    await symlink('/dev/full', join(folder, part));
    const error = await refusalOf(hubFiles(NAME, options()));
    expect(error.code).toBe('DISK_FULL');
    expect(error.message).toContain(folder);
    expect(cached()).toEqual(['config.json', 'model.safetensors.sha256']);
    const { weights: path } = await hubFiles(NAME, options());
    await expectWeights(path);
  });

  test('a cache folder that cannot be made', async () => {
    const file = join(cacheFolder, 'file');
    await writeFile(file, '');
    const error = await refusalOf(hubFiles(NAME, { ...options(), cacheFolder: file }));
    expect(error.code).toBe('CACHE_NOT_WRITABLE');
  });
});

describe('an address', () => {
  const address = (name: string) => `${server.address}/content/${REPOSITORY}/${name}`;

  test('is checked against the part of the checksum in its name', async () => {
    const right = `network-${sha256(weights).slice(0, 8)}.safetensors`;
    const files = server.repositories.get(REPOSITORY)!;
    files.set(right, weights);
    files.set('network-01234567.safetensors', weights);
    const opened = await openModel(`mobilenet_v2_035=${address(right)}`, { cacheFolder });
    expect(opened.weightsHash).toBe(sha256(weights));
    const wrong = webFile(address('network-01234567.safetensors'), options());
    expect((await refusalOf(wrong)).code).toBe('DOWNLOAD_CHECKSUM');
    server.log.length = 0;
    const { path } = await webFile(address(right), options());
    expect(server.log).toEqual([]);
    const bytes = Buffer.from(weights);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(path, bytes);
    const damaged = openModel(`mobilenet_v2_035=${address(right)}`, { cacheFolder });
    expect((await refusalOf(damaged)).code).toBe('DOWNLOAD_DAMAGED');
  });

  test.each([
    ['x.pth', 'DOWNLOAD_REFUSED', {}],
    ['x.pth', 'DOWNLOAD_OFFLINE', { offline: true }],
    ['', 'DOWNLOAD_ADDRESS', {}],
  ])('%j: %s', async (name, code, extra) => {
    const work = webFile(`${server.address}/content/a/b/${name}`, { ...options(), ...extra });
    expect((await refusalOf(work)).code).toBe(code);
  });
});
