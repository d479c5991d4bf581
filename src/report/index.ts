/** From finished cells to an answer: the JSON document, the terminal text, the page. May import store, stats and evaluate. */
export { type CompareInput, compareDocument } from './compare-document.ts';
export { confidentMistakes } from './figures/mistakes.ts';
export { compareHtml, type PageExtras } from './html.ts';
export {
  type CompareDocument,
  compareJsonSchema,
  parseCompareDocument,
} from './schema.ts';
export { compareText, type TerminalOptions } from './terminal.ts';
