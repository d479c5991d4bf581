/** Cells as documents show them. May import store, stats and evaluate. */
import type { FinishedCell } from '../store/records.ts';
import { testEstimate } from './accuracy.ts';
import type { CellSummary } from './schema.ts';

/** What names a cell. */
export function identityOf(cell: FinishedCell['cell']) {
  const { key, dataset, model, setting, seed } = cell;
  return { key, dataset, model, setting, seed };
}

/** A finished cell with the interval of its test metric. */
export function cellSummary({ cell, result }: FinishedCell): CellSummary {
  const { top1, meanPerClass, correct, n } = result.test;
  return {
    ...identityOf(cell),
    hyperparameters: { ...result.hyperparameters },
    validation: { ...result.validation },
    test: { ...testEstimate([result]), metric: result.metric, top1, meanPerClass, correct, n },
    trainImages: result.trainImages,
    seconds: { ...result.seconds },
    network: { ...result.network },
    finishedAt: result.finishedAt,
  };
}
