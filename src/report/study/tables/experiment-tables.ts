/** Tables of the further experiments: switches of pre-training, steps, images, seeds, and embeddings. */
import type { StudyDocument } from '../schema.ts';
import { column, type Table, tableOf } from './table.ts';

export function experimentTables(document: StudyDocument): Table[] {
  return [
    ...regularisationTables(document),
    ...convergenceTables(document),
    ...sizeTables(document),
    ...seedTables(document),
    embeddingTable(document),
  ];
}

function regularisationTables({ regularisation }: StudyDocument): Table[] {
  if (!regularisation) return [];
  const { variants, effects } = regularisation;
  return [
    tableOf(
      'pretraining-variants',
      'Variants of pre-training',
      variants.flatMap(({ scores, ...variant }) => scores.map((score) => ({ ...variant, ...score }))),
      [
        column('text', 'Variant', ({ model }) => model),
        column('text', 'Gamma', ({ gamma }) => gamma),
        column('text', 'Label smoothing', ({ labelSmoothing }) => labelSmoothing),
        column('text', 'Dropout', ({ dropout }) => dropout),
        column('text', 'Auxiliary head', ({ auxiliary }) => auxiliary),
        column('share', 'Source accuracy', ({ source }) => source?.value ?? null),
        column('text', 'Setting', ({ setting }) => setting),
        column('number', 'Adjusted score', ({ score }) => score),
        column('number', 'Standard error', ({ standardError }) => standardError),
        column('count', 'Data sets', ({ n }) => n),
      ],
    ),
    tableOf(
      'pretraining-switches',
      'What switching on does to transfer',
      effects.flatMap(({ switch: name, source, transfer }) =>
        transfer.map((effect) => ({ name, source, ...effect })),
      ),
      [
        column('text', 'Switch', ({ name }) => name),
        column('number', 'Source, on minus off', ({ source }) => source?.difference ?? null),
        column('text', 'Setting', ({ setting }) => setting),
        column('count', 'Data sets', ({ n }) => n),
        column('number', 'On minus off', ({ difference }) => difference),
        column('number', 'In logits', ({ logitDifference }) => logitDifference),
        column('number', 'Low', ({ interval }) => interval?.low ?? null),
        column('number', 'High', ({ interval }) => interval?.high ?? null),
        column('pValue', 'p', ({ pValue }) => pValue),
        column('pValue', 'Adjusted p', ({ adjustedP }) => adjustedP),
      ],
    ),
    tableOf(
      'pretraining-switches-datasets',
      'What switching on does to transfer, per data set',
      effects.flatMap(({ switch: name, transfer }) =>
        transfer.flatMap(({ setting, datasets }) =>
          datasets.map((dataset) => ({ name, setting, ...dataset })),
        ),
      ),
      [
        column('text', 'Switch', ({ name }) => name),
        column('text', 'Setting', ({ setting }) => setting),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('number', 'On minus off', ({ difference }) => difference),
        column('number', 'In logits', ({ logitDifference }) => logitDifference),
      ],
    ),
  ];
}

function convergenceTables({ convergence }: StudyDocument): Table[] {
  if (!convergence) return [];
  const { curves, ratios } = convergence;
  return [
    tableOf(
      'convergence',
      'Accuracy against training steps',
      curves.flatMap(({ model, dataset, setting, points }) =>
        points.map((point) => ({ model, dataset, setting, ...point })),
      ),
      [
        column('text', 'Network', ({ model }) => model),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'Setting', ({ setting }) => setting),
        column('count', 'Steps', ({ steps }) => steps),
        column('number', 'Epochs', ({ epochs }) => epochs),
        column('share', 'Test', ({ value }) => value),
        column('share', 'Low', ({ low }) => low),
        column('share', 'High', ({ high }) => high),
        column('number', 'Odds', ({ odds }) => odds),
        column('count', 'Runs', ({ runs }) => runs),
        column('number', 'Seconds', ({ seconds }) => seconds),
      ],
    ),
    tableOf('convergence-steps', 'Steps to 90% of the maximum odds', curves, [
      column('text', 'Network', ({ model }) => model),
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Setting', ({ setting }) => setting),
      column('number', 'Steps', ({ steps }) => steps),
      column('number', 'Epochs', ({ epochs }) => epochs),
      column('text', 'Fewer might do', ({ atMost }) => atMost),
      column('text', 'Still rising', ({ stillRising, settled }) => stillRising && !settled),
    ]),
    tableOf('convergence-ratios', 'How much sooner fine-tuning converges', ratios, [
      column('text', 'Network', ({ model }) => model),
      column('text', 'Data set', ({ dataset }) => dataset),
      column('number', 'Steps from scratch', ({ scratch }) => scratch),
      column('number', 'Steps fine-tuned', ({ finetune }) => finetune),
      column('number', 'Ratio', ({ ratio }) => ratio),
      column('text', 'Which is', ({ bound }) => bound),
    ]),
  ];
}

