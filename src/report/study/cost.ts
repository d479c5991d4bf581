/** What a study cost: seconds, trials, and images that passed through networks, by setting. */
import type { FinishedCell } from '../../store/records.ts';
import { SETTINGS } from '../ranking.ts';
import { finishedByKey } from './results.ts';
import type { StudyCell, StudyCost } from './schema.ts';

/** Cells that several experiments share, or that have several names, count once in the settings and the total. */
export function studyCost(finished: readonly FinishedCell[], cells: readonly StudyCell[]): StudyCost {
  const experiments = [...new Set(cells.flatMap((cell) => cell.experiments))];
  const computed = [...finishedByKey(finished).values()];
  return {
    seconds: sum(computed.map(({ result }) => result.seconds.total)),
    settings: SETTINGS.flatMap((setting) => {
      const own = computed.filter(({ cell }) => cell.setting === setting);
      if (own.length === 0) return [];
      const images = own.map(imagesOf);
      return {
        setting,
        cells: own.length,
        seconds: sum(own.map(({ result }) => result.seconds.total)),
        search: sum(own.map(({ result }) => result.seconds.search)),
        final: sum(own.map(({ result }) => result.seconds.final)),
        trials: sum(own.map(({ result }) => result.trials.length)),
        images: images.includes(null) ? null : sum(images.map((count) => count ?? 0)),
      };
    }),
    experiments: experiments.map((experiment) => {
      const members = cells.filter((cell) => cell.experiments.includes(experiment));
      const own = [...new Map(members.map((cell) => [cell.key, cell])).values()];
      return { experiment, cells: own.length, seconds: sum(own.map(({ seconds }) => seconds.total)) };
    }),
  };
}

/**
 * Fixed features see every image once; training sees a batch per step of all trials and of the final run, which ends with
 * its curve. Null where the cell does not say the size of its batches.
 */
function imagesOf({ cell, result }: FinishedCell): number | null {
  if (cell.setting === 'fixed') return result.trainImages + result.test.n;
  const { protocol } = cell.determinedBy;
  const batch =
    typeof protocol === 'object' && protocol !== null && 'batchSize' in protocol ? protocol.batchSize : null;
  if (typeof batch !== 'number') return null;
  const last = result.curve[result.curve.length - 1];
  return batch * (sum(result.trials.map(({ steps }) => steps)) + (last?.step ?? 0));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
