/** How good predictions are. May import tensor and util only. */
export { confusionMatrix, meanPerClass, top1 } from './accuracy.ts';
export {
  averagePrecision,
  averagePrecisions,
  meanAveragePrecision,
  resampledMeanAveragePrecision,
} from './average-precision.ts';
