/** What a shortlist dropped, in the document of `compare` and in the sentences of its answer. */
import { describe, expect, it } from 'vitest';
import { compareDocument } from '../../src/report/compare-document.ts';
import { type CompareDocument, parseCompareDocument } from '../../src/report/schema.ts';
import { compareText } from '../../src/report/terminal.ts';
import { sampleInput } from './sample.ts';

type Shortlist = NonNullable<CompareDocument['shortlist']>;

const input = sampleInput({ datasets: 1 });
const [{ name: dataset }] = input.datasets;

const shortlist = (score: Shortlist['datasets'][number]['score']): Shortlist => ({
  keep: 1,
  seconds: 2.5,
  datasets: [
    {
      dataset,
      score,
      candidates: [
        { model: 'resnet18', value: 4.21, kept: true },
        { model: 'vgg11', value: 3.456, kept: false },
        { model: 'headless', value: null, kept: true },
      ],
    },
  ],
});

const documentWith = (score: Parameters<typeof shortlist>[0]) =>
  compareDocument({ ...input, shortlist: shortlist(score) });

describe('a shortlist', () => {
  it('is in the document, and the document is one of the schema', () => {
    const document = documentWith('hscore');
    expect(parseCompareDocument(JSON.parse(JSON.stringify(document))).shortlist).toEqual(shortlist('hscore'));
    expect(compareDocument(input)).not.toHaveProperty('shortlist');
  });

  it('is told after the answer: what was dropped, by which score, and how certain that is', () => {
    const { sentences } = documentWith('hscore').verdict;
    const own = sentences.slice(compareDocument(input).verdict.sentences.length);
    expect(own).toEqual([
      `On ${dataset} dropped untried by H-score: vgg11 (3.46); kept: resnet18 (4.21) and headless (no score).`,
      'What was dropped was not trained, so a better network may be among it.',
      'On five published data sets the rank correlation of H-score with the fine-tuned accuracy of ten networks lay between .74 and .90, and the best network was among its first 3.',
      'Scores say nothing of training from scratch, and what was dropped was not trained so either.',
    ]);
  });

  it('says of a score without published figures that there are none', () => {
    const text = compareText(documentWith('gbc'), { width: 110 }).replace(/\s+/g, ' ');
    expect(text).toContain('How often GBC ranks the best network high was not checked on published results.');
  });
});
