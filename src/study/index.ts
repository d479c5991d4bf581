/** Studies: protocols, plans, and running their cells. */
export { officialSpec, openDataset } from './datasets.ts';
export { type CellTask, planCells, SETTINGS } from './plan.ts';
export { findProtocol, PROTOCOLS } from './protocols.ts';
export { environmentOf } from './run-cell.ts';
export { type RunListener, runCells } from './runner.ts';
