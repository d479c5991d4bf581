/**
 * The cache of optimised graphs: the second start reads what the first wrote, results have the same bits, and
 * whatever is wrong with the folder costs nothing but time.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lower } from '../../src/compile/index.ts';
import { add, Graph, matmul, mul, relu, type Value } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { createSession, toRuntime } from '../../src/runtime/session.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';

const SHAPE = [8, 8];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sessions-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A graph large enough to be kept, with something to fold and to fuse in every layer; `salt` makes it another. */
function graphOf(salt: number, layers = 300): Map<string, Value> {
  const graph = new Graph();
  let x = graph.input('x', SHAPE);
  for (let i = 0; i < layers; i++) {
    const half = mul(graph.scalar(0.25), graph.scalar(2 + salt));
    x = relu(add(mul(matmul(x, graph.input(`w${i}`, SHAPE)), half), x));
  }
  return new Map([['y', x]]);
}

/** The outputs of two runs, with weights drawn from one seed. */
async function outputs(cacheFolder: string | undefined, salt = 0): Promise<Float32Array> {
  const { model, inputs } = lower(graphOf(salt), { form: 'training' });
  const session = await createSession(encodeModel(model), { threads: 2, cacheFolder });
  const random = new Random(5);
  const feeds = inputs.map(({ name }) => {
    const values = Array.from({ length: 64 }, () => random.uniform(-0.3, 0.3));
    return [name, toRuntime(float32(SHAPE, values))];
  });
  const { y } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return y.data as Float32Array;
}

const entries = async () => (await readdir(join(folder, 'sessions'))).sort();
const entry = async () => join(folder, 'sessions', (await entries())[0]);

describe('the cache of optimised graphs', () => {
  test('gives the same bits as building anew, and writes one entry', async () => {
    const expected = await outputs(undefined);
    expect(await outputs(folder)).toEqual(expected);
    expect(await entries()).toHaveLength(1);
    const written = await readFile(await entry());
    expect(await outputs(folder)).toEqual(expected);
    expect(await entries()).toHaveLength(1);
    expect(await readFile(await entry())).toEqual(written);
  });

  test('is what the second start runs', async () => {
    await outputs(folder, 0);
    await outputs(folder, 1);
    const names = await entries();
    expect(names).toHaveLength(2);
    // The two entries change places: had the second start not read them, it would give the other's numbers.
    const [first, second] = await Promise.all(names.map((name) => readFile(join(folder, 'sessions', name))));
    await writeFile(join(folder, 'sessions', names[0]), second);
    await writeFile(join(folder, 'sessions', names[1]), first);
    expect(await outputs(folder, 0)).toEqual(await outputs(undefined, 1));
  });

  test.each([
    ['cut', (path: string) => truncate(path, 1000)],
    ['empty', (path: string) => truncate(path, 0)],
    [
      'changed in one bit',
      async (path: string) => {
        const bytes = await readFile(path);
        bytes[bytes.length >> 1] ^= 1;
        await writeFile(path, bytes);
      },
    ],
  ])('builds an entry anew that is %s', async (_, damage) => {
    const expected = await outputs(folder);
    const whole = await readFile(await entry());
    await damage(await entry());
    expect(await outputs(folder)).toEqual(expected);
    expect(await readFile(await entry())).toEqual(whole);
  });

  test('does without a folder that cannot be made', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await outputs(join(file, 'cache'))).toEqual(await outputs(undefined));
  });

  test('removes what was not used for longest when there is too much', async () => {
    const sessions = join(folder, 'sessions');
    await mkdir(sessions);
    // Files with holes, which take no space.
    for (const [name, day] of [
      ['old', 1],
      ['recent', 20],
    ] as const) {
      const path = join(sessions, `${name}.onnx`);
      await writeFile(path, '');
      await truncate(path, 300 * 2 ** 20);
      await utimes(path, new Date(2020, 0, day), new Date(2020, 0, day));
    }
    await outputs(folder);
    expect(await entries()).toHaveLength(2);
    expect(await entries()).toContain('recent.onnx');

    // To be used is to be recent.
    const mine = join(sessions, (await entries()).find((name) => name !== 'recent.onnx')!);
    await utimes(mine, new Date(2019, 0, 1), new Date(2019, 0, 1));
    await outputs(folder);
    expect((await stat(mine)).mtime.getFullYear()).toBeGreaterThan(2019);
  });

  test('leaves small graphs alone', async () => {
    const { model } = lower(graphOf(0, 2), { form: 'training' });
    const session = await createSession(encodeModel(model), { cacheFolder: folder });
    await session.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('hides no mistake in the graph', async () => {
    const { createSession } = await import('../../src/runtime/index.ts');
    const garbage = new Uint8Array(100_000).fill(7);
    const failure = createSession(garbage, { cacheFolder: folder });
    await expect(failure).rejects.toBeInstanceOf(UserError);
    await expect(failure).rejects.toMatchObject({ code: 'SESSION_FAILED' });
    expect(await entries()).toEqual([]);
  });
});
