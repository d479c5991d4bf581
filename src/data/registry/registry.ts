/** All published data sets that the program knows. The list is the test list: what is here is tested. */
import { nearestNames, UserError } from '../../util/errors.ts';
import { aircraft } from './aircraft.ts';
import { birdsnap } from './birdsnap.ts';
import { caltech101 } from './caltech101.ts';
import { cars } from './cars.ts';
import { cifar10, cifar100 } from './cifar.ts';
import { findDetection } from './detection.ts';
import { dtd } from './dtd.ts';
import type { OfficialDataset } from './entry.ts';
import { flowers102 } from './flowers102.ts';
import { food101 } from './food101.ts';
import { imagenet, tinyImagenet } from './imagenet.ts';
import { mnist } from './mnist.ts';
import { pets } from './pets.ts';
import { sun397 } from './sun397.ts';
import { voc2007 } from './voc2007.ts';

export const OFFICIAL_DATASETS: readonly OfficialDataset[] = [
  food101,
  cifar10,
  cifar100,
  birdsnap,
  sun397,
  cars,
  aircraft,
  voc2007,
  dtd,
  pets,
  caltech101,
  flowers102,
  imagenet,
  tinyImagenet,
  mnist,
];

/** @throws UserError UNKNOWN_DATASET with the nearest names, DATASET_TASK for a detection set */
export function findOfficial(name: string): OfficialDataset {
  const found = OFFICIAL_DATASETS.find((entry) => entry.name === name);
  if (found) return found;
  if (findDetection(name))
    throw new UserError(
      'DATASET_TASK',
      `${name} has boxes, where a data set of classes is needed.`,
      `\`transferlab datasets ${name} --data <folder>\` shows what is in a copy.`,
    );
  const names = OFFICIAL_DATASETS.map((entry) => entry.name);
  throw new UserError(
    'UNKNOWN_DATASET',
    `There is no data set "${name}" in the registry.`,
    `Nearest: ${nearestNames(name, names).join(', ')}; \`transferlab datasets\` lists all.`,
  );
}
