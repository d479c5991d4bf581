/** Sides as processes: finding what they need, starting them, and asking for repetitions. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MARK, type Measured } from './child.ts';
import type { SideDefinition } from './rows.ts';

const bench = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A side's answer to one `run`. */
export type Answer = Measured & { readonly cpuSeconds: number };

/** The first Python that can import `packages`, or undefined. */
export function pythonWith(packages: readonly string[]): string | undefined {
  const found = pythons.get(packages.join());
  if (found !== undefined) return found || undefined;
  const python = [process.env.PYTHON, '/usr/bin/python3', 'python3'].find((candidate) => {
    if (!candidate) return false;
    try {
      execFileSync(candidate, ['-c', `import ${packages.join(', ')}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  pythons.set(packages.join(), python ?? '');
  return python;
}
const pythons = new Map<string, string>();

/** Installs the packages of bench/package.json when they are missing. Returns why it could not. */
function installNodePeers(): string | undefined {
  if (existsSync(bench('./node_modules/.package-lock.json'))) return undefined;
  console.error('Installing the peers of bench/package.json (once) ...');
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: bench('.'),
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    return undefined;
  } catch {
    return '`npm ci` in bench/ failed';
  }
}

/** Why a side cannot run here, or undefined when it can. */
export function reasonAgainst({ needs }: SideDefinition): string | undefined {
  if (needs === undefined) return undefined;
  if (needs === 'node peers') return installNodePeers();
  return pythonWith(needs) ? undefined : `no Python with ${needs.join(', ')} was found`;
}

function commandOf({ program, needs }: SideDefinition): readonly [string, ...string[]] {
  const file = bench(program);
  if (program.endsWith('.py')) return [pythonWith(needs as readonly string[])!, file];
  return [process.execPath, '--import', 'tsx', file];
}

/** The same number of threads for every library; torch and the runtime are told again through their own calls. */
const threadLimits = (threads: number) => ({
  OMP_NUM_THREADS: String(threads),
  OPENBLAS_NUM_THREADS: String(threads),
  MKL_NUM_THREADS: String(threads),
  UV_THREADPOOL_SIZE: String(threads),
});

/** A running side. */
export class RunningSide {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<object>;
  #errors = '';

  private constructor(
    readonly definition: SideDefinition,
    options: object,
    threads: number,
  ) {
    const [command, ...args] = commandOf(definition);
    this.#child = spawn(command, [...args, JSON.stringify({ ...options, ...definition.options, threads })], {
      cwd: bench('..'),
      env: { ...process.env, ...threadLimits(threads) },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stderr!.on('data', (text) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    // A side that has died cannot be written to; that it died is noticed when its answer is missing.
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#answers = answersOf(this.#lines);
  }

  /** Starts a side and waits until it has warmed up. */
  static async start(definition: SideDefinition, options: object, threads: number): Promise<RunningSide> {
    const side = new RunningSide(definition, options, threads);
    await side.#next();
    return side;
  }

  /** One repetition. */
  async measure(): Promise<Answer> {
    this.#child.stdin!.write('run\n');
    return (await this.#next()) as Answer;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin!.end('end\n');
    await ended;
  }

  async #next(): Promise<object> {
    const { value, done } = await this.#answers.next();
    if (!done) return value;
    throw new Error(
      `${this.definition.name} (${this.definition.program}) ended early:\n${this.#errors.trim()}`,
    );
  }
}

async function* answersOf(lines: Interface): AsyncGenerator<object> {
  for await (const line of lines) if (line.startsWith(MARK)) yield JSON.parse(line.slice(MARK.length));
}
