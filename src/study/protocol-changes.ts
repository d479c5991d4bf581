/**
 * Protocols made from others: `{ base: quick, finetune: { steps: 100 } }`, as a study file declares them, and what
 * two protocols differ in. The schemas are total: a field that protocols gain does not compile without a rule here.
 */
import { z } from 'zod';
import type { FixedProtocol, Protocol, TuningProtocol } from '../transfer/protocol.ts';
import { nearestNames, UserError } from '../util/errors.ts';
import { canonicalJson } from '../util/hash.ts';
import { findProtocol, protocolHash } from './protocols.ts';

type Fields<T> = { readonly [K in keyof T]-?: z.ZodType<T[K]> };

const count = z.int().positive();
const shareBelowOne = z.number().min(0).lt(1);
const positive = z.number().positive();

const fixed = {
  lambdas: z.array(positive).min(1).describe('L2 strengths of the logistic regression'),
  tolerance: positive.lt(1).describe('relative excess of the loss over its minimum at which a fit ends'),
  patience: count
    .nullable()
    .describe(
      'the path ends after so many strengths in a row without a better metric; null: it is run to the end',
    ),
  view: z
    .strictObject({
      kind: z.enum(['short-side', 'central-square', 'stretched']),
      filter: z.enum(['bilinear', 'bicubic']),
    })
    .describe('how an image becomes the input of the network'),
} satisfies Fields<FixedProtocol>;

const tuning = {
  steps: count.describe('training steps of a run'),
  batchSize: count,
  learningRates: z.array(positive).min(1).describe('the first axis of the grid'),
  weightDecays: z.array(z.number().min(0)).min(1).describe('the second axis of the grid'),
  divideDecayByRate: z
    .boolean()
    .describe('whether weight decays of the grid are divided by the learning rate'),
  momentum: shareBelowOne,
  labelSmoothing: shareBelowOne,
  dropout: shareBelowOne.describe('share of the features dropped before the new classifier'),
  smallestCrop: positive.max(1).describe('share of the image that the smallest random crop covers'),
  cropRatio: positive.max(1).describe('at test time images are resized to input size / cropRatio'),
  filter: z.enum(['bilinear', 'bicubic']),
  giveUp: z
    .strictObject({ after: z.array(positive.lt(1)).min(1), margin: z.number() })
    .nullable()
    .describe('trials so far behind the best one after these shares of the steps are given up; null: none'),
  search: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('grid'), refinements: z.int().min(0).default(0) }),
      z.strictObject({ kind: z.literal('halving'), first: positive.lt(1), eta: z.int().min(2) }),
    ])
    .describe('the whole grid, or successive halving over it'),
} satisfies Fields<TuningProtocol>;

const parts = {
  fixed: z.strictObject(fixed).partial().optional(),
  finetune: z.strictObject(tuning).partial().optional(),
  scratch: z.strictObject(tuning).partial().optional(),
};
const PARTS = ['fixed', 'finetune', 'scratch'] as const;

/** A protocol changed, as a study file declares it. A field that is given replaces that of the base as a whole. */
export const changedProtocolSchema = z.strictObject({
  base: z.string().min(1).describe('the protocol that the other members change'),
  name: z
    .string()
    .min(1)
    .optional()
    .describe('a name for the changed protocol; the base’s with an asterisk unless given'),
  description: z.string().optional(),
  ...parts,
});

/** Changes of a protocol's fields. */
export type ProtocolChanges = Omit<z.input<typeof changedProtocolSchema>, 'base'>;

/**
 * The protocol that `base` becomes: named `quick*` unless a name is given, and with a hash of its own. Without a
 * change it is the base.
 * @throws UserError PROTOCOL_FIELD with each field that does not exist or cannot have the value
 */
