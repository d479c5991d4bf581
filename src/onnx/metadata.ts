/**
 * What our exporter writes into a file's `metadata_props`, and reading it back. All values are text:
 *
 *     transferlab.version   version of the program
 *     transferlab.labels    JSON list of class names, in the order of the outputs
 *     transferlab.input     JSON of `InputLike`: how an image becomes the input tensor
 *     transferlab.model     registry name of the architecture
 *     transferlab.dataset   data set that the network was fitted to
 *     transferlab.setting   how it was fitted, for example fine-tuned
 *     transferlab.task      `multi-label` where each output is a question of its own; absent otherwise
 */
import { z } from 'zod';
import { messageOf, UserError } from '../util/errors.ts';
import type { OnnxModel } from './model.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]).readonly();
const inputSchema = z
  .object({
    /** Height and width of the input in pixels. */
    size: z.int().positive(),
    /** 8-bit RGB / 255, minus `mean`, divided by `std`, per channel. */
    mean: triple,
    std: triple,
    /** The first step from a stored image: see `View` of the data contract. A centre crop of `size` follows. */
    resize: z
      .object({
        kind: z.enum(['short-side', 'central-square', 'stretched']),
        size: z.int().positive(),
        filter: z.enum(['bilinear', 'bicubic']),
      })
      .readonly(),
  })
  .readonly();
const labelsSchema = z.array(z.string()).readonly();

/** How an image becomes the input tensor of the exported network. */
export type InputLike = z.infer<typeof inputSchema>;

interface ExportedFrom {
  readonly version: string;
  readonly model: string;
  readonly dataset: string;
  readonly setting: string;
  readonly task?: 'single-label' | 'multi-label';
}

/** What a file says about itself: a file of another program says nothing. */
interface ParsedMetadata extends Partial<ExportedFrom> {
  readonly labels?: readonly string[];
  readonly input?: InputLike;
}

/** The `metadata` of an exported model. */
export function metadataOf(
  labels: readonly string[],
  input: InputLike,
  extra: ExportedFrom,
): Record<string, string> {
  return {
    'transferlab.version': extra.version,
    'transferlab.labels': JSON.stringify(labels),
    'transferlab.input': JSON.stringify(inputSchema.parse(input)),
    'transferlab.model': extra.model,
    'transferlab.dataset': extra.dataset,
    'transferlab.setting': extra.setting,
    ...(extra.task === 'multi-label' && { 'transferlab.task': extra.task }),
  };
}

/**
 * What `metadataOf` wrote into `model`; members that are absent stay undefined.
 * @throws UserError ONNX_UNREADABLE when an entry of ours does not hold what it should
 */
export function parseMetadata(model: OnnxModel): ParsedMetadata {
  const { metadata } = model;
  return {
    version: metadata['transferlab.version'],
    labels: parsed(metadata, 'transferlab.labels', labelsSchema),
    input: parsed(metadata, 'transferlab.input', inputSchema),
    model: metadata['transferlab.model'],
    dataset: metadata['transferlab.dataset'],
    setting: metadata['transferlab.setting'],
    ...(metadata['transferlab.task'] === 'multi-label' && { task: 'multi-label' }),
  };
}

function parsed<T>(metadata: OnnxModel['metadata'], key: string, schema: z.ZodType<T>): T | undefined {
  const text = metadata[key];
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      'ONNX_UNREADABLE',
      `The metadata entry "${key}" of the file is damaged: ${messageOf(error)}`,
      'Export the network again, or remove the entry.',
      { cause: error },
    );
  }
}
