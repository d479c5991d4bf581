/** Opens a model by what a user types. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { importOnnxClassifier } from '../models/imported/import.ts';
import type { Model } from '../models/model.ts';
import { findModel } from '../models/registry.ts';
import { type ByteSource, openFileSource } from '../util/byte-source.ts';
import { defaultCacheFolder } from '../util/cache-folder.ts';
import { UserError } from '../util/errors.ts';
import { contentHash, sha256OfFile } from '../util/hash.ts';
import type { ProgressListener } from '../util/progress.ts';
import { demoFile, demoNames } from './demo.ts';
import { hubFiles } from './hub.ts';
import { modelOfConfig, readHubConfig, type StatedModel } from './hub-config.ts';
import { type HubName, parseHubName } from './hub-name.ts';
import { fitWeights, headOf, loadWeights, type SourceHead } from './load.ts';
import { modelOfFile, withStatedInput } from './metadata.ts';
import { openSafetensors } from './safetensors.ts';
import { type TensorFile, using, type Weights } from './tensor-file.ts';
import { openTorch } from './torch/torch-file.ts';
import { webFile } from './web.ts';

export interface OpenedModel {
  readonly model: Model;
  /** The backbone's variables by name; undefined when there is only the architecture (random initialisation). */
  readonly weights: Weights | undefined;
  /** The classifier that the weights came with, which transfer leaves out; undefined where the file has none. */
  readonly head: SourceHead | undefined;
  /** SHA-256 of the weights' file; of an ONNX file with external data, a hash of it and of the files beside it. */
  readonly weightsHash: string | undefined;
  /** Short name for tables and figures. */
  readonly label: string;
  /** For reports: what the weights are and where they come from. */
  readonly source: string;
}

export interface OpenOptions {
  /** Where downloads are kept; the operating system's place for such files when left out. */
  readonly cacheFolder?: string;
  /** Takes downloads from the cache folder only. `HF_HUB_OFFLINE=1` says the same. */
  readonly offline?: boolean;
  /** Hears of downloads: bytes done and in all. */
  readonly onProgress?: ProgressListener;
}

const TORCH_ENDINGS = ['.pth', '.pt', '.th', '.bin', '.ckpt', '.tar'];

/**
 * Opens what `spec` names. A file or folder of that very name always comes first.
 * - `resnet50`, `mobilenet_v1_025@64`: an architecture, without weights
 * - `path/to/file.safetensors`, `path/to/file.pth`: weights whose metadata or file name tells the architecture
 * - `resnet50=path/to/file.pth`: weights of a stated architecture
 * - `path/to/file.onnx`: an imported classifier
 * - `demo/NAME`: weights that come with the package
 * - `hf:owner/name`, `hf:owner/name@revision`, `hf:owner/name/file.safetensors`: weights on the Hugging Face hub, whose
 *   config.json tells architecture and input; `timm/name` is short for `hf:timm/name`
 * - `https://host/file.pth`: a file on the web, taken as one on disk
 * - `resnet50=hf:owner/name`, `resnet50=https://host/file.pth`: the same, of a stated architecture
 *
 * What was downloaded once is used as it is, without asking the network again.
 * @throws UserError UNKNOWN_MODEL, INPUT_SIZE, MODEL_SWITCH, MODEL_FILE_MISSING, MODEL_FILE_KIND, ARCHITECTURE_UNKNOWN,
 *   WEIGHTS_..., SAFETENSORS_..., TORCH_..., PICKLE_..., ZIP_..., HUB_..., DOWNLOAD_..., DISK_FULL, or what importing
 *   ONNX throws
 */
