/**
 * Sub-sampling designs as data: which classes and how many images of a data set a study uses. A design is a list of
 * steps, applied one after another (`apply.ts`); it holds all that determines its outcome, so its hash names it.
 */
import { contentHash } from '../../util/hash.ts';

/**
 * How many images a step keeps. A number counts train and validation together, since the final network is trained on
 * both: each keeps its share of them, and at least one (of every class, where the step counts by class).
 */
export type Amount = number | { readonly train: number; readonly validation: number };

/**
 * What can be done to a data set. Classes are meant in all three parts; images are left out of train and validation
 * only, so that the test of every size is the same.
 */
export type DesignStep =
  /** Only these classes, in the order of the data set. */
  | { readonly kind: 'keep-classes'; readonly classes: readonly string[] }
  | { readonly kind: 'drop-classes'; readonly classes: readonly string[] }
  /** `n` classes drawn without replacement; a smaller n keeps some of those of a larger one. */
  | { readonly kind: 'draw-classes'; readonly n: number; readonly seed: number }
  /**
   * Classes with the same value become one class of that name; the new classes are sorted by name. Every class needs
   * a value; values of classes that the data set lacks are of no effect. `about` is for people only.
   */
  | {
      readonly kind: 'merge-classes';
      readonly into: Readonly<Record<string, string>>;
      readonly about?: string;
    }
  /** `n` images of every class. A class that has fewer is an error, or with `upTo` keeps all that it has. */
  | { readonly kind: 'per-class'; readonly n: Amount; readonly upTo?: boolean; readonly seed: number }
  /** `n` images in all, every class by its share, and at least one image of every class to train on. */
  | { readonly kind: 'total'; readonly n: Amount; readonly seed: number }
  /** The same by a share of the images of each part, above 0 and at most 1. */
  | { readonly kind: 'fraction'; readonly share: number; readonly seed: number };

export type StepKind = DesignStep['kind'];
export type StepOf<Kind extends StepKind> = Extract<DesignStep, { readonly kind: Kind }>;

export interface Design {
  /** Stands for the description of the steps in the name of the data set. */
  readonly name?: string;
  readonly steps: readonly DesignStep[];
}

/** First one design, then the other. */
export function composeDesigns(first: Design, second: Design): Design {
  const names = [first.name, second.name].filter((name) => name !== undefined);
  return {
    ...(names.length > 0 && { name: names.join(', ') }),
    steps: [...first.steps, ...second.steps],
  };
}

/** Equal for designs that do the same to every data set by the same steps, however they are named. */
export function designHash({ steps }: Design): string {
  return contentHash(
    steps.map((step) => (step.kind === 'merge-classes' ? { kind: step.kind, into: step.into } : step)),
  );
}

/** `10 per class, seed 1`. */
export function describeDesign({ name, steps }: Design): string {
  return name ?? steps.map((step) => describe(step)).join(', ');
}

const DESCRIPTIONS: { readonly [Kind in StepKind]: (step: StepOf<Kind>) => string } = {
  'keep-classes': ({ classes }) => (classes.length <= 3 ? classes.join(' + ') : `${classes.length} classes`),
  'drop-classes': ({ classes }) =>
    `without ${classes.length <= 3 ? classes.join(' + ') : `${classes.length} classes`}`,
  'draw-classes': ({ n, seed }) => `${n} classes, seed ${seed}`,
  'merge-classes': ({ into, about }) =>
    `merged into ${about ?? `${new Set(Object.values(into)).size} classes`}`,
  'per-class': ({ n, seed, upTo }) => `${upTo ? 'up to ' : ''}${amount(n)} per class, seed ${seed}`,
  total: ({ n, seed }) => `${amount(n)} images, seed ${seed}`,
  fraction: ({ share, seed }) => `${Number((100 * share).toPrecision(4))}%, seed ${seed}`,
};

const amount = (n: Amount) => (typeof n === 'number' ? `${n}` : `${n.train}+${n.validation}`);

function describe<Kind extends StepKind>(step: StepOf<Kind>): string {
  return DESCRIPTIONS[step.kind as Kind](step);
}
