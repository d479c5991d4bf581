/** Files of torch.save in all their forms: the numbers are those that PyTorch reads from them. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../src/util/byte-source.ts';
import { readSafetensors, readTorch } from '../../src/weights/index.ts';
import { openTorch } from '../../src/weights/torch/torch-file.ts';
import { describePython } from '../python.ts';
import { describeShared, sharedPath } from '../shared.ts';

const root = resolve(import.meta.dirname, '../..');
const fixtures = join(root, 'test/fixtures/torch');

type Expected = Record<string, Record<string, { shape: number[]; data: (number | string)[] }>>;

/** Every file of a folder that the script made, against what PyTorch read from it. */
async function checkFolder(folder: string): Promise<void> {
  const expected: Expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => file.endsWith('.pth'));
  expect(files.map((file) => basename(file, '.pth')).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, tensors] of Object.entries(expected)) {
    const found = await readTorch(join(folder, `${name}.pth`));
    expect([...found.keys()], name).toEqual(Object.keys(tensors));
    for (const [key, { shape, data }] of Object.entries(tensors)) {
      const numbers = data.map((number) =>
        Math.fround(number === 'inf' ? Number.POSITIVE_INFINITY : Number(number)),
      );
      expect(found.get(key), `${name}: ${key}`).toEqual({
        dtype: 'float32',
        shape,
        data: Float32Array.from(numbers),
      });
    }
  }
}

describe('files of PyTorch 1.13', () => {
  test('zip and legacy, all types, views of storages, checkpoints, compressed', () => checkFolder(fixtures));
});

describePython('files of the PyTorch that is installed', ['torch', 'numpy'], () => {
  test('the same in every form', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'torch-files-'));
    try {
      execFileSync('/usr/bin/python3', [join(root, 'scripts/fixtures/torch_files.py'), folder]);
      await checkFolder(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test('only the storage of the wanted tensor is read', async () => {
  const path = join(fixtures, 'zip.pth');
  const source = await openFileSource(path);
  let bytesRead = 0;
  const counting = {
    ...source,
    size: source.size,
    read: (position: number, length: number) => {
      bytesRead += length;
      return source.read(position, length);
    },
    close: () => source.close(),
  };
  const file = await openTorch(counting, path);
  bytesRead = 0;
  expect((await file.read('fc.bias')).shape).toEqual([5]);
  // The local header of its entry and 5 numbers.
  expect(bytesRead).toBe(30 + 5 * 4);
  await source.close();
});

describeShared('the published file', () => {
  test('cifar10_resnet20.pth has the numbers of its safetensors file', async () => {
    const found = await readTorch(sharedPath('weights/cifar10_resnet20.pth'));
    const { tensors } = await readSafetensors(sharedPath('weights/cifar10_resnet20.safetensors'));
    expect([...found.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, tensor] of tensors) expect(found.get(name)).toEqual(tensor);
  });
});
