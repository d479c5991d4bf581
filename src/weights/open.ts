/** Opens a model by what a user types. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importOnnxClassifier } from '../models/imported/import.ts';
import type { Model } from '../models/model.ts';
import { findModel } from '../models/registry.ts';
import { UserError } from '../util/errors.ts';
import { sha256OfFile } from '../util/hash.ts';
import { fitWeights, type Weights } from './load.ts';
import { modelOfFile, withStatedInput } from './metadata.ts';
import { readSafetensors } from './safetensors.ts';

export interface OpenedModel {
  readonly model: Model;
  /** The backbone's variables by name; undefined when there is only the architecture (random initialisation). */
  readonly weights: Weights | undefined;
  /** SHA-256 of the weights' file. */
  readonly weightsHash: string | undefined;
  /** Short name for tables and figures. */
  readonly label: string;
  /** One sentence for reports: what the weights are and where they come from. */
  readonly source: string;
}

/** The weights that come with the package, `assets/weights` in its root, from `src/weights` as from `dist/weights`. */
const DEMO_FOLDER = fileURLToPath(new URL('../../assets/weights/', import.meta.url));

/**
 * Opens what `spec` names:
 * - `resnet50`, `mobilenet_v1_025@64`, `resnet50+gn`: an architecture, without weights
 * - `path/to/file.safetensors`: weights whose metadata or file name tells the architecture
 * - `resnet50=path/to/file.safetensors`: weights of a stated architecture
 * - `path/to/file.onnx`: an imported classifier
 * - `demo/NAME`: weights that come with the package
 * @throws UserError UNKNOWN_MODEL, INPUT_SIZE, MODEL_FILE_MISSING, MODEL_FILE_KIND, ARCHITECTURE_UNKNOWN,
 *   WEIGHTS_MISFIT, WEIGHTS_NOT_FINITE, SAFETENSORS_..., or what importing ONNX throws
 */
export async function openModel(spec: string): Promise<OpenedModel> {
  const demo = /^demo\/([\w.-]+)$/.exec(spec)?.[1];
  if (demo !== undefined && !existsSync(spec)) return openSafetensors(await demoPath(demo), spec);
  const stated = existsSync(spec) ? null : /^([\w@+-]+)=(.+)$/.exec(spec);
  if (stated) return openFile(stated[2], findModel(stated[1]));
  return /[/\\.]/.test(spec) ? openFile(spec) : openArchitecture(spec);
}

function openArchitecture(name: string): OpenedModel {
  const model = findModel(name);
  return {
    model,
    weights: undefined,
    weightsHash: undefined,
    label: model.name,
    source: `Architecture ${model.name} without weights: random initialisation (${model.paper}).`,
  };
}

async function openFile(path: string, stated?: Model): Promise<OpenedModel> {
  const ending = extname(path).toLowerCase();
  if (ending !== '.safetensors' && (ending !== '.onnx' || stated)) throw wrongKind(path, stated);
  if (!existsSync(path)) {
    throw new UserError(
      'MODEL_FILE_MISSING',
      `There is no file ${path}.`,
      'Check the path; a built-in architecture is named without ending, as `transferlab models` lists it.',
    );
  }
  const label = basename(path, extname(path));
  return ending === '.onnx' ? openOnnx(path, label) : openSafetensors(path, label, stated);
}

function wrongKind(path: string, stated: Model | undefined): UserError {
  const allowed = stated
    ? 'A file of weights for a stated architecture ends in .safetensors; an .onnx file carries its own.'
    : 'A model is a registry name, a .safetensors file, an .onnx file, registryName=path or demo/NAME.';
  return new UserError('MODEL_FILE_KIND', `${path} is not a model that can be opened.`, allowed);
}

async function openSafetensors(path: string, label: string, stated?: Model): Promise<OpenedModel> {
  const { tensors, metadata } = await readSafetensors(path);
  const model = withStatedInput(stated ?? modelOfFile(path, metadata), metadata, path);
  const weights = fitWeights(model, tensors, { source: path });
  const { source, licence } = metadata;
  const origin = [source && `source: ${source}`, licence && `licence: ${licence}`].filter(Boolean).join('; ');
  return {
    model,
    weights,
    weightsHash: await sha256OfFile(path),
    label,
    source: `Weights of ${model.name} from ${basename(path)}${origin && ` (${origin})`}.`,
  };
}

async function openOnnx(path: string, label: string): Promise<OpenedModel> {
  const { model, weights } = await importOnnxClassifier(path);
  return {
    model,
    weights: fitWeights(model, weights, { source: path }),
    weightsHash: await sha256OfFile(path),
    label,
    source: `Network and weights imported from ${basename(path)}.`,
  };
}

async function demoPath(name: string): Promise<string> {
  const path = `${DEMO_FOLDER}${name}.safetensors`;
  if (existsSync(path)) return path;
  const present = existsSync(DEMO_FOLDER) ? await readdir(DEMO_FOLDER) : [];
  const names = present
    .filter((file) => file.endsWith('.safetensors'))
    .map((file) => basename(file, '.safetensors'));
  throw new UserError(
    'MODEL_FILE_MISSING',
    `The package has no weights called demo/${name}.`,
    names.length > 0 ? `It has ${names.map((other) => `demo/${other}`).join(', ')}.` : 'It has none at all.',
  );
}
