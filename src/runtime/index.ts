/** Run graphs and ONNX files. */
export { Executable, type ExecutableOptions, type RandomSource } from './executable.ts';
export { createSession, defaultThreads, OnnxFunction, type SessionOptions } from './session.ts';
