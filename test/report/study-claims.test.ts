/**
 * Verdicts on the paper's claims never say more than the data: what is true of the data but rests on few networks or data
 * sets is `not enough data`, and a claim is contradicted only where an interval says so.
 */
import { describe, expect, it } from 'vitest';
import { judge } from '../../src/report/study/claims/definition.ts';
import { studyDocument } from '../../src/report/study/document.ts';
import type { Claim } from '../../src/report/study/schema.ts';
import type { Setting } from '../../src/store/records.ts';
import { datasetOf, studyInput } from './study-sample.ts';

/** A spread in steps that are not on a line, between -1 and 1. */
const wobble = (m: number, d: number) => Math.sin(12.9898 * (m + 1) + 78.233 * (d + 1));

const EASES = [-0.5, 0, 0.3, 0.8];

function claimsOf(
  skills: readonly number[],
  logit: (skill: number, ease: number, setting: Setting, m: number, d: number) => number,
  fineGrained?: readonly string[],
): Map<string, Claim> {
  const input = { ...studyInput({ skills, eases: EASES, logit }), ...(fineGrained && { fineGrained }) };
  return new Map(studyDocument(input).claims.map((claim) => [claim.id, claim]));
}

const MANY = [-1, -0.7, -0.4, -0.1, 0.2, 0.5, 0.8, 1.1];

describe('source accuracy and transfer', () => {
  it('a clear relation of eight networks is supported', () => {
    const claims = claimsOf(MANY, (skill, ease, setting, m, d) =>
      setting === 'scratch' ? ease + 0.5 * wobble(m, 0) : skill + ease + 0.2 * wobble(m, d),
    );
    for (const id of ['r-fixed', 'r-finetune', 'r-per-dataset', 'r-scratch-weaker'])
      expect([id, claims.get(id)?.verdict]).toEqual([id, 'supported']);
    expect(claims.get('r-scratch')?.verdict).toBe('not enough data');
    expect(claims.get('r-fixed')?.study).toMatch(
      /^r = 0\.\d{2,3} \(0\.\d{2,3} to 0\.\d{2,3}\), 8 networks on 4 data sets$/,
    );
  });

  it('the same coefficient of four networks is not', () => {
    const four = [-1, -0.4, 0.2, 1.1];
    // SciPy's pearsonr of these: r = .8536, 95% interval -.5984 .. .9969.
    const transfer = [-0.4, -0.6, 0.6, 0.7];
    const claim = claimsOf(four, (_, ease, __, m) => transfer[m] + ease).get('r-fixed');
    expect(claim?.value).toBeCloseTo(0.8536, 2);
    expect(claim?.interval?.low).toBeCloseTo(-0.5984, 1);
    expect(claim?.interval?.high).toBeCloseTo(0.9969, 2);
    expect(claim?.verdict).toBe('not enough data');
  });

  it('three networks on a line have no interval', () => {
    const claim = claimsOf([-1, 0, 1], (skill, ease) => skill + ease).get('r-fixed');
    expect(claim).toMatchObject({ n: 3, interval: null, verdict: 'not enough data' });
  });

  it('a relation that fails on one data set does not hold on each', () => {
    const eases = Array.from({ length: 12 }, (_, d) => d / 10);
    const verdictWith = (exceptions: number) => {
      const logit = (skill: number, ease: number, _: Setting, m: number, d: number) =>
        ease + (d < exceptions ? -0.1 : 1) * skill + 0.1 * wobble(m, d);
      const { claims } = studyDocument(studyInput({ skills: MANY, eases, logit }));
      return claims.find(({ id }) => id === 'r-per-dataset');
    };
    expect(verdictWith(0)?.verdict).toBe('supported');
    expect(verdictWith(1)).toMatchObject({
      verdict: 'not enough data',
      reason: expect.stringMatching(/lies above 0\.00\. But r is not above 0 on 1 data set\.$/),
    });
  });

  it('the opposite relation contradicts', () => {
    const claims = claimsOf(MANY, (skill, ease, _, m, d) => ease - skill + 0.1 * wobble(m, d));
    for (const id of ['r-fixed', 'r-finetune', 'r-scratch', 'r-per-dataset'])
      expect([id, claims.get(id)?.verdict]).toEqual([id, 'contradicted']);
  });

  it('where the interval leaves the paper out, it says so', () => {
    const claim = claimsOf(MANY, (skill, ease, _, m) => skill + ease + wobble(m, 0)).get('r-fixed');
    expect(claim?.interval?.high).toBeLessThan(0.99);
    expect(claim?.reason).toContain("The paper's 0.99 lies outside it.");
  });

  it('small data sets are no large ones', () => {
    const claims = claimsOf(MANY, (skill, ease) => skill + ease);
    expect(claims.get('r-scratch-large')).toMatchObject({
      verdict: 'not enough data',
      reason: 'No data set here has 10,000 training images.',
    });
  });

  it('large data sets are compared with small ones', () => {
    const input = studyInput({
      skills: MANY,
      eases: EASES,
      logit: (skill, ease, setting, m, d) =>
        setting === 'scratch' && d < 2 ? ease + 0.8 * wobble(m, 0) - 0.3 * skill : skill + ease,
    });
    const datasets = EASES.map((_, d) => datasetOf(`set-${d}`, d < 2 ? 500 : 20_000));
    const claims = studyDocument({ ...input, datasets }).claims;
    const verdict = (id: string) => claims.find((claim) => claim.id === id)?.verdict;
    expect(verdict('r-scratch-large')).toBe('supported');
    expect(verdict('r-scratch-size')).toBe('supported');
  });
});

