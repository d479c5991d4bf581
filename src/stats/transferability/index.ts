/**
 * Transferability scores: how well a pre-trained network suits a data set, judged from its features or predictions on
 * the training images without training anything. Larger is better in all of them.
 */
export { Features } from './features.ts';
export { gbc } from './gbc.ts';
export { hScore, ledoitWolf } from './h-score.ts';
export { leep } from './leep.ts';
export { logme, logmeOfMultiLabel } from './logme.ts';
export { nce } from './nce.ts';
export { transRate } from './transrate.ts';
