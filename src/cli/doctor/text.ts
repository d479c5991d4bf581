/** The examination as a page for the terminal. */
import { styleText } from 'node:util';
import type { Examination, Folder } from './examination.ts';
import { gigabytes, type Problem, usableProcessors } from './problems.ts';

interface DoctorTextOptions {
  readonly color: boolean;
}

const LABEL = 12;

export function doctorText(
  examination: Examination,
  problems: readonly Problem[],
  { color }: DoctorTextOptions,
): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const heading = (text: string) => paint('bold', text);
  const row = (label: string, text: string) => `  ${label.padEnd(LABEL)}${text}`;
  const { versions, platform, devices, folders, images } = examination;
  const lines = [
    heading(`transferlab ${versions.transferlab}`),
    row('Engine', `ONNX Runtime ${versions.engine}, Node ${versions.node}, ${platform}`),
    row('Images', images.works ? 'can be read and written' : paint('red', 'cannot be read')),
    '',
    heading('Devices'),
    ...devices.flatMap(({ device, works, builtIn, reason, needs }) => {
      if (works) return [row(device, paint('green', 'works'))];
      return builtIn
        ? [row(device, `does not work: ${reason}`), row('', paint('dim', needs))]
        : [row(device, `not on this system. ${needs}`)];
    }),
    '',
    heading('Speed'),
    ...speedRows(examination).map(([label, text]) => row(label, text)),
    '',
    heading('Space'),
    row('Memory', memoryText(examination)),
    row('Cache', folderText(folders.cache)),
    row('Output', folderText(folders.out)),
    '',
  ];
  if (problems.length === 0) lines.push(paint('green', 'No problems found.'));
  for (const { severity, code, found, remedy } of problems) {
    const mark = severity === 'error' ? paint('red', 'Error') : paint('yellow', 'Warning');
    lines.push(`${mark}: ${found} [${code}]`, `  ${remedy}`);
  }
  return `${lines.join('\n')}\n`;
}

function speedRows({ processors, threads, speed }: Examination): [string, string][] {
  const usable = usableProcessors(processors);
  const use = usable < processors.cores ? ` (${Number(usable.toFixed(1))} usable)` : '';
  const cores = `${processors.cores} processors${use}, engine uses ${count(threads, 'thread')}`;
  const rows: [string, string][] = [['Processor', `${processors.model || 'unknown'}, ${cores}`]];
  if (!speed) return rows;
  const { oneThread, allThreads } = speed.product;
  const all = threads > 1 ? `, ${gigaflops(allThreads)} with ${threads}` : '';
  rows.push(
    ['Products', `${gigaflops(oneThread)} with 1 thread${all} (2048 x 2048 matrices, float32)`],
    ['Passes', `${(speed.bandwidth / 1e9).toFixed(1)} GB/s read and written (64 MiB)`],
  );
  return rows;
}

function memoryText({ memory }: Examination): string {
  const limit =
    memory.limit === null
      ? ''
      : `; this process may have ${gigabytes(memory.limit)}, ${gigabytes(memory.limitFree!)} of it free`;
  return `${gigabytes(memory.total)}, ${gigabytes(memory.free)} free${limit}`;
}

function folderText({ path, writable, free }: Folder): string {
  const space = free === null ? '' : `, ${gigabytes(free)} free`;
  return `${path}${space}${writable ? '' : ', cannot be written'}`;
}

const gigaflops = (perSecond: number) => `${(perSecond / 1e9).toFixed(0)} GFLOP/s`;
const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
