/** What commands that take long have in common: a progress display, and Ctrl-C that loses nothing. */
import { ProgressDisplay } from './progress.ts';

/** As shells report a program that Ctrl-C ended: 128 and the number of the signal. */
const INTERRUPTED = 130;

/** Does the work with a display on standard error. */
export async function interruptible<T>(work: (display: ProgressDisplay) => Promise<T>): Promise<T> {
  const display = new ProgressDisplay();
  const interrupted = () => {
    display.stop();
    process.stderr.write('Stopped. What is finished is kept: the same command goes on from there.\n');
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', interrupted);
  try {
    return await work(display);
  } finally {
    display.stop();
    process.off('SIGINT', interrupted);
  }
}

/** The command line of this process, as a shell reads it back. */
export function commandLine(): string {
  return ['transferlab', ...process.argv.slice(2).map(quoted)].join(' ');
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
