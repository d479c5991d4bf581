/**
 * The study file of Kornblith et al. 2019 against the paper's tables: networks by parameters and features, data sets by
 * classes and images, and the range of accuracies on ImageNet.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { findOfficial } from '../../src/data/index.ts';
import { findModel } from '../../src/models/index.ts';
import { officialSpec, protocolOf, readStudy, type Study } from '../../src/study/index.ts';
import { plannedSteps } from '../../src/transfer/index.ts';

/** Parameters without the classifier in millions, features, pixels. */
const NETWORKS: Readonly<Record<string, readonly [number, number, number]>> = {
  'Inception v1': [5.6, 1024, 224],
  'BN-Inception': [10.2, 1024, 224],
  'Inception v3': [21.8, 2048, 299],
  'Inception v4': [41.1, 1536, 299],
  'Inception-ResNet v2': [54.3, 1536, 299],
  'ResNet-50': [23.5, 2048, 224],
  'ResNet-101': [42.5, 2048, 224],
  'ResNet-152': [58.1, 2048, 224],
  'DenseNet-121': [7.0, 1024, 224],
  'DenseNet-169': [12.5, 1664, 224],
  'DenseNet-201': [18.1, 1920, 224],
  'MobileNet v1': [3.2, 1024, 224],
  'MobileNet v2': [2.2, 1280, 224],
  'MobileNet v2 (1.4)': [4.3, 1792, 224],
  'NASNet-A Mobile': [4.2, 1056, 224],
  'NASNet-A Large': [84.7, 4032, 331],
};

/** Classes, images for training and validation, for testing. */
const SETS: Readonly<Record<string, readonly [number, number, number]>> = {
  'Food-101': [101, 75_750, 25_250],
  'CIFAR-10': [10, 50_000, 10_000],
  'CIFAR-100': [100, 50_000, 10_000],
  Birdsnap: [500, 47_386, 2_443],
  SUN397: [397, 19_850, 19_850],
  'Stanford Cars': [196, 8_144, 8_041],
  'FGVC Aircraft': [100, 6_667, 3_333],
  'PASCAL VOC 2007': [20, 5_011, 4_952],
  DTD: [47, 3_760, 1_880],
  'Oxford-IIIT Pets': [37, 3_680, 3_669],
  'Caltech-101': [102, 3_060, 6_084],
  'Oxford 102 Flowers': [102, 2_040, 6_149],
};

let study: Study;

beforeAll(async () => {
  vi.stubEnv('WEIGHTS', '/weights');
  vi.stubEnv('DATA', '/data');
  study = await readStudy(join(import.meta.dirname, '../../studies/kornblith-2019.yaml'));
  vi.unstubAllEnvs();
});

describe('kornblith-2019.yaml', () => {
  it('has the sixteen networks of the paper', () => {
    const found = study.models.map((model) => {
      if (model.kind !== 'open') return [model.name, []];
      const { parameters, featureSize, input } = findModel(model.open.split('=')[0]);
      return [model.name, [Number((parameters / 1e6).toFixed(1)), featureSize, input.size]];
    });
    expect(Object.fromEntries(found)).toEqual(NETWORKS);
    const accuracies = study.models.map((model) => (model.kind === 'open' ? model.sourceAccuracy! : 0));
    expect([Math.min(...accuracies), Math.max(...accuracies)]).toEqual([0.716, 0.808]);
  });

  it('has the twelve data sets of the paper, in their official form', () => {
    const found = study.datasets.map(({ name, open }) => {
      const { classes, images } = findOfficial(officialSpec(open)!.name);
      const { train, validation, test } = images;
      return [name, [classes, train + (typeof validation === 'number' ? validation : 0), test]];
    });
    expect(Object.fromEntries(found)).toEqual(SETS);
  });

  it('has three settings and the whole grid: 56 points of fine-tuning and from scratch, 45 of the regression', () => {
    expect([study.settings, study.seeds]).toEqual([['fixed', 'finetune', 'scratch'], [0]]);
    const { fixed, finetune, scratch } = protocolOf(study.protocol);
    expect([plannedSteps(finetune).trials, plannedSteps(scratch).trials]).toEqual([56, 56]);
    expect(fixed.lambdas).toHaveLength(45);
  });
});
