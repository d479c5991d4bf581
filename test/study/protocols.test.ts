/**
 * Protocols as data: what is published is in them, changes give a protocol with a hash of its own and refuse what does
 * not exist, and the difference of two names exactly the fields that were changed.
 */
import { describe, expect, it } from 'vitest';
import {
  applyChanges,
  diffProtocols,
  fieldsOf,
  findProtocol,
  PROTOCOLS,
  protocolHash,
  protocolOf,
} from '../../src/study/index.ts';
import { parseStudy } from '../../src/study/spec.ts';
import { UserError } from '../../src/util/errors.ts';

const quick = findProtocol('quick');

/** The message of the mistake in `changes`. */
function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof UserError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('protocols', () => {
  it('have names and hashes of their own', () => {
    expect(new Set(PROTOCOLS.map(({ name }) => name)).size).toBe(PROTOCOLS.length);
    expect(new Set(PROTOCOLS.map(protocolHash)).size).toBe(PROTOCOLS.length);
  });

  it('are told by what they do, not by what they are called', () => {
    expect(protocolHash({ ...quick, name: 'other', description: 'other' })).toBe(protocolHash(quick));
  });

  it('hold the published grids: values by hand, from the statement of the ranges', () => {
    for (const name of ['kornblith-2019', 'simclr-2020']) {
      const { fixed, finetune, scratch } = findProtocol(name);
      expect(fixed.lambdas.length).toBe(45);
      expect([Math.min(...fixed.lambdas), Math.max(...fixed.lambdas)]).toEqual([1e-6, 1e5]);
      const rounded = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(3)));
      expect(rounded(finetune.learningRates)).toEqual([1e-4, 3.16e-4, 1e-3, 3.16e-3, 0.01, 0.0316, 0.1]);
      expect(rounded(finetune.weightDecays)).toEqual([1e-6, 3.16e-6, 1e-5, 3.16e-5, 1e-4, 3.16e-4, 1e-3, 0]);
      expect(rounded(scratch.learningRates)).toEqual([1e-3, 3.16e-3, 0.01, 0.0316, 0.1, 0.316, 1]);
      expect(rounded(scratch.weightDecays)).toEqual([
        1e-5, 3.16e-5, 1e-4, 3.16e-4, 1e-3, 3.16e-3, 0.01, 0.0316,
      ]);
      expect([finetune.steps, scratch.steps, finetune.batchSize]).toEqual([20_000, 40_000, 256]);
    }
    const [kornblith, simclr] = ['kornblith-2019', 'simclr-2020'].map(findProtocol);
    expect(diffProtocols(kornblith, simclr).map(({ part, field }) => `${part}.${field}`)).toEqual([
      'fixed.view',
    ]);
  });
});

describe('changes', () => {
  it('make a protocol of another name and hash, which differs in what was changed', () => {
    const changed = applyChanges(quick, { finetune: { steps: 100 }, fixed: { patience: null } });
    expect(changed.name).toBe('quick*');
    expect(protocolHash(changed)).not.toBe(protocolHash(quick));
    expect(diffProtocols(quick, changed)).toEqual([
      { part: 'fixed', field: 'patience', a: 8, b: null },
      { part: 'finetune', field: 'steps', a: 60, b: 100 },
    ]);
    expect(fieldsOf(changed).length).toBe(fieldsOf(quick).length);
    expect(applyChanges(changed, { name: 'mine' })).toMatchObject({ name: 'mine', base: 'quick' });
  });

  it('that change nothing leave the protocol as it is', () => {
    expect(applyChanges(quick, {})).toBe(quick);
    expect(applyChanges(quick, { finetune: { steps: 60 } })).toBe(quick);
  });

  it('are read as study files have them', () => {
    expect(protocolOf('quick')).toBe(quick);
    const search = { kind: 'halving', first: 0.1, eta: 3 } as const;
    const given = { base: 'kornblith-2019', name: 'halved', finetune: { search } };
    expect(protocolOf(given)).toMatchObject({ name: 'halved', finetune: { search, steps: 20_000 } });
  });

  it('are checked in the study file, with the line', () => {
    const text = (field: string) =>
      `title: t\nmodels: [resnet18]\ndatasets: [d]\nprotocol:\n  base: quick\n  finetune:\n    ${field}\n`;
    const { protocol } = parseStudy(text('search: { kind: grid }'), 'study.yaml');
    expect(protocolOf(protocol)).toBe(quick);
    const message = refusal(() => parseStudy(text('step: 3'), 'study.yaml'));
    expect(message).toMatch(/^STUDY_FORM: .*line 7, protocol\.finetune: .*"step"/s);
  });

  const MISTAKES: readonly [string, () => unknown, RegExp][] = [
    ['an unknown base', () => protocolOf({ base: 'kornblit' }), /^UNKNOWN_PROTOCOL: .*kornblith-2019/],
    [
      'an unknown field',
      () => applyChanges(quick, { finetune: { step: 3 } } as object),
      /^PROTOCOL_FIELD: .*no field finetune\.step\. Nearest: steps\. Allowed are steps, batchSize/,
    ],
    [
      'an unknown part',
      () => applyChanges(quick, { finetuning: {} } as object),
      /no field finetuning\. Nearest: finetune\. Allowed are name, description, fixed, finetune, scratch/,
    ],
    ['no steps', () => applyChanges(quick, { scratch: { steps: 0 } }), /scratch\.steps: /],
    [
      'an empty grid',
      () => applyChanges(quick, { scratch: { learningRates: [] } }),
      /scratch\.learningRates: /,
    ],
    [
      'a text for a number',
      () => applyChanges(quick, { fixed: { tolerance: 'low' } } as object),
      /fixed\.tolerance: /,
    ],
    [
      'an unknown search',
      () => applyChanges(quick, { finetune: { search: { kind: 'random' } } } as object),
      /finetune\.search/,
    ],
    [
      'halving and giving up at once',
      () => applyChanges(quick, { finetune: { search: { kind: 'halving', first: 0.1, eta: 3 } } }),
      /finetune\.giveUp: null/,
    ],
  ];
  for (const [what, make, message] of MISTAKES) {
    it(`refuse ${what}`, () => {
      expect(refusal(make)).toMatch(message);
    });
  }
});
