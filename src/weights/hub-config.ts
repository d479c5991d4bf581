/** What the config.json of a repository of timm's kind says of its network: architecture, input, licence. */
import { withInput } from '../models/define.ts';
import type { InputSpecification, Model } from '../models/model.ts';
import { findModel } from '../models/registry.ts';
import { UserError } from '../util/errors.ts';
import { shownValue } from '../util/refuse.ts';
import { modelOfArchitecture, type PublishedEvaluation } from './catalog.ts';

export interface HubConfig {
  readonly architecture?: string;
  readonly input: Partial<InputSpecification>;
  readonly evaluation?: PublishedEvaluation;
  readonly licence?: string;
  /** Fields by which the network is another one than the architecture's name says, such as `global_pool "max"`. */
  readonly changes: readonly string[];
}

/** What the user calls the architecture. */
export interface StatedModel {
  readonly model: Model;
  /** Whether the size of its images was stated too, as in `resnet50@224`. */
  readonly hasSize: boolean;
}

/** Arguments of timm's constructors that change no layer, or whose weights would not fit: others make another network. */
const HARMLESS_ARGUMENTS = ['num_classes', 'in_chans', 'img_size', 'drop_rate', 'drop_path_rate'];

type Json = Readonly<Record<string, unknown>>;

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** Fields of another form than timm writes are taken as absent. */
export function readHubConfig(config: unknown): HubConfig {
  const root = asObject(config);
  // Early files have the fields of `pretrained_cfg` at the top.
  const fields = { ...root, ...asObject(root.pretrained_cfg) };
  const [mean, std] = [triple(fields.mean), triple(fields.std)];
  const [channels, height, width] = triple(fields.input_size) ?? [0, 0, 0];
  const isSquare = channels === 3 && height === width && Number.isSafeInteger(height) && height > 0;
  const { crop_pct: crop, interpolation } = fields;
  const hasEvaluation =
    typeof crop === 'number' && crop > 0 && crop <= 1 && typeof interpolation === 'string';
  return {
    ...(typeof root.architecture === 'string' && { architecture: root.architecture }),
    input: {
      ...(isSquare && { size: height }),
      ...(mean && std?.every((deviation) => deviation > 0) && { mean, std }),
    },
    ...(hasEvaluation && { evaluation: { crop, interpolation } }),
    ...(typeof fields.license === 'string' && { licence: fields.license.slice(0, 80) }),
    changes: changesOf(root),
  };
}

function changesOf(root: Json): string[] {
  const { global_pool: pool, ...args } = { global_pool: root.global_pool, ...asObject(root.model_args) };
  const isMean = pool === undefined || pool === null || pool === '' || pool === 'avg';
  return [
    ...(isMean ? [] : [`global_pool ${shownValue(pool)}`]),
    ...Object.entries(args)
      .filter(([name]) => !HARMLESS_ARGUMENTS.includes(name))
      .map(([name, value]) => `${name.slice(0, 40)} ${shownValue(value)}`),
  ];
}

function triple(value: unknown): [number, number, number] | undefined {
  const legal = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
  return legal ? (value as [number, number, number]) : undefined;
}

/**
 * The network that a repository's weights are for. What the user states comes before the file.
 * @throws UserError ARCHITECTURE_UNKNOWN; ARCHITECTURE_CHANGED when the file says that the network differs from the
 *   architecture that it names
 */
export function modelOfConfig(repository: string, config: HubConfig, stated?: StatedModel): Model {
  const model = stated?.model ?? findModel(nameOf(repository, config));
  const { size, ...normalisation } = config.input;
  return withInput(model, stated?.hasSize ? normalisation : { ...normalisation, ...(size && { size }) });
}

function nameOf(repository: string, { architecture, changes }: HubConfig): string {
  const name = architecture === undefined ? undefined : modelOfArchitecture(architecture);
  if (name !== undefined && changes.length > 0) {
    throw new UserError(
      'ARCHITECTURE_CHANGED',
      `${repository} has weights of a changed ${name}: ${changes.slice(0, 5).join(', ')}.`,
      `If the usual ${name} is meant all the same, write ${name}=hf:${repository}.`,
    );
  }
  if (name !== undefined) return name;
  throw new UserError(
    'ARCHITECTURE_UNKNOWN',
    architecture === undefined
      ? `${repository} does not say which architecture its weights belong to.`
      : `${repository} has weights of ${JSON.stringify(architecture.slice(0, 80))}, which is not built in.`,
    `If it is a built-in one, write registryName=hf:${repository}; \`transferlab models\` lists the names.`,
  );
}
