/** `transferlab demo`: the main job on the procedural suite, with the networks that come with the package. */
import { join } from 'node:path';
import { findProtocol, SETTINGS } from '../../study/index.ts';
import { OPTIONS, type OptionValues } from '../options.ts';
import { textOf, workOptionsOf } from '../parse.ts';
import { present } from './compare.ts';

/** Small and near, small and fine-grained, and the largest one, where the gap to scratch narrows. */
const TARGETS = ['procedural/shapes', 'procedural/fine', 'procedural/large'];

export async function demo(values: OptionValues): Promise<void> {
  await present(
    {
      title: 'Demonstration: three small networks on three procedural data sets',
      datasets: TARGETS,
      models: OPTIONS.models.default.split(','),
      settings: SETTINGS,
      protocol: findProtocol('demo'),
      seeds: 1,
      splitSeed: 0,
      out: textOf(values, 'out') || join('transferlab-out', 'demo'),
      ...(await workOptionsOf(values)),
      command: 'transferlab demo',
    },
    values,
  );
}
