/**
 * What a study's folder keeps of the study beside its store: all that the report says and that is no result. With it
 * and the store a report can be made again without data, models or engine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyInput } from '../../report/index.ts';
import { type Cell, type CellOutcome, type Measurement, type Store, writeWhole } from '../../store/index.ts';
import { type EmbeddingValue, type PanelsValue, panelPictures } from '../../transfer/index.ts';
import { UserError } from '../../util/errors.ts';

/** Raised when a frame of before cannot be read any more. */
const FRAME_VERSION = 2;

export interface StudyFrame extends Omit<StudyInput, 'outcomes' | 'scores' | 'embeddings' | 'panels'> {
  readonly version: number;
  /** The cells of all experiments, under each of their names in this study. */
  readonly cells: readonly Cell[];
  /** Keys of what was measured, under the names of this study. */
  readonly measurements: readonly MeasurementName[];
}

interface MeasurementName {
  readonly key: string;
  readonly kind: Measurement['kind'];
  readonly dataset: string;
  readonly model: string;
  /** How the network was trained, for people. */
  readonly setting: string;
}

const frameFile = (folder: string) => join(folder, 'study-frame.json');

export async function writeFrame(folder: string, frame: Omit<StudyFrame, 'version'>): Promise<void> {
  const path = frameFile(folder);
  const text = JSON.stringify({ version: FRAME_VERSION, ...frame });
  await writeWhole(path, `${path}.new`, (file) => file.writeFile(text));
}

/** @throws UserError STUDY_NOT_STARTED */
export async function readFrame(folder: string): Promise<StudyFrame> {
  const text = await readFile(frameFile(folder), 'utf8').catch(() => undefined);
  const frame = text === undefined ? undefined : (JSON.parse(text) as StudyFrame);
  if (frame?.version === FRAME_VERSION) return frame;
  throw new UserError(
    'STUDY_NOT_STARTED',
    `The folder ${folder} has no study that has come as far as its cells.`,
    'Start it with `transferlab run`, or name its folder with --out.',
  );
}

/** What the report is made of: the frame, and what the store has by now. */
export async function studyInputOf(frame: StudyFrame, store: Store): Promise<StudyInput> {
  const { version: _, cells, measurements, ...rest } = frame;
  const found = await store.outcomes(cells.map(({ key }) => key));
  const outcomes = cells.flatMap((cell): CellOutcome[] => {
    const outcome = found.get(cell.key);
    return outcome ? [{ ...outcome, cell }] : [];
  });
  const measured = await store.measurements(measurements.map(({ key }) => key));
  const of = (kind: Measurement['kind']) =>
    measurements.flatMap((name) => {
      const measurement = name.kind === kind ? measured.get(name.key) : undefined;
      return measurement ? [{ ...name, value: measurement.value }] : [];
    });
  return {
    ...rest,
    outcomes,
    scores: of('scores').map(({ model, dataset, value }) => ({ model, dataset, values: numbersOf(value) })),
    embeddings: of('embedding').flatMap(({ model, dataset, setting, value }) =>
      (value as EmbeddingValue).embeddings.map(({ nearest: _, ...drawing }) => ({
        ...{ model, dataset, setting },
        ...drawing,
      })),
    ),
    panels: of('panels').flatMap(({ model, dataset, setting, value }) => {
      const { classes, neighbours, activation } = value as PanelsValue;
      const network = { model, dataset, setting, classes };
      return [
        { kind: 'neighbours' as const, ...network, rows: neighbours.rows },
        { kind: 'activation' as const, ...network, ...activation },
      ];
    }),
  };
}

/** The pictures of panels, as data URIs by name of the data set and key. */
export async function picturesOf(
  { measurements }: StudyFrame,
  store: Store,
): Promise<Map<string, Map<string, string>>> {
  const panels = measurements.filter(({ kind }) => kind === 'panels');
  const measured = await store.measurements(panels.map(({ key }) => key));
  const pictures = new Map<string, Map<string, string>>();
  for (const { key, dataset } of panels) {
    const artifact = measured.get(key)?.artifact;
    if (!artifact) continue;
    const ofDataset = pictures.get(dataset) ?? new Map<string, string>();
    for (const [name, uri] of panelPictures(await store.readArtifact(artifact))) ofDataset.set(name, uri);
    pictures.set(dataset, ofDataset);
  }
  return pictures;
}

/** The members that are numbers: a score that does not apply is null. */
function numbersOf(value: Measurement['value']): Record<string, number> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) => (typeof one === 'number' ? [[name, one]] : [])),
  );
}
