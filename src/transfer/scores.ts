/**
 * Transferability scores of a pre-trained network on a data set: features, and where the weights came with a classifier
 * its predictions, of the images of the training part. Nothing is trained, and validation and test part stay unseen.
 */
import { type ImageDataset, type ImageRecord, labelsOf } from '../data/index.ts';
import { concat } from '../graph/build.ts';
import {
  Features,
  gbc,
  hScore,
  leep,
  logme,
  logmeOfMultiLabel,
  nce,
  transRate,
} from '../stats/transferability/index.ts';
import { SCORES, type ScoreName } from '../stats/transferability/names.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { messageOf } from '../util/errors.ts';
import { imageRows, preTrained } from './image-rows.ts';
import type { SettingInputs } from './setting.ts';

export interface ScoresOptions {
  /** Which to compute; all unless told otherwise. */
  readonly scores?: readonly ScoreName[];
}

/** A score is null where it does not apply, and absent where it was not asked for. */
export type ScoresValue = { readonly [name in ScoreName]?: number | null } & {
  /** Why scores are null, by their names. */
  readonly missing: { readonly [name in ScoreName]?: string };
  readonly measuredOn: {
    readonly images: number;
    readonly classes: number;
    readonly features: number;
    /** Classes of the classifier that the weights came with. */
    readonly sourceClasses: number | null;
  };
};

interface Seen {
  readonly labels: Int32Array;
  readonly features: Features;
  /** Probabilities of the source's classes. */
  readonly source: Features | undefined;
}

/** What each score reads. LogME alone is defined where an image can have several classes. */
const COMPUTE: Readonly<Record<ScoreName, (seen: Seen) => number>> = {
  logme: ({ features, labels }) =>
    labels.length === features.rows ? logme(features, labels) : logmeOfMultiLabel(features, labels),
  leep: ({ source, labels }) => leep(source!, labels),
  nce: ({ source, labels }) => nce(likeliest(source!), labels),
  hscore: ({ features, labels }) => hScore(features, labels),
  gbc: ({ features, labels }) => gbc(features, labels),
  transrate: ({ features, labels }) => transRate(features, labels),
};

const NEEDS_SOURCE: ReadonlySet<ScoreName> = new Set(['leep', 'nce']);

/**
 * The scores of the training part. Of a multi-label set the images that are difficult for a class are left out.
 * @throws UserError WEIGHTS_MISSING, FEATURES_NOT_FINITE
 */
export async function transferabilityScores(
  inputs: SettingInputs,
  { scores = SCORES }: ScoresOptions,
): Promise<{ value: ScoresValue }> {
  const { dataset, head, onProgress } = inputs;
  const missing = Object.fromEntries(
    scores.flatMap((name) => {
      const reason = reasonAgainst(name, inputs);
      return reason === undefined ? [] : [[name, reason]];
    }),
  );
  const wanted = scores.filter((name) => missing[name] === undefined);
  const withSource = wanted.some((name) => NEEDS_SOURCE.has(name));
  const seen = await see(inputs, scoredImages(dataset), withSource);
  const values = scoresOf(seen, wanted, (done, note) =>
    onProgress({ phase: 'scores', done, total: wanted.length, note }),
  );
  const value: Record<string, number | null> = {};
  for (const name of scores) {
    const found = values.get(name) ?? null;
    value[name] = typeof found === 'number' ? found : null;
    if (typeof found === 'string') missing[name] = found;
  }
  const measuredOn = {
    images: seen.features.rows,
    classes: dataset.classes.length,
    features: seen.features.columns,
    sourceClasses: head?.classes ?? null,
  };
  return { value: { ...value, missing, measuredOn } };
}

/** The scores; in place of one that cannot be computed the reason, so that the others are not lost with it. */
export function scoresOf(
  seen: Seen,
  names: readonly ScoreName[],
  onScore: (done: number, name: ScoreName) => void = () => {},
): Map<ScoreName, number | string> {
  const alike = haveAllTheSame(seen.features);
  const scoreOf = (name: ScoreName): number | string => {
    if (alike && !NEEDS_SOURCE.has(name)) return 'the network gives all images the same features';
    try {
      const score = COMPUTE[name](seen);
      return Number.isFinite(score) ? score : `of these features it is ${score}`;
    } catch (error) {
      return `it cannot be computed: ${messageOf(error)}`;
    }
  };
  return new Map(
    names.map((name, done) => {
      onScore(done, name);
      return [name, scoreOf(name)];
    }),
  );
}

/** As of a network that died: there is nothing to tell classes by, and no covariance. */
function haveAllTheSame(features: Features): boolean {
  const first = features.row(0);
  for (let i = 1; i < features.rows; i++) {
    if (features.row(i).some((value, j) => value !== first[j])) return false;
  }
  return true;
}

function reasonAgainst(name: ScoreName, { dataset, head }: SettingInputs): string | undefined {
  if (dataset.task === 'multi-label' && name !== 'logme')
    return 'not defined where an image can have several classes';
  if (NEEDS_SOURCE.has(name) && !head) return 'the weights came without a classifier of their source';
  return undefined;
}

function scoredImages({ splits: { train } }: ImageDataset): readonly ImageRecord[] {
  return train.filter(({ labels }) => !labels || labels.every((label) => label >= 0));
}

/** Runs the network once over the images: features, and beside them the source's logits. */
async function see(
  inputs: SettingInputs,
  records: readonly ImageRecord[],
  withSource: boolean,
): Promise<Seen> {
  const { dataset, model, head } = inputs;
  const network = preTrained(inputs);
  const source = withSource ? head : undefined;
  const weights = new Map([...network.weights, ...(source?.weights ?? [])]);
  const rows = await imageRows(inputs, { ...network, weights }, records, (net, images) => {
    const output = model.backbone(net, images);
    return source ? concat([output.features, source.logits(net, output)], 1) : output.features;
  });
  const columns = rows.shape[1] - (source?.classes ?? 0);
  return {
    labels: labelsOf(dataset, records),
    features: columnsOf(rows, 0, columns),
    source: source && softmaxed(columnsOf(rows, columns, rows.shape[1])),
  };
}

function columnsOf({ shape: [rows, width], data }: Tensor<'float32'>, from: number, to: number): Features {
  const part = new Float32Array(rows * (to - from));
  for (let i = 0; i < rows; i++) part.set(data.subarray(i * width + from, i * width + to), i * (to - from));
  return new Features(part, rows, to - from);
}

/** Logits to probabilities, row by row. */
function softmaxed(logits: Features): Features {
  const data = new Float32Array(logits.data.length);
  for (let i = 0; i < logits.rows; i++) {
    const row = logits.row(i);
    const top = row.reduce((highest, value) => Math.max(highest, value), -Infinity);
    const exponentials = Float64Array.from(row, (value) => Math.exp(value - top));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    data.set(
      exponentials.map((value) => value / sum),
      i * logits.columns,
    );
  }
  return new Features(data, logits.rows, logits.columns);
}

/** The class of the highest probability of each row. */
function likeliest(probabilities: Features): Int32Array {
  return Int32Array.from({ length: probabilities.rows }, (_, i) => {
    const row = probabilities.row(i);
    return row.reduce((best, value, z) => (value > row[best] ? z : best), 0);
  });
}
