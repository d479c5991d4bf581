/** Protocols as data: every number that a setting needs, under a name. Where each is from: `protocol-sources.ts`. */
import { LAMBDA_GRID } from '../transfer/logistic-regression.ts';
import type { Protocol, TuningProtocol } from '../transfer/protocol.ts';
import { nearestNames, UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';

/** `count` values from 10^low to 10^high, evenly spaced on the log scale. */
function logSpaced(low: number, high: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => 10 ** (low + ((high - low) * i) / (count - 1)));
}

/** Common to all: augmentation and evaluation as in Kornblith et al. 2019, appendix A.4. */
const TUNING = {
  divideDecayByRate: true,
  momentum: 0.9,
  labelSmoothing: 0,
  dropout: 0,
  smallestCrop: 0.08,
  cropRatio: 0.875,
  filter: 'bilinear',
  search: { kind: 'grid', refinements: 0 },
} as const;

const PUBLISHED: TuningProtocol = {
  ...TUNING,
  steps: 20_000,
  batchSize: 256,
  learningRates: logSpaced(-4, -1, 7),
  weightDecays: [...logSpaced(-6, -3, 7), 0],
  giveUp: null,
};

const PUBLISHED_SCRATCH: TuningProtocol = {
  ...PUBLISHED,
  steps: 40_000,
  learningRates: logSpaced(-3, 0, 7),
  weightDecays: logSpaced(-5, -1.5, 8),
};

const FIXED: Protocol['fixed'] = {
  lambdas: LAMBDA_GRID,
  // Half the iterations of 1e-6; far below what a validation accuracy can show.
  tolerance: 1e-4,
  // Two decades: weaker and weaker penalties cost most of the time and seldom win after that.
  patience: 8,
  view: { kind: 'central-square', filter: 'bicubic' },
};

const FIXED_PUBLISHED: Protocol['fixed'] = { ...FIXED, tolerance: 1e-6, patience: null };

const QUICK: TuningProtocol = {
  ...TUNING,
  steps: 60,
  batchSize: 32,
  // Networks without batch norm need the lowest of these; the others learn too little with it in so few steps.
  learningRates: [0.0003, 0.003, 0.02],
  weightDecays: [1e-5],
  giveUp: { after: [0.5], margin: 0.05 },
};

const DEMO: TuningProtocol = {
  ...QUICK,
  steps: 30,
  batchSize: 24,
  smallestCrop: 0.8,
  learningRates: [0.01, 0.05],
};

const MINI: TuningProtocol = { ...DEMO, steps: 40, batchSize: 32, learningRates: [0.01, 0.06] };

const SMOKE: TuningProtocol = { ...QUICK, steps: 6, batchSize: 8 };

const NAMED = {
  quick: {
    description: 'Fits two cores: short runs, a small grid, hopeless trials given up early.',
    fixed: FIXED,
    finetune: QUICK,
    scratch: { ...QUICK, steps: 120, learningRates: [0.02, 0.1] },
  },
  'kornblith-2019': {
    description:
      'As published by Kornblith et al. 2019 (from scratch: the grid and length that Chen et al. 2020 state).',
    fixed: FIXED_PUBLISHED,
    finetune: PUBLISHED,
    scratch: PUBLISHED_SCRATCH,
  },
  'simclr-2020': {
    description:
      'As published by Chen et al. 2020, appendix B.8: Kornblith et al. again, with features of another crop.',
    fixed: { ...FIXED_PUBLISHED, view: { kind: 'short-side', filter: 'bicubic' } },
    finetune: PUBLISHED,
    scratch: PUBLISHED_SCRATCH,
  },
  demo: {
    description: 'For the small networks and images of the built-in demonstration.',
    fixed: { ...FIXED, tolerance: 1e-3, patience: 4 },
    finetune: DEMO,
    scratch: { ...DEMO, steps: 48, learningRates: [0.05, 0.2] },
  },
  mini: {
    description: 'For whole studies in miniature on two cores: small networks and images, seconds per cell.',
    fixed: { ...FIXED, tolerance: 1e-3, patience: 4 },
    finetune: MINI,
    scratch: { ...MINI, steps: 60, learningRates: [0.02, 0.1] },
  },
  smoke: {
    description: 'A few steps of everything: to try the machinery, not to judge networks by.',
    fixed: { ...FIXED, lambdas: [1e-3, 1, 1e3] },
    finetune: SMOKE,
    scratch: SMOKE,
  },
} satisfies Record<string, Omit<Protocol, 'name' | 'base'>>;

export type ProtocolName = keyof typeof NAMED;

export const PROTOCOLS: readonly (Protocol & { readonly name: ProtocolName })[] = Object.entries(NAMED).map(
  ([name, parts]) => ({ name: name as ProtocolName, ...parts }),
);

/** @throws UserError UNKNOWN_PROTOCOL with the nearest names */
export function findProtocol(name: string): Protocol & { readonly name: ProtocolName } {
  const found = PROTOCOLS.find((protocol) => protocol.name === name);
  if (found) return found;
  const names = PROTOCOLS.map((protocol) => protocol.name);
  throw new UserError(
    'UNKNOWN_PROTOCOL',
    `There is no protocol "${name}".`,
    `Nearest: ${nearestNames(name, names).join(', ')}.`,
  );
}

/** The address of what a protocol has networks do, whatever its name: equal protocols have equal hashes. */
export function protocolHash({ fixed, finetune, scratch }: Protocol): string {
  return contentHash({ fixed, finetune, scratch });
}
