/** How good predictions are. May import tensor and util only. */
export { confusionMatrix, meanPerClass, top1 } from './accuracy.ts';
