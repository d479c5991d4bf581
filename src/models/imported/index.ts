/** Classifiers from ONNX files. */
export { importOnnxClassifier } from './import.ts';
