/**
 * Where every number of every protocol is from, and how sure that is. The table is total: a protocol or a field without
 * a source does not compile.
 */
import type { FixedProtocol, Protocol, TuningProtocol } from '../transfer/protocol.ts';
import { canonicalJson } from '../util/hash.ts';
import type { ProtocolField } from './protocol-changes.ts';
import { findProtocol, type ProtocolName } from './protocols.ts';

/**
 * `verified`: read in the paper's text or in a source that restates it. `memory`: nobody looked it up, or the paper
 * does not say it and its authors' other work does. `ours`: chosen here.
 */
type Certainty = 'verified' | 'memory' | 'ours';

export interface Source {
  readonly source: string;
  readonly certainty: Certainty;
}

type SourcesOf<T> = { readonly [K in keyof T]-?: Source };

interface ProtocolSources {
  readonly fixed: SourcesOf<FixedProtocol>;
  readonly finetune: SourcesOf<TuningProtocol>;
  readonly scratch: SourcesOf<TuningProtocol>;
}

const verified = (source: string): Source => ({ source, certainty: 'verified' });
const memory = (source: string): Source => ({ source, certainty: 'memory' });
const ours = (source: string): Source => ({ source, certainty: 'ours' });

const KORNBLITH = 'Kornblith et al. 2019';
const SIMCLR = 'Chen et al. 2020, B.8.1';

const FIXED_KORNBLITH: SourcesOf<FixedProtocol> = {
  lambdas: verified(`${KORNBLITH}: 45 values from 1e-6 to 1e5, evenly spaced on the log scale`),
  tolerance: ours('the paper does not say when L-BFGS ends; far below what changes a prediction'),
  patience: verified(`${KORNBLITH}: all 45 strengths are fitted`),
  view: verified(
    `${KORNBLITH}: bicubic resize of the central crop to the network's input size, no augmentation`,
  ),
};

const FINETUNE_KORNBLITH: SourcesOf<TuningProtocol> = {
  steps: verified(`${KORNBLITH}; ${SIMCLR}: 20,000 steps`),
  batchSize: verified(`${KORNBLITH}; ${SIMCLR}: 256`),
  learningRates: verified(`${KORNBLITH}; ${SIMCLR}: 7 from 1e-4 to 0.1, evenly spaced on the log scale`),
  weightDecays: verified(
    `${KORNBLITH}; ${SIMCLR}: 7 from 1e-6 to 1e-3, evenly spaced on the log scale, and none`,
  ),
  divideDecayByRate: verified(`${KORNBLITH}; ${SIMCLR}: weight decays are divided by the learning rate`),
  momentum: verified(`${KORNBLITH}; ${SIMCLR}: Nesterov momentum of 0.9`),
  labelSmoothing: memory(`${SIMCLR} name none`),
  dropout: memory(`${SIMCLR} name none`),
  smallestCrop: memory(
    `${SIMCLR} name random resized crops without a number; 8% of the area is what the Inception pipelines take`,
  ),
  cropRatio: verified(`${KORNBLITH}; ${SIMCLR}: resize to 256 for a centre crop of 224`),
  filter: ours('named for fixed features only; bilinear is what most pipelines take for training'),
  giveUp: verified(`${KORNBLITH}: every point of the grid is run`),
  search: verified(`${KORNBLITH}; ${SIMCLR}: the whole grid`),
};

const SCRATCH_SIMCLR: SourcesOf<TuningProtocol> = {
  ...FINETUNE_KORNBLITH,
  steps: verified(`${SIMCLR}: 40,000 steps`),
  learningRates: verified(`${SIMCLR}: 7 from 1e-3 to 1, evenly spaced on the log scale`),
  weightDecays: verified(`${SIMCLR}: 8 from 1e-5 to 10^-1.5, evenly spaced on the log scale`),
  divideDecayByRate: verified(`${SIMCLR}: the same procedure as for fine-tuning`),
};

/** Of fine-tuning in the short protocols: their recipe is the published one, their lengths and grids are not. */
const SHORT_FINETUNE: SourcesOf<TuningProtocol> = {
  ...FINETUNE_KORNBLITH,
  steps: ours('what two cores finish in minutes'),
  batchSize: ours('more steps in the same time than with 256 images each'),
  learningRates: ours(
    'networks without batch norm need low ones, others learn too little with them in so few steps',
  ),
  weightDecays: ours('one from the middle of the published range'),
  giveUp: ours('who halfway lies five points behind the best is taken for lost'),
  search: ours('the whole grid, as it is small'),
};

