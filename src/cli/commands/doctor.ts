/** `transferlab doctor`: what this machine offers, how fast it is, and what is in the way. */
import { messageOf, UserError } from '../../util/errors.ts';
import type { OptionValues } from '../options.ts';
import { print } from '../print.ts';
import { terminalOf } from '../terminal.ts';

/** Version of the JSON document. */
const DOCTOR_VERSION = 1;

/** Prints the page or the document; the exit code is 1 when a problem makes work impossible. */
export async function doctor(values: OptionValues): Promise<void> {
  // The engine's libraries are loaded with the modules that use it, and may be what is missing.
  await import('../../runtime/index.ts').catch((cause) => {
    throw new UserError(
      'ENGINE_MISSING',
      `ONNX Runtime cannot be loaded: ${messageOf(cause).split('\n')[0]}.`,
      'It runs on Linux with glibc (x64, arm64), macOS (arm64) and Windows (x64, arm64). There, install the dependencies again with `npm ci`.',
      { cause },
    );
  });
  const { cacheFolderOf, textOf, threadsOf } = await import('../parse.ts');
  const { examine } = await import('../doctor/examination.ts');
  const { problemsOf } = await import('../doctor/problems.ts');
  const { doctorText } = await import('../doctor/text.ts');
  const examination = await examine({
    threads: threadsOf(values),
    cacheFolder: cacheFolderOf(values),
    out: textOf(values, 'out') || 'transferlab-out',
    onStage: showStage,
  });
  clearStage();
  const problems = problemsOf(examination);
  const document = { kind: 'doctor', version: DOCTOR_VERSION, ...examination, problems };
  print(values, document, () => doctorText(examination, problems, terminalOf()));
  if (problems.some(({ severity }) => severity === 'error')) process.exitCode = 1;
}

/** One line on the terminal that the next stage replaces; elsewhere nothing, as it all takes seconds. */
function showStage(stage: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${stage} ...`);
}

function clearStage(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}
