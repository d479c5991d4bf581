/** Data sets: opening them, their pixels, and batches of them. */

export {
  type AuditedImage,
  auditDuplicates,
  type DuplicateAudit,
  type DuplicateGroup,
} from './audit/audit.ts';
export { duplicateSheet } from './audit/sheet.ts';
export { centreCrop } from './augment.ts';
export { openViewCache, type ViewCache } from './cache.ts';
export { contactSheet } from './contact-sheet.ts';
export * from './contract.ts';
export { openCocoDetection } from './datasets/coco.ts';
export { openFolderDataset } from './datasets/folder.ts';
export type { ListedDatasetOptions } from './datasets/listed.ts';
export { openLocalDataset } from './datasets/local.ts';
export { openLocalDetection } from './datasets/local-detection.ts';
export { openVocDetection } from './datasets/voc-detection.ts';
export { writeCoco } from './datasets/write-coco.ts';
export { applyDesign } from './designs/apply.ts';
export {
  composeDesigns,
  type Design,
  type DesignStep,
  describeDesign,
  designHash,
} from './designs/design.ts';
export { readDesign } from './designs/read.ts';
export type * from './detection.ts';
export { type DetectionCounts, detectionCounts } from './detection-counts.ts';
export { detectionSheet } from './detection-sheet.ts';
export { encodeJpeg, renderFile } from './image/render.ts';
export { labelsOf } from './labels.ts';
export { BatchLoader, type BatchLoaderOptions } from './loader.ts';
export { openProceduralDataset, PROCEDURAL_DATASETS } from './procedural/dataset.ts';
export { openProceduralDetection } from './procedural/detection-dataset.ts';
export type { DatasetCheck } from './registry/checks.ts';
export {
  DETECTION_DATASETS,
  findDetection,
  type OfficialDetection,
  verifyDetection,
} from './registry/detection.ts';
export type { OfficialDataset } from './registry/entry.ts';
export { openOfficialDataset, verifyOfficial } from './registry/open.ts';
export { publishedDataset } from './registry/published.ts';
export { findOfficial, OFFICIAL_DATASETS } from './registry/registry.ts';
export type { SplitFractions } from './split.ts';
