/** A TypeScript file in a process of its own, for tests that kill; none outlives its test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export class Child {
  readonly process: ChildProcess;
  output = '';
  errors = '';
  readonly #exit: Promise<unknown>;

  constructor(file: URL, ...parameters: string[]) {
    this.process = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(file), ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout?.on('data', (chunk) => (this.output += chunk));
    this.process.stderr?.on('data', (chunk) => (this.errors += chunk));
    this.#exit = once(this.process, 'close');
    onTestFinished(() => this.kill());
  }

  /** Resolves once `condition` holds; fails when the process ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`the child ended early: ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Kills the process with SIGKILL and waits until all its output has arrived. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#exit;
  }

  /** Waits for the end; fails when it is not a success. */
  async success(): Promise<void> {
    await this.#exit;
    if (this.process.exitCode !== 0) throw new Error(`exit code ${this.process.exitCode}: ${this.errors}`);
  }
}
