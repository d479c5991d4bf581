/** From finished cells to an answer: the JSON document, the terminal text, the page. May import store, stats and evaluate. */
export { type CompareInput, compareDocument } from './compare-document.ts';
export { confidentMistakes } from './figures/mistakes.ts';
export { compareHtml, type PageExtras } from './html.ts';
export {
  type CompareDocument,
  compareJsonSchema,
  parseCompareDocument,
} from './schema.ts';
export { studyDocument } from './study/document.ts';
export { studyHtml } from './study/html.ts';
export type { StudyInput } from './study/input.ts';
export {
  type FailedMeasurement,
  parseStudyDocument,
  type StudyDocument,
  studyJsonSchema,
} from './study/schema.ts';
export { tableCsv } from './study/tables/csv.ts';
export { tableLatex } from './study/tables/latex.ts';
export { tableMarkdown } from './study/tables/markdown.ts';
export { studyTables } from './study/tables/study-tables.ts';
export { studyText } from './study/text.ts';
export { compareText, type TerminalOptions } from './terminal.ts';
