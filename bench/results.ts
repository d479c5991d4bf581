/** What was measured: bench/results.json, and bench/README.md made from it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import type { Outcome } from './measure.ts';
import { ROWS, type Row } from './rows.ts';
import { pythonWith } from './sides.ts';

const file = (name: string) => new URL(name, import.meta.url);

interface Results {
  /** Where the latest rows were measured, and with which versions. */
  readonly machine: Readonly<Record<string, string>>;
  readonly outcomes: readonly Outcome[];
}

function readResults(): Results {
  const path = file('./results.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { machine: {}, outcomes: [] };
}

export const readOutcomes = (): readonly Outcome[] => readResults().outcomes;

/** Takes rows into bench/results.json, in place of their earlier results, and writes bench/README.md anew. */
export function saveOutcomes(outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) return;
  const latest = new Map([...readOutcomes(), ...outcomes].map((outcome) => [outcome.row, outcome]));
  const ordered = ROWS.flatMap(({ name }) => latest.get(name) ?? []);
  const results: Results = { machine: machine(), outcomes: ordered };
  writeFileSync(file('./results.json'), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(file('./README.md'), readmeOf(results));
}

// Machine and versions

function packageVersion(path: string): string {
  const url = file(path);
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).version : 'absent';
}

/** Versions that a Python package states about itself. */
function pythonVersion(name: string): string {
  const python = pythonWith([name]);
  if (!python) return 'absent';
  return execFileSync(python, ['-c', `import ${name}; print(${name}.__version__)`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

function machine(): Record<string, string> {
  const [processor] = cpus();
  return {
    processor: processor?.model.trim() ?? 'unknown',
    cores: String(availableParallelism()),
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    'onnxruntime-node': packageVersion('../node_modules/onnxruntime-node/package.json'),
    torch: pythonVersion('torch'),
    torchvision: pythonVersion('torchvision'),
    'scikit-learn': pythonVersion('sklearn'),
    'TensorFlow.js': packageVersion('./node_modules/@tensorflow/tfjs/package.json'),
    'jax-js': packageVersion('./node_modules/@jax-js/jax/package.json'),
  };
}

// The page

const GROUPS: readonly (readonly [prefix: string, title: string])[] = [
  ['train/', 'Training'],
  ['infer/', 'Feature extraction'],
  ['infer-frozen/', 'Feature extraction, PyTorch frozen and optimised by torch.jit'],
  ['memory/', 'Memory'],
  ['build/', 'Starting'],
  ['peak/', 'Share of the peak'],
  ['tfjs/', 'TensorFlow.js'],
  ['jaxjs/', 'jax-js'],
  ['logreg/', 'Logistic regression'],
  ['data/', 'Data'],
];

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`; do not edit. Every side is a process of its own that has warmed up; the sides take
turns, one repetition each, with the same number of threads, and medians are compared. In brackets: the smallest and
the largest ratio of neighbouring repetitions. A ratio says how many times as fast this package is, and for memory how
many times as much it takes. PyTorch runs in each of its memory formats, and the better one counts; denormal numbers are set to zero as in ours. TensorFlow.js's wasm backend has no kernel
for the gradient of a convolution's weights, so there it is written as a convolution; jax-js has one thread in Node.

\`npm run --silent bench -- --only train/resnet18-64 --json\` measures one row and prints it as JSON;
\`npm run bench -- --list\` shows all rows.
`;

const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function goalOf({ goal, unit }: Row): string {
  if (!goal) return '';
  const bound = goal.least === undefined ? `≤ ${goal.most}` : `≥ ${goal.least}`;
  return goal.of ? `${goal.of} ${bound} ${unit}` : bound;
}

function lineOf(outcome: Outcome): string {
  const row = ROWS.find(({ name }) => name === outcome.row)!;
  const { unit, ours, peer, peerName, ratio, spread, skipped, details, repetitions, date } = outcome;
  const peerText = peer === null ? (skipped ?? '') : `${number(peer)} ${unit} (${peerName})`;
  const range = spread && repetitions > 1 ? ` (${spread.map((value) => value.toFixed(2)).join(' – ')})` : '';
  const ratioText = ratio === null ? '' : `${ratio.toFixed(2)}${range}`;
  const notes = Object.entries(details).map(
    ([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(3)) : value}`,
  );
  const about = notes.length > 0 ? `${row.about}. ${notes.join(', ')}` : row.about;
  const cells = [`\`${row.name}\``, about, `${number(ours)} ${unit}`, peerText, ratioText, goalOf(row)];
  return `| ${[...cells, String(repetitions), date].join(' | ')} |`;
}

function groupText(prefix: string, title: string, outcomes: readonly Outcome[]): string {
  const members = outcomes.filter(({ row }) => row.startsWith(prefix));
  if (members.length === 0) return '';
  const ratios = members.flatMap(({ ratio }) => ratio ?? []);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const closing = ratios.length > 1 ? `\nGeometric mean of the ratios: ${mean.toFixed(2)}.\n` : '';
  const head =
    '| row | what | ours | peer | ratio | goal | repetitions | date |\n|---|---|---|---|---|---|---|---|';
  return `## ${title}\n\n${head}\n${members.map(lineOf).join('\n')}\n${closing}`;
}

/** The page as Markdown. */
export function readmeOf({ machine: facts, outcomes }: Results): string {
  const threads = [...new Set(outcomes.map((outcome) => outcome.threads))].join(' and ');
  const rows = Object.entries(facts).map(([name, value]) => `| ${name} | ${value} |`);
  const where = `## Machine\n\n| | |\n|---|---|\n${rows.join('\n')}\n| threads of every side | ${threads} |\n`;
  const groups = GROUPS.map(([prefix, title]) => groupText(prefix, title, outcomes)).filter(Boolean);
  return [INTRODUCTION, ...groups, where].join('\n');
}