export function applyChanges(base: Protocol, changes: ProtocolChanges): Protocol {
  const parsed = changedProtocolSchema.safeParse({ ...changes, base: base.name });
  if (!parsed.success) throw notAllowed(base, parsed.error.issues);
  const { name, description, ...given } = parsed.data;
  const changed: Protocol = {
    name: name ?? `${base.name}*`,
    description: description ?? `${base.name}, changed.`,
    base: base.base ?? base.name,
    fixed: { ...base.fixed, ...given.fixed },
    finetune: { ...base.finetune, ...given.finetune },
    scratch: { ...base.scratch, ...given.scratch },
  };
  for (const part of ['finetune', 'scratch'] as const) requireOneWayToEnd(changed, part);
  return name === undefined && protocolHash(changed) === protocolHash(base) ? base : changed;
}

/**
 * The protocol that a study file names or describes.
 * @throws UserError UNKNOWN_PROTOCOL, PROTOCOL_FIELD
 */
export function protocolOf(given: string | ({ readonly base: string } & ProtocolChanges)): Protocol {
  if (typeof given === 'string') return findProtocol(given);
  const { base, ...changes } = given;
  return applyChanges(findProtocol(base), changes);
}

function requireOneWayToEnd(protocol: Protocol, part: 'finetune' | 'scratch'): void {
  const { giveUp, search } = protocol[part];
  if (giveUp === null || search.kind === 'grid') return;
  throw new UserError(
    'PROTOCOL_FIELD',
    `The protocol ${protocol.name} has ${part} trials given up by "giveUp" and by halving.`,
    `Give it ${part}.giveUp: null; halving ends trials by itself.`,
  );
}

function notAllowed(base: Protocol, issues: readonly z.core.$ZodIssue[]): UserError {
  const [first] = issues;
  const told = issues.slice(0, 5).map((issue) => {
    const where = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return `${where}: ${issue.message}`;
    return issue.keys.map((key) => `there is no field ${where ? `${where}.` : ''}${key}`).join('; ');
  });
  return new UserError(
    'PROTOCOL_FIELD',
    `The protocol ${base.name} cannot be changed so: ${told.join('; ')}.`,
    remedyOf(first),
  );
}

function remedyOf(issue: z.core.$ZodIssue): string {
  const [part] = issue.path;
  const schema = part === 'fixed' ? fixed : part === 'finetune' || part === 'scratch' ? tuning : undefined;
  if (issue.code !== 'unrecognized_keys' || issue.path.length > 1) {
    return '`transferlab protocol show quick` shows every field with a value that is allowed.';
  }
  const allowed = schema ? Object.keys(schema) : ['name', 'description', ...PARTS];
  const [nearest] = nearestNames(issue.keys[0], allowed, 1);
  return `Nearest: ${nearest}. Allowed are ${allowed.join(', ')}.`;
}

/** A field of a protocol, for example `finetune.steps`, and its value. */
export interface ProtocolField {
  readonly part: (typeof PARTS)[number];
  readonly field: string;
  readonly value: unknown;
}

/** Every field of a protocol, in the order in which protocols have them. */
export function fieldsOf(protocol: Protocol): ProtocolField[] {
  const names = { fixed: Object.keys(fixed), finetune: Object.keys(tuning), scratch: Object.keys(tuning) };
  return PARTS.flatMap((part) => {
    const values: Readonly<Record<string, unknown>> = { ...protocol[part] };
    return names[part].map((field) => ({ part, field, value: values[field] }));
  });
}

/** The fields in which two protocols differ. */
export function diffProtocols(
  a: Protocol,
  b: Protocol,
): {
  readonly part: ProtocolField['part'];
  readonly field: string;
  readonly a: unknown;
  readonly b: unknown;
}[] {
  const others = fieldsOf(b);
  return fieldsOf(a).flatMap(({ part, field, value }, i) =>
    canonicalJson(value) === canonicalJson(others[i].value)
      ? []
      : [{ part, field, a: value, b: others[i].value }],
  );
}
