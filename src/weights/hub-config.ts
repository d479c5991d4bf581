/** What the config.json of a repository of timm's kind says of its network: architecture, input, licence. */
import { withInput } from '../models/define.ts';
import type { InputSpecification, Model } from '../models/model.ts';
import { findModel } from '../models/registry.ts';
import { UserError } from '../util/errors.ts';
import { modelOfArchitecture, type PublishedEvaluation } from './catalog.ts';

export interface HubConfig {
  readonly architecture?: string;
  readonly input: Partial<InputSpecification>;
  readonly evaluation?: PublishedEvaluation;
  readonly licence?: string;
}

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
  };
}

function triple(value: unknown): [number, number, number] | undefined {
  const legal = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
  return legal ? (value as [number, number, number]) : undefined;
}

/**
 * The network that a repository's weights are for. What the user states comes before the file, as does its size when it
 * differs from the network's own.
 * @throws UserError ARCHITECTURE_UNKNOWN
 */
export function modelOfConfig(repository: string, { architecture, input }: HubConfig, stated?: Model): Model {
  const model = stated ?? findModel(nameOf(repository, architecture));
  const { size, ...normalisation } = input;
  return withInput(
    model,
    stated?.name.includes('@') ? normalisation : { ...normalisation, ...(size && { size }) },
  );
}

function nameOf(repository: string, architecture: string | undefined): string {
  const name = architecture === undefined ? undefined : modelOfArchitecture(architecture);
  if (name !== undefined) return name;
  throw new UserError(
    'ARCHITECTURE_UNKNOWN',
    architecture === undefined
      ? `${repository} does not say which architecture its weights belong to.`
      : `${repository} has weights of ${JSON.stringify(architecture.slice(0, 80))}, which is not built in.`,
    `If it is a built-in one, write registryName=hf:${repository}; \`transferlab models\` lists the names.`,
  );
}
