/**
 * The document's numbers on outcomes small enough to work out by hand. Wilson intervals, exact tests and
 * t-tests are from SciPy 1.15 (binomtest, proportion_ci(method='wilson'), ttest_rel).
 */
import { describe, expect, it } from 'vitest';
import { fromJSONSchema } from 'zod';
import { type CompareInput, compareDocument } from '../../src/report/compare-document.ts';
import { compareJsonSchema, parseCompareDocument } from '../../src/report/schema.ts';
import { compareText } from '../../src/report/terminal.ts';
import type { FinishedCell, MetricName, Setting } from '../../src/store/records.ts';
import { sampleInput } from './sample.ts';

interface Run {
  readonly dataset?: string;
  readonly model: string;
  readonly setting: Setting;
  readonly seed?: number;
  /** One character per test image: `+` right, `-` wrong. */
  readonly answers: string;
  readonly metric?: MetricName;
  readonly seconds?: number;
}

/** Images alternate between two classes. */
function run({
  dataset = 'set',
  model,
  setting,
  seed = 0,
  answers,
  metric = 'top1',
  seconds = 10,
}: Run): FinishedCell {
  const predictions = [...answers].map((answer, i) => ({
    image: `image-${i}`,
    label: i % 2,
    predicted: answer === '+' ? i % 2 : 1 - (i % 2),
    probability: 0.9,
  }));
  const share = (list: typeof predictions) =>
    list.filter((p) => p.label === p.predicted).length / list.length;
  const top1 = share(predictions);
  const meanPerClass =
    (share(predictions.filter((p) => p.label === 0)) + share(predictions.filter((p) => p.label === 1))) / 2;
  const correct = predictions.filter((p) => p.label === p.predicted).length;
  return {
    status: 'done',
    cell: {
      key: `${dataset}/${model}/${setting}/${seed}`,
      dataset,
      model,
      setting,
      protocol: 'quick',
      seed,
      determinedBy: {},
    },
    result: {
      classes: ['cat', 'dog'],
      metric,
      hyperparameters: { lambda: 1 },
      validation: { value: 0.5, n: 4 },
      test: {
        value: metric === 'top1' ? top1 : meanPerClass,
        top1,
        meanPerClass,
        correct,
        n: answers.length,
      },
      trainImages: 20,
      trials: [],
      curve: [],
      predictions,
      seconds: { total: seconds, search: seconds / 2, final: seconds / 4 },
      network: { sha256: 'abc', bytes: 4, mediaType: 'application/onnx' },
      environment: {},
      finishedAt: '2025-01-01T00:00:00Z',
    },
  };
}

function input(outcomes: CompareInput['outcomes'], metric: MetricName = 'top1'): CompareInput {
  const names = [...new Set(outcomes.map(({ cell }) => cell.dataset))];
  const images = { train: 16, validation: 4, test: 12 };
  return {
    title: 'Test',
    protocol: { name: 'quick', hash: 'h', fields: {} },
    datasets: names.map((name) => ({
      name,
      classes: ['cat', 'dog'],
      images,
      metric,
      fingerprint: 'f',
      problems: [],
    })),
    models: [],
    outcomes,
    environment: {},
    command: 'transferlab compare',
    startedAt: '2025-01-01T00:00:00Z',
  };
}

const A = run({ model: 'a', setting: 'finetune', answers: '++++++++++--', seconds: 60 });
/** 3 images right with A, 1 alone; A has 7 alone. */
const B = run({ model: 'b', setting: 'fixed', answers: '+++-------+-', seconds: 6 });
/** 2 images right with A, none alone; A has 8 alone. */
const C = run({ model: 'a', setting: 'scratch', answers: '++----------', seconds: 30 });

describe('time spent on images', () => {
  const timed = (seconds: number, secondsPreparingImages: number, secondsWaitingForImages: number) => {
    const outcome = run({ model: `m${seconds}`, setting: 'fixed', answers: '++++++------', seconds });
    const environment = { secondsPreparingImages, secondsWaitingForImages };
    return { ...outcome, result: { ...outcome.result, environment } };
  };

  it('is added up over the runs that kept count', () => {
    const { cost } = compareDocument(input([timed(60, 3, 0.5), timed(40, 1, 0.25), A]));
    expect(cost.seconds).toBe(160);
    expect(cost.images).toEqual({ seconds: 100, preparing: 4, waiting: 0.75 });
    expect(compareDocument(input([A])).cost.images).toBeNull();
  });

  it('is one line of the text', () => {
    const text = compareText(compareDocument(input([timed(60, 3, 0.3)])), { width: 110 });
    expect(text).toContain(
      'Runs waited for images 0.5% of their time, and decoding or reading them took 5.0%.',
    );
    expect(compareText(compareDocument(input([A])), { width: 110 })).not.toContain('waited');
  });
});