function sizeTables({ datasetSize }: StudyDocument): Table[] {
  if (!datasetSize) return [];
  const { curves, comparisons } = datasetSize;
  return [
    tableOf(
      'dataset-size',
      'Accuracy against the number of images',
      curves.flatMap(({ points, ...of }) =>
        points.flatMap((point) => point.values.map((value, i) => ({ ...of, ...point, value, i }))),
      ),
      [
        column('text', 'Network', ({ model }) => model),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'Setting', ({ setting }) => setting),
        column('count', 'Images', ({ images }) => images),
        column('number', 'Per class', ({ perClass }) => perClass),
        column('count', 'Subset', ({ i }) => i + 1),
        column('share', 'Test', ({ value }) => value),
      ],
    ),
    tableOf(
      'dataset-size-pairs',
      'Settings compared by number of images',
      comparisons.flatMap(({ points, ...of }) => points.map((point) => ({ ...of, ...point }))),
      [
        column('text', 'Network', ({ model }) => model),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'a', ({ a }) => a),
        column('text', 'b', ({ b }) => b),
        column('count', 'Images', ({ images }) => images),
        column('count', 'Subsets', ({ n }) => n),
        column('number', 'a minus b', ({ difference }) => difference),
        column('number', 'In logits', ({ logitDifference }) => logitDifference),
        column('number', 'Low', ({ interval }) => interval?.low ?? null),
        column('number', 'High', ({ interval }) => interval?.high ?? null),
        column('pValue', 'p', ({ pValue }) => pValue),
      ],
    ),
    tableOf('dataset-size-crossings', 'Numbers of images from which on one setting leads', comparisons, [
      column('text', 'Network', ({ model }) => model),
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'a', ({ a }) => a),
      column('text', 'b', ({ b }) => b),
      column('text', 'a is ahead', ({ crossing }) => crossing && AHEAD[crossing.kind]),
      column('number', 'From images', ({ crossing }) => crossing?.at ?? null),
      column('number', 'Low', ({ crossing }) => crossing?.interval?.low ?? null),
      column('number', 'High', ({ crossing }) => crossing?.interval?.high ?? null),
      column('share', 'Draws: from some size on', ({ crossing }) => crossing?.draws?.crosses ?? null),
      column('share', 'Draws: at all sizes', ({ crossing }) => crossing?.draws?.always ?? null),
      column('share', 'Draws: not at the largest', ({ crossing }) => crossing?.draws?.never ?? null),
    ]),
  ];
}

const AHEAD = { crosses: 'from there on', always: 'at all sizes', never: 'not at the largest' } as const;

function seedTables({ seeds }: StudyDocument): Table[] {
  if (!seeds) return [];
  return [
    tableOf('seeds', 'Spread over seeds', seeds.candidates, [
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Network', ({ model }) => model),
      column('text', 'Setting', ({ setting }) => setting),
      column('count', 'Seeds', ({ values }) => values.length),
      column('share', 'Mean', ({ mean }) => mean),
      column('share', 'Lowest', ({ values }) => Math.min(...values.map(({ value }) => value))),
      column('share', 'Highest', ({ values }) => Math.max(...values.map(({ value }) => value))),
      column('share', 'Standard deviation', ({ standardDeviation }) => standardDeviation),
      column('share', 'Sampling error', ({ samplingError }) => samplingError),
      column('pValue', 'p of best and worst seed', ({ pValue }) => pValue),
      column('pValue', 'p over pairs of seeds', ({ adjustedP }) => adjustedP),
    ]),
    tableOf('seed-tests', 'Paired tests with and without seeds', seeds.comparisons, [
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Setting', ({ setting }) => setting),
      column('text', 'Best network', ({ best }) => best),
      column('text', 'Network', ({ model }) => model),
      column('number', 'Difference', ({ difference }) => difference),
      column('number', 'Error of images', ({ imagesError }) => imagesError),
      column('number', 'Error of seeds', ({ seedsError }) => seedsError),
      column('pValue', 'p of images', ({ pairedP }) => pairedP),
      column('pValue', 'p of images and seeds', ({ seedsP }) => seedsP),
    ]),
  ];
}

function embeddingTable({ embeddings }: StudyDocument): Table {
  return tableOf(
    'embeddings',
    'Penultimate features in two dimensions',
    embeddings.flatMap(({ points, classes, ...of }) =>
      points.map(({ x, y, label }) => ({ ...of, x, y, name: classes[label] ?? String(label) })),
    ),
    [
      column('text', 'Network', ({ model }) => model),
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Setting', ({ setting }) => setting),
      column('text', 'Method', ({ method }) => method),
      column('number', 'x', ({ x }) => x),
      column('number', 'y', ({ y }) => y),
      column('text', 'Class', ({ name }) => name),
    ],
  );
}
