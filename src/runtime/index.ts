/** Run graphs and ONNX files. */
export { Executable, type ExecutableOptions, type RandomSource } from './executable.ts';
export { ANY_BATCH, inferenceFile } from './inference.ts';
export { createSession, defaultThreads, OnnxFunction, type SessionOptions } from './session.ts';
