/**
 * The records that the store keeps and the report reads. A record is frozen: only the store changes state.
 * These types are also what `--json` prints, so a change that removes or renames a member raises
 * `DOCUMENT_VERSION`.
 */

import type { JsonObject } from '../util/json.ts';

/** Version of the JSON documents and of the stored results. */
export const DOCUMENT_VERSION = 1;

export type Setting = 'fixed' | 'finetune' | 'scratch';
export type MetricName = 'top1' | 'meanPerClass' | 'meanAveragePrecision';

/** A unit of work: one model on one data set in one setting under one protocol with one seed. */
export interface Cell {
  /** SHA-256 of everything that determines the result (`determinedBy`). */
  readonly key: string;
  readonly dataset: string;
  readonly model: string;
  readonly setting: Setting;
  readonly protocol: string;
  readonly seed: number;
  /** Everything that determines the result: data fingerprint, weights hash, protocol fields, engine version, ... */
  readonly determinedBy: Readonly<Record<string, unknown>>;
}

/** One point of the hyper-parameter grid, as tried on the validation part. */
export interface Trial {
  /** For example `{ learningRate: 0.01, weightDecay: 0.0001 }` or `{ lambda: 0.1 }`. */
  readonly hyperparameters: Readonly<Record<string, number>>;
  /** `stopped`: given up early as hopeless; its metric is the last one measured. `diverged`: the loss was NaN. */
  readonly status: 'finished' | 'stopped' | 'diverged';
  /** Validation metric in 0..1; null when diverged before the first measurement. */
  readonly validation: number | null;
  /** Training steps (or optimiser iterations) actually run. */
  readonly steps: number;
  readonly seconds: number;
}

/** One point of a learning curve of the chosen run. */
export interface CurvePoint {
  readonly step: number;
  /** Mean training loss since the last point. */
  readonly loss: number;
  /** Training accuracy in 0..1 since the last point. */
  readonly trainAccuracy: number;
  readonly learningRate: number;
}

/** What the final network said of one test image. */
export interface Prediction {
  /** The image's id in the data set. */
  readonly image: string;
  /** Index of the true class; multi-label: of the first class that is present. */
  readonly label: number;
  /** Index of the predicted class; multi-label: of the class with the highest score. */
  readonly predicted: number;
  /** Probability of the predicted class, 0..1: softmax, or multi-label sigmoid. */
  readonly probability: number;
  /** Multi-label only, for every class: 1 present, 0 absent, -1 difficult (does not count). */
  readonly labels?: readonly number[];
  /** Multi-label only, for every class: the logit, which ranks images and whose sign is the decision. */
  readonly scores?: readonly number[];
}

export interface CellResult {
  readonly classes: readonly string[];
  readonly metric: MetricName;
  readonly hyperparameters: Readonly<Record<string, number>>;
  /** Validation metric of the chosen trial, 0..1, and the number of validation images. */
  readonly validation: { readonly value: number; readonly n: number };
  readonly test: {
    /** `metric` of the test part, 0..1. */
    readonly value: number;
    /** null where an image can have several classes. */
    readonly top1: number | null;
    readonly meanPerClass: number | null;
    /** Images that are right; multi-label: of which every class that counts is. */
    readonly correct: number;
    readonly n: number;
  };
  readonly trainImages: number;
  /** The whole grid. */
  readonly trials: readonly Trial[];
  /** Empty for fixed features. */
  readonly curve: readonly CurvePoint[];
  readonly predictions: readonly Prediction[];
  /** Wall-clock seconds: everything, the search, the final fit. */
  readonly seconds: { readonly total: number; readonly search: number; readonly final: number };
  /** ONNX file of the trained network (inference form), in the artifact folder. */
  readonly network: ArtifactReference;
  /** Versions, machine, threads: what a reader needs to judge or repeat the result. */
  readonly environment: Readonly<Record<string, string | number>>;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}

export interface ArtifactReference {
  /** SHA-256 of the content; the artifact's address. */
  readonly sha256: string;
  readonly bytes: number;
  readonly mediaType: string;
}

export interface FinishedCell {
  readonly cell: Cell;
  readonly status: 'done';
  readonly result: CellResult;
}

export interface FailedCell {
  readonly cell: Cell;
  readonly status: 'failed';
  /** One clear message. */
  readonly error: string;
}

export type CellOutcome = FinishedCell | FailedCell;

export const MEASUREMENT_KINDS = ['pretraining', 'cost', 'scores', 'embedding', 'panels'] as const;
export type MeasurementKind = (typeof MEASUREMENT_KINDS)[number];

/** What is computed once and kept beside the cells: a pre-training, what a network costs, how features lie, ... */
export interface Measurement {
  /** SHA-256 of everything that determines the value (`determinedBy`). */
  readonly key: string;
  readonly kind: MeasurementKind;
  /** Names for people. */
  readonly dataset: string;
  readonly model: string;
  readonly determinedBy: Readonly<Record<string, unknown>>;
  /** Depends on the kind. */
  readonly value: JsonObject;
  /** What is too large for a row, for example the weights of a pre-training. */
  readonly artifact: ArtifactReference | null;
  /** Wall-clock seconds that it took. */
  readonly seconds: number;
  /** Versions, machine, threads. */
  readonly environment: Readonly<Record<string, string | number>>;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}

/** One start of a command over a store: what a replay needs to know. */
export interface RunRecord {
  /** Grows with every run recorded in this store. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Name of the command, for example `study`. */
  readonly command: string;
  /** Every option with its value, defaults included; any JSON. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Versions, machine, threads. */
  readonly environment: Readonly<Record<string, string | number>>;
}
