/** Records to rows and back; the one place that knows how a `CellResult` is spread over tables and artifacts. */
import { invariant } from '../util/errors.ts';
import type {
  ArtifactReference,
  Cell,
  CellResult,
  Measurement,
  Prediction,
  RunRecord,
  Trial,
} from './records.ts';
import type { cells, measurements, results, runs, trials } from './schema.ts';

type CellRow = typeof cells.$inferSelect;
type ResultRow = typeof results.$inferSelect;
type TrialRow = typeof trials.$inferSelect;
type MeasurementRow = typeof measurements.$inferSelect;

export const PREDICTIONS_MEDIA_TYPE = 'application/x-ndjson';

export function cellToRow({ key, dataset, model, setting, protocol, seed, determinedBy }: Cell) {
  return { key, dataset, model, setting, protocol, seed, determinedBy };
}

export function cellFromRow(row: CellRow): Cell {
  return deepFreeze(cellToRow(row));
}

export function resultToRow(key: string, result: CellResult, predictions: ArtifactReference): ResultRow {
  return {
    cellKey: key,
    classes: result.classes,
    metric: result.metric,
    hyperparameters: result.hyperparameters,
    validationValue: result.validation.value,
    validationImages: result.validation.n,
    testValue: result.test.value,
    testTop1: result.test.top1,
    testMeanPerClass: result.test.meanPerClass,
    testCorrect: result.test.correct,
    testImages: result.test.n,
    trainImages: result.trainImages,
    curve: result.curve,
    secondsTotal: result.seconds.total,
    secondsSearch: result.seconds.search,
    secondsFinal: result.seconds.final,
    networkSha256: result.network.sha256,
    networkBytes: result.network.bytes,
    networkMediaType: result.network.mediaType,
    predictionsSha256: predictions.sha256,
    predictionsBytes: predictions.bytes,
    predictionsMediaType: predictions.mediaType,
    environment: result.environment,
    finishedAt: new Date(result.finishedAt),
  };
}

export function trialsToRows(key: string, { trials }: CellResult): TrialRow[] {
  return trials.map(({ hyperparameters, status, validation, steps, seconds }, position) => ({
    cellKey: key,
    position,
    hyperparameters,
    status,
    validation,
    steps,
    seconds,
  }));
}

/** @param trialRows of this cell, in any order */
export function resultFromRows(
  row: ResultRow,
  trialRows: readonly TrialRow[],
  predictions: readonly Prediction[],
): CellResult {
  return {
    classes: row.classes,
    metric: row.metric,
    hyperparameters: row.hyperparameters,
    validation: { value: row.validationValue, n: row.validationImages },
    test: {
      value: row.testValue,
      top1: row.testTop1,
      meanPerClass: row.testMeanPerClass,
      correct: row.testCorrect,
      n: row.testImages,
    },
    trainImages: row.trainImages,
    trials: [...trialRows].sort((a, b) => a.position - b.position).map(trialFromRow),
    curve: row.curve,
    predictions,
    seconds: { total: row.secondsTotal, search: row.secondsSearch, final: row.secondsFinal },
    network: { sha256: row.networkSha256, bytes: row.networkBytes, mediaType: row.networkMediaType },
    environment: row.environment,
    finishedAt: row.finishedAt.toISOString(),
  };
}

function trialFromRow({ hyperparameters, status, validation, steps, seconds }: TrialRow): Trial {
  return { hyperparameters, status, validation, steps, seconds };
}

export function predictionsReference(row: ResultRow): ArtifactReference {
  return {
    sha256: row.predictionsSha256,
    bytes: row.predictionsBytes,
    mediaType: row.predictionsMediaType,
  };
}

export function measurementToRow(measurement: Measurement): MeasurementRow {
  const { key, kind, dataset, model, determinedBy, value, artifact, seconds, environment } = measurement;
  return {
    ...{ key, kind, dataset, model, determinedBy, value, seconds, environment },
    artifactSha256: artifact?.sha256 ?? null,
    artifactBytes: artifact?.bytes ?? null,
    artifactMediaType: artifact?.mediaType ?? null,
    finishedAt: new Date(measurement.finishedAt),
  };
}

export function measurementFromRow(row: MeasurementRow): Measurement {
  const { artifactSha256, artifactBytes, artifactMediaType, finishedAt, ...rest } = row;
  const artifact =
    artifactSha256 === null
      ? null
      : { sha256: artifactSha256, bytes: artifactBytes!, mediaType: artifactMediaType! };
  return deepFreeze({ ...rest, artifact, finishedAt: finishedAt.toISOString() });
}

export function runFromRow(row: typeof runs.$inferSelect): RunRecord {
  return deepFreeze({ ...row, startedAt: row.startedAt.toISOString() });
}

/** JSON lines: any language reads them, and a line is one image. */
export function encodePredictions(predictions: readonly Prediction[]): Uint8Array {
  return Buffer.from(
    predictions
      .map(({ image, label, predicted, probability, labels, scores }) =>
        JSON.stringify({ image, label, predicted, probability, labels, scores }).concat('\n'),
      )
      .join(''),
  );
}

export function decodePredictions(content: Uint8Array): Prediction[] {
  return Buffer.from(content)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Prediction);
}

/** JSON would silently turn NaN and infinities into null. */
export function requireFinite(value: unknown, path: string): void {
  if (typeof value === 'number') {
    invariant(Number.isFinite(value), `${path} is ${value}, and a result has finite numbers only`);
  } else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) requireFinite(inner, `${path}.${name}`);
  }
}

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