describe('ranking of one data set', () => {
  const document = compareDocument(input([C, B, A]));
  const [ranking] = document.rankings;
  const [first, second, third] = ranking.candidates;

  it('orders candidates by test metric and gives Wilson intervals', () => {
    expect(ranking.candidates.map(({ model, setting }) => `${model} ${setting}`)).toEqual([
      'a finetune',
      'b fixed',
      'a scratch',
    ]);
    expect(first.test.value).toBeCloseTo(10 / 12, 12);
    expect(first.test.low).toBeCloseTo(0.551969, 5);
    expect(first.test.high).toBeCloseTo(0.953035, 5);
    expect(third.test.low).toBeCloseTo(0.046965, 5);
  });

  it('compares the best with each other one on the same images, with Holm adjusted p-values', () => {
    expect(first.comparison).toBeNull();
    expect(second.comparison).toMatchObject({
      bestOnly: 7,
      thisOnly: 1,
      pValue: expect.closeTo(0.0703125, 12),
      adjustedP: expect.closeTo(0.0703125, 12),
    });
    expect(third.comparison).toMatchObject({
      bestOnly: 8,
      thisOnly: 0,
      pValue: expect.closeTo(0.0078125, 12),
      adjustedP: expect.closeTo(0.015625, 12),
    });
    expect(second.comparison?.difference).toBeCloseTo(-0.5, 12);
    expect([first.tied, second.tied, third.tied]).toEqual([true, true, false]);
  });

  it('finds images by id, whatever their order', () => {
    const reversed = { ...B, result: { ...B.result, predictions: [...B.result.predictions].reverse() } };
    const again = compareDocument(input([A, reversed, C])).rankings[0];
    expect(again.candidates.map(({ comparison }) => comparison)).toEqual(
      ranking.candidates.map(({ comparison }) => comparison),
    );
  });

  it('sums up settings, baseline and cost', () => {
    expect(ranking.settings).toEqual([
      { setting: 'fixed', model: 'b', value: 4 / 12, gainOverScratch: expect.closeTo(2 / 12, 12) },
      { setting: 'finetune', model: 'a', value: 10 / 12, gainOverScratch: expect.closeTo(8 / 12, 12) },
      { setting: 'scratch', model: 'a', value: 2 / 12, gainOverScratch: null },
    ]);
    expect(ranking.baseline).toBe(0.5);
    expect(document.cost).toEqual({ seconds: 96, search: 48, final: 24, images: null });
  });

  it('says what difference the test part can show', () => {
    // 8 of 12 images differ: (1.95996 + 0.84162) sqrt(8/12/12) = 0.660; to show 0.5: 7.849 * (8/12) / 0.25 = 20.9.
    expect(ranking.power?.disagreement).toBeCloseTo(8 / 12, 12);
    expect(ranking.power?.detectable).toBeCloseTo(0.6603, 3);
    expect(ranking.power?.imagesNeeded).toBe(21);
  });

  it('puts the answer into sentences', () => {
    expect(document.verdict.headline).toBe(
      'Start from a, fine-tuned: 83.3% of the test images right (95% interval 55.2% to 95.3%).',
    );
    const text = document.verdict.sentences.join(' ');
    expect(text).toContain('Fixed features of b are not significantly worse (50.0 points behind, p = 0.070)');
    expect(text).toContain('10 times cheaper: 6.0 s instead of 60 s');
    expect(text).toContain('Pre-training is worth 66.7 points');
    expect(text).toContain('takes about 21 test images');
  });
});