export async function openModel(spec: string, options: OpenOptions = {}): Promise<OpenedModel> {
  if (/[/\\.]/.test(spec) && existsSync(spec)) return openFile(spec);
  const demo = /^demo\/([\w.-]+)$/.exec(spec)?.[1];
  if (demo !== undefined) return openTensors({ path: demoPath(demo), label: spec });
  const { architecture, place } = splitModelSpec(spec);
  const stated = architecture === undefined ? undefined : findModel(architecture);
  const hasSize = architecture?.includes('@') ?? false;
  const hub = existsSync(place) ? undefined : parseHubName(place);
  if (hub) return openHub(hub, options, stated && { model: stated, hasSize });
  if (/^https?:\/\//.test(place)) return openWeb(place, options, stated);
  return stated || /[/\\.]/.test(place) ? openFile(place, stated) : openArchitecture(place);
}

/** The two sides of `resnet50=path/to/file.pth`; what names no architecture is a place as a whole. */
export function splitModelSpec(spec: string): { readonly architecture?: string; readonly place: string } {
  const [, architecture, place] = /^([\w@+-]+)=(.+)$/.exec(spec) ?? [];
  return architecture === undefined ? { place: spec } : { architecture, place };
}

/** Whether a place is on disk, or would be: neither on the web nor on the hub. */
export function isFile(place: string): boolean {
  return !/^https?:\/\//.test(place) && parseHubName(place) === undefined;
}

const withCache = (options: OpenOptions) => ({ cacheFolder: defaultCacheFolder(), ...options });

function openArchitecture(name: string): OpenedModel {
  const model = findModel(name);
  return {
    model,
    weights: undefined,
    head: undefined,
    weightsHash: undefined,
    label: model.name,
    source: `Architecture ${model.name} without weights: random initialisation (${model.paper}).`,
  };
}

async function openFile(path: string, stated?: Model): Promise<OpenedModel> {
  const ending = extname(path).toLowerCase();
  const isTensors = ending === '.safetensors' || TORCH_ENDINGS.includes(ending);
  if (!isTensors && (ending !== '.onnx' || stated)) throw wrongKind(path, stated);
  if (!existsSync(path)) {
    throw new UserError(
      'MODEL_FILE_MISSING',
      `There is no file ${path}.`,
      'Check the path; a built-in architecture is named without ending, as `transferlab models` lists it.',
    );
  }
  const label = basename(path, extname(path));
  return ending === '.onnx' ? openOnnx(path, label) : openTensors({ path, label, stated });
}

function wrongKind(path: string, stated: Model | undefined): UserError {
  const allowed = stated
    ? 'A file of weights for a stated architecture ends in .safetensors or .pth; an .onnx file carries its own.'
    : 'A model is a registry name, a .safetensors, .pth or .onnx file, registryName=path, demo/NAME or hf:owner/name.';
  return new UserError('MODEL_FILE_KIND', `${path} is not a model that can be opened.`, allowed);
}

interface TensorsToOpen {
  readonly path: string;
  readonly label: string;
  readonly stated?: Model;
  /** What reports call the place, when it is not the file's name. */
  readonly place?: string;
  readonly licence?: string;
}

async function openTensors({ path, label, stated, place, licence }: TensorsToOpen): Promise<OpenedModel> {
  return using(await openFileSource(path), async (source) => {
    const file = await openTensorFile(source, path);
    const { metadata } = file;
    const model = withStatedInput(stated ?? modelOfFile(path, metadata), metadata, path);
    const { weights, head, otherHead } = await loadWeights(model, file, path);
    const origin = [
      metadata.source && `source: ${metadata.source}`,
      (metadata.licence ?? licence) && `licence: ${metadata.licence ?? licence}`,
    ].filter(Boolean);
    const from = `Weights of ${model.name} from ${place ?? basename(path)}`;
    const left = otherHead === undefined ? '' : ` Their classifier, of ${otherHead} classes, is left out.`;
    return {
      model,
      weights,
      head,
      weightsHash: await sha256OfFile(path),
      label,
      source: `${from}${origin.length > 0 ? ` (${origin.join('; ')})` : ''}.${left}`,
    };
  });
}

/** By its ending: what is not safetensors is PyTorch's. */
function openTensorFile(source: ByteSource, path: string): Promise<TensorFile> {
  return extname(path).toLowerCase() === '.safetensors'
    ? openSafetensors(source, path)
    : openTorch(source, path);
}

async function openHub(name: HubName, options: OpenOptions, stated?: StatedModel): Promise<OpenedModel> {
  const { weights: path, config, commit, sha256 } = await hubFiles(name, withCache(options));
  const { repository } = name;
  const described = readHubConfig(config);
  const opened = await openTensors({
    path,
    label: repository,
    stated: modelOfConfig(repository, described, stated),
    place: `${repository} at ${commit.slice(0, 8)}`,
    licence: described.licence,
  });
  return undamaged(opened, 'HUB_DAMAGED', path, sha256);
}

async function openWeb(address: string, options: OpenOptions, stated?: Model): Promise<OpenedModel> {
  const { path, sha256 } = await webFile(address, withCache(options));
  return undamaged(await openFile(path, stated), 'DOWNLOAD_DAMAGED', path, sha256);
}

/** Compares what was in the cache folder with its checksum, of which the beginning may be known. */
function undamaged(opened: OpenedModel, code: string, path: string, sha256 = ''): OpenedModel {
  if (opened.weightsHash?.startsWith(sha256)) return opened;
  throw new UserError(
    code,
    `${path} is not what was downloaded.`,
    'Delete it; it is downloaded again when it is needed.',
  );
}

async function openOnnx(path: string, label: string): Promise<OpenedModel> {
  const { model, weights, externalFiles } = await importOnnxClassifier(path);
  const shapes = new Map([...weights].map(([name, { shape }]) => [name, shape]));
  return {
    model,
    weights: fitWeights(model, weights, { source: path }),
    head: await headOf(model, shapes, (names) => new Map(names.map((name) => [name, weights.get(name)!]))),
    weightsHash: await hashWith(externalFiles, path),
    label,
    source: `Network and weights imported from ${basename(path)}.`,
  };
}

/** Of the file alone, or together with those beside it, without which two exports may be the same. */
async function hashWith(externalFiles: readonly string[], path: string): Promise<string> {
  const own = await sha256OfFile(path);
  if (externalFiles.length === 0) return own;
  const beside: [string, string][] = [];
  for (const location of externalFiles) {
    beside.push([location, await sha256OfFile(join(dirname(path), location))]);
  }
  return contentHash([own, beside]);
}

function demoPath(name: string): string {
  const path = demoFile(name);
  if (existsSync(path)) return path;
  const names = demoNames().map((other) => `demo/${other}`);
  throw new UserError(
    'MODEL_FILE_MISSING',
    `The package has no weights called demo/${name}.`,
    names.length > 0 ? `It has ${names.join(', ')}.` : 'It has none at all.',
  );
}