describe('fine-tuning against fixed features', () => {
  it('is supported when it wins over data sets, with both intervals in the one that is told', () => {
    const claim = claimsOf(
      MANY,
      (skill, ease, setting, m, d) => skill + ease + (setting === 'finetune' ? 0.4 + 0.1 * wobble(m, d) : 0),
    ).get('finetune-fixed');
    expect(claim).toMatchObject({ verdict: 'supported', value: 1, n: 32 });
    // Wilson's interval of 32 of 32, by SciPy: .8928 .. 1.
    expect(claim?.interval?.low).toBeCloseTo(0.8928, 4);
    expect(claim?.study).toMatch(/^32 of 32 cells, 100\.0%/);
  });

  it('is contradicted when fixed features win', () => {
    const claim = claimsOf(
      MANY,
      (skill, ease, setting, m, d) => skill + ease - (setting === 'finetune' ? 0.4 + 0.1 * wobble(m, d) : 0),
    ).get('finetune-fixed');
    expect(claim?.verdict).toBe('contradicted');
  });

  it('is open when all cells of some data sets go one way and those of others the other', () => {
    const claim = claimsOf(
      MANY,
      (skill, ease, setting, _, d) => skill + ease + (setting === 'finetune' ? (d < 3 ? 0.3 : -0.8) : 0),
    ).get('finetune-fixed');
    // 24 of 32 cells would be significant if they were independent.
    expect(claim?.value).toBe(0.75);
    expect(claim?.verdict).toBe('not enough data');
  });
});

describe('fine-grained classes', () => {
  const logit = (skill: number, ease: number, setting: Setting, m: number, d: number) =>
    skill + ease + 0.1 * wobble(m, d) + (setting === 'finetune' ? (d === 0 ? 0.1 : 1) : 0);

  it('gain less where they do', () => {
    const claim = claimsOf(MANY, logit, ['set-0']).get('fine-grained');
    expect(claim?.verdict).toBe('supported');
    expect(claim?.value).toBeCloseTo(-0.9, 1);
    expect(claim?.n).toBe(8);
  });

  it('are contradicted where they gain more, and unknown where no data set is of them', () => {
    expect(claimsOf(MANY, logit, ['set-1', 'set-2', 'set-3']).get('fine-grained')?.verdict).toBe(
      'contradicted',
    );
    expect(claimsOf(MANY, logit).get('fine-grained')?.reason).toBe(
      'No data set here is of fine-grained classes.',
    );
  });

  it('are known by the names of published sets where the study does not say', () => {
    const input = studyInput({ skills: [0, 1], eases: EASES, logit });
    const renamed = (name: string) => (name === 'set-0' ? 'FGVC Aircraft' : name);
    const outcomes = input.outcomes.map((outcome) => ({
      ...outcome,
      cell: { ...outcome.cell, dataset: renamed(outcome.cell.dataset) },
    }));
    const named = {
      ...input,
      datasets: input.datasets.map((dataset) => ({ ...dataset, name: renamed(dataset.name) })),
      outcomes,
      experiments: { ...input.experiments, settings: { cells: outcomes.map(({ cell }) => cell) } },
    };
    const claim = studyDocument(named).claims.find(({ id }) => id === 'fine-grained');
    expect(claim?.study).toContain('on FGVC Aircraft against the others');
  });
});

describe('every claim', () => {
  const claims = claimsOf(MANY, (skill, ease) => skill + ease);

  it('has a rule, the value of the paper, and a reason, whatever the verdict', () => {
    for (const claim of claims.values()) {
      expect(claim.rule).toMatch(/Supported when|supported when/);
      expect(claim.rule).toMatch(/contradicted when/);
      for (const text of [claim.claim, claim.paper, claim.reason, claim.unit]) expect(text).not.toBe('');
    }
    expect(new Set([...claims.keys()]).size).toBe(claims.size);
  });

  it('without an experiment says so', () => {
    for (const id of ['switch-gamma', 'switches-source', 'convergence', 'few-images', 'gap-closes'])
      expect(claims.get(id)).toMatchObject({ verdict: 'not enough data', study: null, n: 0 });
  });
});

it('an interval decides on the side that it lies on, the border included in neither', () => {
  const above = { side: 'above', border: 0, opposite: 0.5 } as const;
  expect(judge({ low: 0.6, high: 0.9 }, above).verdict).toBe('supported');
  expect(judge({ low: 0.1, high: 0.9 }, above).verdict).toBe('supported');
  expect(judge({ low: 0.1, high: 0.4 }, above).verdict).toBe('supported');
  expect(judge({ low: -0.1, high: 0.4 }, above).verdict).toBe('contradicted');
  expect(judge({ low: 0, high: 0.9 }, above).verdict).toBe('not enough data');
  expect(judge({ low: -1, high: -0.1 }, { side: 'below' }).verdict).toBe('supported');
  expect(judge({ low: 0.1, high: 1 }, { side: 'below' }).verdict).toBe('contradicted');
  expect(judge({ low: -1, high: 0 }, { side: 'below' }).verdict).toBe('not enough data');
  expect(judge(null, above).verdict).toBe('not enough data');
});