describe('seeds, metrics and failures', () => {
  it('names what much less time buys when nothing that is cheap is as good', () => {
    const quick = run({ model: 'q', setting: 'fixed', answers: '++----------', seconds: 12 });
    const { verdict } = compareDocument(input([A, quick]));
    expect(verdict.sentences[0]).toBe(
      'Every other candidate is significantly worse; the nearest is q fixed features, 66.7 points behind, p = 0.008.',
    );
    expect(verdict.sentences[1]).toBe('In a hurry: q fixed features reaches 16.7% in 12 s instead of 60 s.');
  });

  it('averages over seeds, shows their spread and tests the first seed that both have', () => {
    const runs = [
      run({ model: 'a', setting: 'finetune', seed: 2, answers: '++++++++++' }),
      run({ model: 'a', setting: 'finetune', seed: 1, answers: '+++++++---' }),
      run({ model: 'b', setting: 'fixed', seed: 2, answers: '+++++-----' }),
    ];
    const [best, other] = compareDocument(input(runs)).rankings[0].candidates;
    expect(best.seeds).toEqual([1, 2]);
    expect(best.test.value).toBeCloseTo(0.85, 12);
    expect(best.correct).toBe(8.5);
    expect(best.spread).toEqual({ low: 0.7, high: 1 });
    expect(best.seconds).toBe(10);
    expect(other.spread).toBeNull();
    expect(other.comparison).toMatchObject({
      seed: 2,
      bestOnly: 5,
      thisOnly: 0,
      pValue: expect.closeTo(0.0625, 12),
    });
  });

  it('calls nobody worse whose tested network is ahead of that of the best', () => {
    const runs = [
      run({ model: 'a', setting: 'finetune', seed: 1, answers: '++++--------' }),
      run({ model: 'a', setting: 'finetune', seed: 2, answers: '++++++++++++' }),
      run({ model: 'b', setting: 'fixed', seed: 1, answers: '++++++++++++', seconds: 2 }),
      run({ model: 'b', setting: 'fixed', seed: 2, answers: '+++---------', seconds: 2 }),
    ];
    const [{ candidates, verdict }] = compareDocument(input(runs)).rankings;
    expect(candidates.map(({ model }) => model)).toEqual(['a', 'b']);
    expect(candidates[1].tied).toBe(true);
    expect(candidates[1].comparison).toMatchObject({
      difference: expect.closeTo(-1 / 24, 12),
      seed: 1,
      testedDifference: expect.closeTo(8 / 12, 12),
      pValue: expect.closeTo(0.0078125, 12),
    });
    expect(verdict.sentences.join(' ')).toContain(
      'not significantly worse (4.2 points behind, ahead in the paired test, p = 0.008)',
    );
  });

  it('bootstraps mean per-class accuracy', () => {
    // 180 of 200 cats and 100 of 200 dogs: the standard error is sqrt((.9 * .1 + .5 * .5) / 200) / 2 = 0.02062.
    const answers = Array.from({ length: 400 }, (_, i) => {
      const nth = Math.floor(i / 2);
      return nth < (i % 2 === 0 ? 180 : 100) ? '+' : '-';
    }).join('');
    const outcome = run({ model: 'a', setting: 'fixed', answers, metric: 'meanPerClass' });
    const document = compareDocument(input([outcome], 'meanPerClass'));
    const { test } = document.cells[0];
    expect(test.value).toBeCloseTo(0.7, 12);
    expect(Math.abs(test.low - (0.7 - 1.96 * 0.02062))).toBeLessThan(0.006);
    expect(Math.abs(test.high - (0.7 + 1.96 * 0.02062))).toBeLessThan(0.006);
    expect(document.verdict.headline).toContain('70.0% mean per-class accuracy');
    expect(document.rankings[0].power).toBeNull();
  });

  it('tests mean per-class accuracy by swapping images, which weigh as much as their class', () => {
    // 11 cats and 10 dogs. Only the first is right about 2 dogs, only the second about 1 cat: 2 / 20 - 1 / 22 = 0.055.
    // Of the 8 choices of signs those 4 reach that in which the dogs agree; counting images, 2 against 1 has p = 1.
    const first = '-++++++++++++++++++++';
    const second = '+-+-+++++++++++++++++';
    const document = (metric: MetricName) =>
      compareDocument(
        input(
          [first, second].map((answers, i) => run({ model: `${i}`, setting: 'fixed', answers, metric })),
          metric,
        ),
      );
    const [best, other] = document('meanPerClass').rankings[0].candidates;
    expect(best.model).toBe('0');
    expect(other.comparison).toMatchObject({ bestOnly: 2, thisOnly: 1, pValue: expect.closeTo(0.5, 2) });
    expect(document('top1').rankings[0].candidates[1].comparison?.pValue).toBeCloseTo(1, 12);
  });

  it('lists failed cells apart from the ranking', () => {
    const failed = { cell: { ...C.cell, key: 'x' }, status: 'failed' as const, error: 'Out of memory.' };
    const document = compareDocument(input([A, failed]));
    expect(document.rankings[0].candidates).toHaveLength(1);
    expect(document.failed).toMatchObject([
      { key: 'x', model: 'a', setting: 'scratch', error: 'Out of memory.' },
    ]);
    expect(document.verdict.sentences).toContain('1 of 2 runs failed and is left out.');
    const nothing = compareDocument(input([failed]));
    expect(nothing.verdict.headline).toBe('No network was finished.');
    expect(nothing.rankings[0].baseline).toBeNull();
  });

  it('warns when the best is no better than always answering one class, or when scratch wins', () => {
    const poor = run({ model: 'p', setting: 'scratch', answers: '+++++++-----' });
    const document = compareDocument(input([poor, C, B]));
    expect(document.verdict.headline).toContain('Train p from scratch');
    expect(document.verdict.sentences[0]).toContain('always answering the most frequent class');
    const text = (runs: CompareInput['outcomes']) => compareDocument(input(runs)).verdict.sentences.join(' ');
    // The best pre-trained network, B, is behind by 4 images against 1, p = 0.375.
    expect(text([poor, C, B])).toContain('Whether pre-training pays is not shown');
    expect(text([poor, C, B])).not.toContain('does not pay');
    const worse = run({ model: 'w', setting: 'fixed', answers: '-----------+' });
    const good = run({ model: 'g', setting: 'scratch', answers: '++++++++++++' });
    expect(text([good, worse])).toContain('Pre-training does not pay here');
  });

  it('refuses a cell of a data set that is not described', () => {
    expect(() => compareDocument({ ...input([A]), datasets: [] })).toThrow(
      /internal: cell .* of data set "set"/,
    );
  });
});

