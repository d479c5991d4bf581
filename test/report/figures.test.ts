/** The data functions of the figures by numbers, and every drawing for what a reader needs: a name and axes. */
import { describe, expect, it } from 'vitest';
import { compareDocument } from '../../src/report/compare-document.ts';
import { acrossRows, drawAcross } from '../../src/report/figures/across.ts';
import { candidateFigure, drawCandidates, shareDomain } from '../../src/report/figures/candidates.ts';
import { confusionCells, drawConfusion } from '../../src/report/figures/confusion.ts';
import { curveLines, drawLoss, drawTrainAccuracy } from '../../src/report/figures/curves.ts';
import { confidentMistakes, drawMistakes } from '../../src/report/figures/mistakes.ts';
import { drawPaths, regularisationPaths } from '../../src/report/figures/path.ts';
import { drawSettings, settingRows } from '../../src/report/figures/settings.ts';
import { drawTrials, trialGrid } from '../../src/report/figures/trials.ts';
import type { CellResult, FinishedCell, Prediction } from '../../src/store/records.ts';
import { sampleInput } from './sample.ts';

const input = sampleInput();
const document = compareDocument(input);
const cells = input.outcomes.filter((outcome): outcome is FinishedCell => outcome.status === 'done');
const [first] = cells;

function withResult(result: Partial<CellResult>): FinishedCell {
  return { ...first, result: { ...first.result, ...result } };
}