const SHORT_SCRATCH: SourcesOf<TuningProtocol> = {
  ...SHORT_FINETUNE,
  steps: ours('longer than fine-tuning, as published'),
  learningRates: ours('higher than for fine-tuning, as published'),
};

const SHORT_FIXED: SourcesOf<FixedProtocol> = {
  lambdas: FIXED_KORNBLITH.lambdas,
  tolerance: ours('fewer iterations; far below what a validation accuracy can show'),
  patience: ours('the weak end of the path costs most and seldom wins'),
  view: FIXED_KORNBLITH.view,
};

/** Of procedural images, on which small crops show no object. */
const procedural = (sources: SourcesOf<TuningProtocol>): SourcesOf<TuningProtocol> => ({
  ...sources,
  smallestCrop: ours('crops of 8% miss the object of most procedural images, and networks stay at chance'),
});

const SMOKE_TUNING: SourcesOf<TuningProtocol> = {
  ...SHORT_FINETUNE,
  steps: ours('enough to run through everything'),
  batchSize: ours('enough to run through everything'),
};

const SOURCES: Readonly<Record<ProtocolName, ProtocolSources>> = {
  quick: { fixed: SHORT_FIXED, finetune: SHORT_FINETUNE, scratch: SHORT_SCRATCH },
  'kornblith-2019': {
    fixed: FIXED_KORNBLITH,
    finetune: FINETUNE_KORNBLITH,
    scratch: {
      ...SCRATCH_SIMCLR,
      steps: memory(
        `${SIMCLR} state 40,000, “longer” than fine-tuning, and cite this paper for it being enough`,
      ),
      learningRates: memory(`${SIMCLR} state these 7 from 1e-3 to 1 for the same procedure`),
      weightDecays: memory(`${SIMCLR} state these 8 from 1e-5 to 10^-1.5 for the same procedure`),
      search: memory(
        'the grid as Chen et al. restate it; the original is said to refine it around the best point: `refinements: 1`',
      ),
    },
  },
  'simclr-2020': {
    fixed: {
      ...FIXED_KORNBLITH,
      lambdas: verified(`${SIMCLR}: 45 values from 1e-6 to 1e5, evenly spaced on the log scale`),
      patience: verified(`${SIMCLR}: selected from all 45 strengths`),
      view: verified(`${SIMCLR}: bicubic resize of the shorter side to 224, then a centre crop of 224`),
    },
    finetune: FINETUNE_KORNBLITH,
    scratch: SCRATCH_SIMCLR,
  },
  demo: {
    fixed: SHORT_FIXED,
    finetune: procedural(SHORT_FINETUNE),
    scratch: procedural(SHORT_SCRATCH),
  },
  mini: {
    fixed: SHORT_FIXED,
    finetune: procedural(SHORT_FINETUNE),
    scratch: procedural(SHORT_SCRATCH),
  },
  smoke: {
    fixed: { ...SHORT_FIXED, lambdas: ours('three strengths are enough to run through everything') },
    finetune: SMOKE_TUNING,
    scratch: SMOKE_TUNING,
  },
};

/** What all protocols have in common, as the program has it and no field changes it. */
export const COMMON_TO_ALL: readonly (Source & { readonly what: string })[] = [
  { what: 'optimizer: stochastic gradient descent, Nesterov', ...verified(`${KORNBLITH}; ${SIMCLR}`) },
  { what: 'schedule: cosine to 0, without warm-up', ...verified(KORNBLITH) },
  {
    what: 'running statistics of batch norm keep max(1 - 10/s, 0.9) per step, s steps to the epoch',
    ...verified(`${KORNBLITH}; ${SIMCLR}`),
  },
  { what: 'augmentation: random resized crops and horizontal flips', ...verified(`${KORNBLITH}; ${SIMCLR}`) },
  {
    what: 'choice on validation, refit on train and validation, test once',
    ...verified(`${KORNBLITH}; ${SIMCLR}`),
  },
  {
    what: 'regression: multinomial, L2 without the bias, L-BFGS with warm starts from strong to weak, ties to the stronger',
    ...verified(KORNBLITH),
  },
];

/** Where the value of a field of `protocol` is from. Of a changed protocol the fields that were changed are ours. */
export function sourceOf(protocol: Protocol, { part, field, value }: ProtocolField): Source {
  const original = findProtocol(protocol.base ?? protocol.name);
  const values: Readonly<Record<string, unknown>> = { ...original[part] };
  if (canonicalJson(values[field]) !== canonicalJson(value)) return ours(`changed from ${original.name}`);
  const sources: Readonly<Record<string, Source>> = { ...SOURCES[original.name][part] };
  return sources[field];
}
