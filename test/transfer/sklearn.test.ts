/**
 * Fixed features of a real network on real images, against scikit-learn's logistic regression on the same
 * features at the same strength. Both fit train and validation part together.
 */

import { readdirSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BatchLoader, openFolderDataset, openViewCache, type View } from '../../src/data/index.ts';
import { top1 } from '../../src/evaluate/index.ts';
import { argMaxRows } from '../../src/tensor/tensor.ts';
import { compileImageFunction, runOverImages } from '../../src/train/index.ts';
import { fixedFeatures, type SettingInputs } from '../../src/transfer/index.ts';
import { silent } from '../../src/util/progress.ts';
import { openModel } from '../../src/weights/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { describePython, python } from '../python.ts';
import { describeShared, sharedPath } from '../shared.ts';

const LAMBDAS = [1e-3, 0.1, 1, 10, 1e3];
const IMAGES_PER_CLASS = 40;
const VIEW = { kind: 'central-square', filter: 'bicubic' } as const;

/** Features as float32 and labels as int32, in the files that are named; prints the share of right test images. */
const FIT = `
import sys, numpy as np
from sklearn.linear_model import LogisticRegression
folder, columns, lambdas = sys.argv[1], int(sys.argv[2]), [float(x) for x in sys.argv[3:]]
read = lambda name, kind: np.fromfile(f'{folder}/{name}', dtype=kind)
x, y = read('fit.features', 'f4').reshape(-1, columns).astype(float), read('fit.labels', 'i4')
x_test, y_test = read('test.features', 'f4').reshape(-1, columns).astype(float), read('test.labels', 'i4')
for strength in lambdas:
    model = LogisticRegression(C=1 / strength, solver='lbfgs', tol=1e-6, max_iter=20000).fit(x, y)
    print(model.score(x_test, y_test))
`;

/** A folder with links to the first images of each class. */
async function partOf(source: string): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of readdirSync(source)) {
    await mkdir(join(folder, name));
    const files = readdirSync(join(source, name)).sort().slice(0, IMAGES_PER_CLASS);
    for (const file of files) await symlink(join(source, name, file), join(folder, name, file));
  }
  return folder;
}

/** Writes features and labels of some parts for scikit-learn. */
async function exportFeatures(
  { dataset, model, weights, cacheFolder }: SettingInputs,
  parts: readonly ('train' | 'validation' | 'test')[],
  stem: string,
): Promise<void> {
  const records = parts.flatMap((part) => dataset.splits[part]);
  const view: View = { ...VIEW, size: model.input.size };
  const cache = await openViewCache(dataset, records, view, cacheFolder);
  const labels = records.map(({ label }) => label);
  const loader = new BatchLoader({
    cache,
    labels,
    batchSize: 20,
    transform: 'centre',
    seed: 0,
    threads: 0,
    ...model.input,
  });
  const { size } = model.input;
  const shape = [20, 3, size, size];
  const backbone = await compileImageFunction((net, x) => model.backbone(net, x).features, shape, weights!);
  const { data } = await runOverImages(backbone, loader, records.length, { phase: 'features' });
  await backbone.close();
  await loader.close();
  await writeFile(`${stem}.features`, data);
  await writeFile(`${stem}.labels`, Int32Array.from(labels));
}

describeShared('cifar10_resnet20 on a part of EuroSAT', () => {
  describePython('against scikit-learn', ['sklearn', 'numpy'], () => {
    it('has the same fixed-feature accuracy within half a point at every strength', async () => {
      const { model, weights } = await openModel(sharedPath('weights', 'cifar10_resnet20.safetensors'));
      const inputs: SettingInputs = {
        dataset: await openFolderDataset(
          await partOf(sharedPath('data', 'classification', 'eurosat-subset')),
          { seed: 0 },
        ),
        model,
        weights,
        seed: 0,
        cacheFolder: await temporaryFolder(),
        onProgress: silent,
      };
      const folder = await temporaryFolder();
      await exportFeatures(inputs, ['train', 'validation'], join(folder, 'fit'));
      await exportFeatures(inputs, ['test'], join(folder, 'test'));
      const printed = python(FIT, folder, String(model.featureSize), ...LAMBDAS.map(String));
      const expected = printed.trim().split('\n').map(Number);

      const labels = Int32Array.from(inputs.dataset.splits.test, ({ label }) => label);
      const found: number[] = [];
      for (const lambda of LAMBDAS) {
        const { testLogits } = await fixedFeatures(inputs, {
          lambdas: [lambda],
          tolerance: 1e-6,
          patience: null,
          view: VIEW,
        });
        found.push(top1(labels, argMaxRows(testLogits)));
      }
      expect(Math.max(...found)).toBeGreaterThan(0.5);
      LAMBDAS.forEach((lambda, i) => {
        expect(
          Math.abs(found[i] - expected[i]),
          `lambda ${lambda}: ${found[i]}, ${expected[i]}`,
        ).toBeLessThan(0.005);
      });
    });
  });
});
