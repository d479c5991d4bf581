/**
 * What the report of a study is made of: finished cells, measurements and how the study was declared. Everything that
 * the report says is computed from this by `studyDocument`. May import stats and store.
 */
import type { Correction } from '../../stats/index.ts';
import type { Cell, CellOutcome, Setting } from '../../store/records.ts';
import type { CompareDocument, DatasetSummary, ModelSummary } from '../schema.ts';
import type { FailedMeasurement } from './schema.ts';

export interface StudyInput {
  readonly title: string;
  readonly description: string;
  readonly protocol: CompareDocument['protocol'];
  /** Command line that makes this report again. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string | number>>;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Of p-values that belong to one family of tests. */
  readonly correction: Correction;
  readonly models: readonly StudyModelInput[];
  /** Whole data sets; subsets of the experiment with sizes are not listed. */
  readonly datasets: readonly DatasetSummary[];
  /** Names of those whose classes are kinds of one thing; when left out, those named after cars, aircraft or `fine`. */
  readonly fineGrained?: readonly string[];
  /**
   * The cells of all experiments under each name that they have here: two networks of one architecture share what is
   * trained from scratch.
   */
  readonly outcomes: readonly CellOutcome[];
  /** Pre-trainings and measurements that could not be computed when the study last ran. */
  readonly failedMeasurements?: readonly FailedMeasurement[];
  readonly experiments: ExperimentsInput;
  readonly scores: readonly ScoresInput[];
  readonly embeddings: readonly EmbeddingInput[];
  readonly panels: readonly PanelInput[];
}

export interface StudyModelInput extends ModelSummary {
  /** Accuracy on the test part of the source set, in 0..1; null where it is not known. */
  readonly sourceAccuracy: number | null;
  /** Test images that it was measured on; null where it is not known. */
  readonly sourceImages: number | null;
}

/** A cell under one of its names. */
export type CellReference = Pick<Cell, 'key' | 'dataset' | 'model'>;

/** Which cells belong to which experiment; null where the study has none of that kind. */
interface ExperimentsInput {
  readonly settings: { readonly cells: readonly CellReference[] };
  readonly regularisation: RegularisationInput | null;
  readonly convergence: { readonly runs: readonly ConvergenceRun[] } | null;
  readonly datasetSize: { readonly runs: readonly DatasetSizeRun[] } | null;
}

/** The four switches of pre-training; true means that it was on. */
export interface Switches {
  readonly gamma: boolean;
  readonly labelSmoothing: boolean;
  readonly dropout: boolean;
  readonly auxiliary: boolean;
}

export interface RegularisationInput {
  /** Name of the variant from which one switch at a time is changed. */
  readonly base: string;
  readonly variants: readonly (Switches & { readonly model: string })[];
  readonly cells: readonly CellReference[];
}

export interface ConvergenceRun {
  readonly key: string;
  readonly model: string;
  readonly dataset: string;
  readonly setting: Setting;
  readonly steps: number;
  readonly epochs: number;
}

export interface DatasetSizeRun {
  readonly key: string;
  readonly model: string;
  /** Name of the whole data set. */
  readonly dataset: string;
  readonly setting: Setting;
  /** Of training and validation together. */
  readonly images: number;
  readonly perClass: number;
  /** Which of the random subsets of this size. */
  readonly subset: number;
}

/** Transferability scores of one network on one data set, by name: higher is meant to be better. */
interface ScoresInput {
  readonly model: string;
  readonly dataset: string;
  readonly values: Readonly<Record<string, number>>;
}

/** Penultimate features of test images in two dimensions. */
export interface EmbeddingInput {
  readonly model: string;
  readonly dataset: string;
  /** How the network was trained, for people: a setting, or `pre-trained`. */
  readonly setting: string;
  readonly method: 'tsne' | 'umap';
  readonly classes: readonly string[];
  /** `label`: index of the class. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly label: number }[];
  /** Accuracy of nearest neighbours in the full feature space, 0..1. */
  readonly knn?: number;
  /** How far near points of the drawing are near in the full feature space, 0..1. */
  readonly trustworthiness?: number;
}

/** Test images with what the network finds alike, or with where it looks. */
export type PanelInput = NeighbourPanel | ActivationPanel;

interface PanelOfModel {
  readonly model: string;
  readonly dataset: string;
  /** As of an embedding. */
  readonly setting: string;
  readonly classes: readonly string[];
}

interface NeighbourPanel extends PanelOfModel {
  readonly kind: 'neighbours';
  readonly rows: readonly {
    /** Id of a test image, and the index of its class. */
    readonly image: string;
    readonly label: number;
    /** Nearest first, with their cosine similarity. */
    readonly neighbours: readonly {
      readonly image: string;
      readonly label: number;
      readonly similarity: number;
    }[];
  }[];
}

interface ActivationPanel extends PanelOfModel {
  readonly kind: 'activation';
  /** Why the network has no such maps, as half a sentence; null where it has. */
  readonly missing: string | null;
  readonly rows: readonly {
    readonly image: string;
    readonly label: number;
    readonly predicted: number;
    readonly probability: number;
    /** Activation of the predicted class by row and column, scaled to 0..1. */
    readonly map: readonly (readonly number[])[];
    /** Keys of the picture of what the network sees of the image, and of that with the map over it. */
    readonly seen: string;
    readonly overlay: string;
  }[];
}