describe('several data sets', () => {
  const answers = (right: number) => '+'.repeat(right) + '-'.repeat(100 - right);
  const on = (model: string, setting: Setting, one: number, two: number) => [
    run({ dataset: 'one', model, setting, answers: answers(one) }),
    run({ dataset: 'two', model, setting, answers: answers(two) }),
  ];
  const outcomes = [
    ...on('b', 'fixed', 80, 70),
    ...on('a', 'finetune', 90, 80),
    ...on('a', 'scratch', 50, 60),
    run({ dataset: 'one', model: 'c', setting: 'fixed', answers: answers(95) }),
  ];
  const { acrossDatasets: across, verdict } = compareDocument(input(outcomes));

  it("adjusts logits for the data sets' difficulty, with Morey's error bars", () => {
    expect(across?.grandMean).toBeCloseTo(1.0370960446785615, 10);
    const expected = [
      ['a', 0.75466342, 0.30380389, 0.85714286],
      ['b', 0.07970007, 0.13727918, 0.75339394],
      ['a', -0.83436349, 0.44108307, 0.55051026],
    ] as const;
    expected.forEach(([model, score, standardError, accuracy], i) => {
      expect(across?.candidates[i].model).toBe(model);
      expect(across?.candidates[i].score).toBeCloseTo(score, 7);
      expect(across?.candidates[i].standardError).toBeCloseTo(standardError, 7);
      expect(across?.candidates[i].accuracy).toBeCloseTo(accuracy, 7);
    });
  });

  it('tests candidates against the best over data sets and names those left out', () => {
    expect(across?.candidates[1].comparison?.pValue).toBeCloseTo(0.1265491745951168, 8);
    expect(across?.candidates[2].comparison?.pValue).toBeCloseTo(0.2327141342801338, 8);
    expect(across?.candidates[1].comparison?.adjustedP).toBeCloseTo(2 * 0.1265491745951168, 8);
    expect(across?.excluded).toEqual([{ model: 'c', setting: 'fixed', missing: ['two'] }]);
    expect(verdict.headline).toContain('Start from a, fine-tuned: over 2 data sets it does best, with 85.7%');
  });

  it('has nothing to say across data sets with one, or with one candidate', () => {
    expect(compareDocument(input([A, B])).acrossDatasets).toBeNull();
    expect(compareDocument(input(on('a', 'fixed', 80, 70))).acrossDatasets).toBeNull();
  });
});

describe('JSON Schema', () => {
  const schema = compareJsonSchema();
  const document = compareDocument(sampleInput({ failure: true, seeds: [0, 1] }));

  it('describes the document, as the schema alone and as parsed from JSON', () => {
    const json: unknown = JSON.parse(JSON.stringify(document));
    expect(fromJSONSchema(schema).safeParse(json).error).toBeUndefined();
    expect(parseCompareDocument(json)).toEqual(document);
  });

  it('rejects another version, a missing member and an undocumented one', () => {
    const { verdict: _, ...missing } = document;
    for (const wrong of [{ ...document, version: 2 }, missing, { ...document, extra: 1 }]) {
      expect(fromJSONSchema(schema).safeParse(wrong).success).toBe(false);
    }
  });
});
