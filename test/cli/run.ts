/** The command line as its users meet it: a process with arguments, two streams and an exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** The built program, which starts faster, where it is newer than every source file; else the sources. */
const built = join(root, 'dist/cli/main.js');
const sources = readdirSync(join(root, 'src'), { recursive: true }).map((name) =>
  join(root, 'src', `${name}`),
);
const current =
  existsSync(built) && sources.every((path) => statSync(path).mtimeMs <= statSync(built).mtimeMs);
const program = current ? [built] : ['--import', 'tsx', join(root, 'src/cli/main.ts')];

export interface CliResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `transferlab ...args`. */
export function startCli(args: readonly string[]): { child: ChildProcess; result: Promise<CliResult> } {
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const result = new Promise<CliResult>((done) => {
    child.on('close', (code, signal) => done({ code, signal, ...texts }));
  });
  return { child, result };
}

export function runCli(...args: string[]): Promise<CliResult> {
  return startCli(args).result;
}

/** What standard error holds besides progress. */
export function messagesOf({ stderr }: CliResult): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !/^ *\d+% {2}/.test(line));
}

/** How many trained networks the run has stored; they are the only files of that size. */
export function networksIn(folderOfRun: string): number {
  const artifacts = join(folderOfRun, 'store', 'artifacts');
  if (!existsSync(artifacts)) return 0;
  const paths = readdirSync(artifacts, { recursive: true }).map((name) => join(artifacts, `${name}`));
  return paths.filter((path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 200_000).length;
}