/** Every text of an SVG, to look for titles of axes. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map((match) => match[1]);
}

describe('candidates', () => {
  it('has the ranking, an axis around all intervals, and the baseline only where it is on the axis', () => {
    const [ranking] = document.rankings;
    const figure = candidateFigure(ranking);
    expect(figure.rows.map(({ value }) => value)).toEqual(ranking.candidates.map(({ test }) => test.value));
    for (const { low, high } of figure.rows) {
      expect(low).toBeGreaterThanOrEqual(figure.domain[0]);
      expect(high).toBeLessThanOrEqual(figure.domain[1]);
    }
    expect(figure.baseline).toBeNull();
    expect(candidateFigure({ ...ranking, baseline: 0.9 }).baseline).toBe(0.9);
    expect(shareDomain([0.52, 0.93])).toEqual([0.5, 0.95]);
    expect(shareDomain([0.01, 0.99])).toEqual([0, 1]);
    const svg = drawCandidates(figure, 490).text;
    expect(texts(svg)).toContain('test images right (%)');
    expect(texts(svg)).toContain('resnet18 fine-tuned');
  });
});

describe('settings and data sets', () => {
  it('puts the settings of a network in one row, with the gain over scratch', () => {
    const rows = settingRows(document.rankings[0]);
    const own = document.rankings[0].candidates.filter(({ model }) => model === 'resnet18');
    const value = (setting: string) => own.find((c) => c.setting === setting)?.test.value ?? Number.NaN;
    expect(rows[0].model).toBe(document.rankings[0].candidates[0].model);
    const row = rows.find(({ model }) => model === 'resnet18');
    expect(row?.values).toEqual({
      fixed: value('fixed'),
      finetune: value('finetune'),
      scratch: value('scratch'),
    });
    expect(row?.gain).toBeCloseTo(Math.max(value('fixed'), value('finetune')) - value('scratch'), 12);
    expect(texts(drawSettings(rows, 'meanPerClass', 308).text)).toContain('mean per-class accuracy (%)');
  });

  it('draws one standard error to either side of adjusted scores', () => {
    const across = document.acrossDatasets;
    if (!across) throw new Error('the sample has three data sets');
    const rows = acrossRows(across);
    rows.forEach((row, i) => {
      expect(row.high - row.low).toBeCloseTo(2 * (across.candidates[i].standardError ?? Number.NaN), 12);
    });
    expect(texts(drawAcross(rows, 490).text)).toContain('adjusted score (logits above the mean)');
  });
});

describe('training', () => {
  const point = (step: number, loss: number) => ({ step, loss, trainAccuracy: loss / 10, learningRate: 0.1 });

  it('averages long curves and keeps short ones', () => {
    const long = Array.from({ length: 320 }, (_, i) => point(i + 1, i % 2 === 0 ? 1 : 3));
    const [line] = curveLines([withResult({ curve: long })], ['resnet18']);
    expect(line.points).toHaveLength(160);
    expect(line.points[0]).toEqual({
      step: 2,
      loss: 2,
      trainAccuracy: expect.closeTo(0.2, 12),
      learningRate: 0.1,
    });
    expect(line.points[159].step).toBe(320);
    const short = [point(1, 2), point(2, 1)];
    const lines = curveLines([withResult({ curve: short }), withResult({ curve: [] })], ['resnet18']);
    expect(lines.map(({ points }) => points)).toEqual([short]);
    expect(texts(drawLoss(lines, 308).text)).toEqual(
      expect.arrayContaining(['training step', 'mean training loss (nats)']),
    );
    expect(texts(drawTrainAccuracy(lines, 308).text)).toContain('training accuracy (%)');
  });

  it('orders the regularisation path by lambda and marks the chosen one', () => {
    const trial = (lambda: number, validation: number | null) => ({
      hyperparameters: { lambda },
      status: 'finished' as const,
      validation,
      steps: 1,
      seconds: 1,
    });
    const trials = [trial(10, 0.4), trial(0.1, 0.6), trial(1, 0.7), trial(100, null)];
    const [path] = regularisationPaths(
      [withResult({ trials, hyperparameters: { lambda: 1 } })],
      ['resnet18'],
    );
    expect(path.points.map(({ lambda }) => lambda)).toEqual([0.1, 1, 10]);
    expect(path.chosen).toEqual({ lambda: 1, validation: 0.7 });
    expect(texts(drawPaths([path], 308).text)).toContain('penalty λ (log scale)');
  });

  it('makes a grid of trials, in the product of decay and rate where that is the regular one', () => {
    const trial = (
      learningRate: number,
      weightDecay: number,
      validation: number | null,
      diverged = false,
    ) => ({
      hyperparameters: { learningRate, weightDecay },
      status: diverged ? ('diverged' as const) : ('finished' as const),
      validation,
      steps: 1,
      seconds: 1,
    });
    const plain = [
      trial(0.1, 0.01, 0.2),
      trial(0.1, 0.001, 0.6),
      trial(1, 0.01, 0.4),
      trial(1, 0.001, null, true),
    ];
    const grid = trialGrid({
      ...first.result,
      trials: plain,
      hyperparameters: { learningRate: 0.1, weightDecay: 0.001 },
    });
    expect(grid?.decayAxis).toBe('weight decay');
    expect(grid?.cells.map(({ level }) => Number(level.toFixed(6)))).toEqual([0, 1, 0.5, 0]);
    expect(grid?.cells.map(({ chosen }) => chosen)).toEqual([false, true, false, false]);
    const divided = [1e-4, 1e-3].flatMap((product) =>
      [0.1, 0.01, 0.003].map((rate) => trial(rate, product / rate, 0.5)),
    );
    const byProduct = trialGrid({ ...first.result, trials: divided });
    expect(byProduct?.decayAxis).toBe('weight decay × learning rate');
    expect(new Set(byProduct?.cells.map(({ decay }) => decay))).toEqual(new Set([1e-4, 1e-3]));
    expect(trialGrid({ ...first.result, trials: [] })).toBeNull();
    if (!grid) throw new Error('a grid was expected');
    const drawn = texts(drawTrials(grid, 308).text);
    expect(drawn).toEqual(expect.arrayContaining(['learning rate', 'weight decay', '60.0', '×']));
  });
});

describe('mistakes', () => {
  const prediction = (image: string, label: number, predicted: number, probability: number): Prediction => ({
    image,
    label,
    predicted,
    probability,
  });
  const result = {
    ...first.result,
    classes: ['cat', 'dog'],
    predictions: [
      prediction('a', 0, 0, 0.99),
      prediction('b', 0, 1, 0.6),
      prediction('c', 1, 0, 0.9),
      prediction('d', 1, 1, 0.7),
      prediction('e', 0, 1, 0.8),
    ],
  };

  it('counts confusions as shares of the true class', () => {
    expect(confusionCells(result)).toEqual([
      { label: 0, predicted: 1, count: 2, share: 2 / 3 },
      { label: 0, predicted: 0, count: 1, share: 1 / 3 },
      { label: 1, predicted: 0, count: 1, share: 0.5 },
      { label: 1, predicted: 1, count: 1, share: 0.5 },
    ]);
    expect(texts(drawConfusion(confusionCells(result), result.classes, 308).text)).toEqual(
      expect.arrayContaining(['true class', 'predicted class', 'cat', 'dog', '2']),
    );
  });

  it('shows the most confident first, and pictures only from image data URIs', () => {
    expect(confidentMistakes(result).map(({ image }) => image)).toEqual(['c', 'e', 'b']);
    expect(confidentMistakes(result, 1)).toHaveLength(1);
    const uris = new Map([
      ['c', 'data:image/png;base64,AAAA'],
      ['e', 'https://example.org/e.png'],
      ['b', 'data:text/html,<b>'],
    ]);
    const markup = drawMistakes(confidentMistakes(result), result.classes, uris).text;
    expect(markup.match(/<img/g)).toHaveLength(1);
    expect(markup).toContain('src="data:image/png;base64,AAAA"');
    expect(markup).not.toContain('example.org');
  });
});
