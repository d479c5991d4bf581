/** Studies: protocols, plans, and running their cells. */
export { officialSpec, openDataset } from './datasets.ts';
export { type CellTask, planCells, SETTINGS } from './plan.ts';
export {
  applyChanges,
  changedProtocolSchema,
  diffProtocols,
  fieldsOf,
  protocolOf,
} from './protocol-changes.ts';
export { findProtocol, PROTOCOLS, protocolHash } from './protocols.ts';
export { type CellEnvironment, environmentOf } from './run-cell.ts';
export { type RunListener, runCells } from './runner.ts';
