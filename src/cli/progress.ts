/** Progress on the terminal: one bar with the time left; where there is no terminal, a line now and then. */
import cliProgress from 'cli-progress';

/** Milliseconds between lines where output is not a terminal. */
const LINE_EVERY = 10_000;

/** Progress of known weights: `fraction` of the whole, in 0..1. Writes to standard error. */
export class ProgressDisplay {
  readonly #bar: cliProgress.SingleBar | undefined;
  #first: { at: number; fraction: number } | undefined;
  #printed = 0;

  constructor() {
    if (!process.stderr.isTTY) return;
    const format = ' {bar} {percent}  {left}  {what}';
    const options = {
      format,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
      linewrap: false,
      // It would swallow the interrupt: the bar would stop, the work would not.
      gracefulExit: false,
    };
    this.#bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
    this.#bar.start(1000, 0, { percent: '  0%', left: '', what: '' });
  }

  /** Shows what goes on before the measured work begins, without a share of the whole. */
  prepare(what: string): void {
    this.#show(0, '', what);
  }

  /** A share of the whole that needs no work, for example stored cells: it does not count for the time left. */
  skip(fraction: number): void {
    if (this.#first) this.#first.fraction += fraction;
  }

  update(fraction: number, what: string): void {
    this.#first ??= { at: Date.now(), fraction };
    this.#show(Math.min(fraction, 1), this.#timeLeft(fraction), what);
  }

  #show(fraction: number, left: string, what: string): void {
    const percent = `${String(Math.floor(fraction * 100)).padStart(3)}%`;
    if (this.#bar) {
      this.#bar.update(Math.round(fraction * 1000), { percent, left, what });
    } else if (Date.now() - this.#printed >= LINE_EVERY) {
      this.#printed = Date.now();
      process.stderr.write(`${[percent, left, what].filter(Boolean).join('  ')}\n`);
    }
  }

  stop(): void {
    this.#bar?.stop();
  }

  /** Prints a line above the bar. */
  line(text: string): void {
    if (this.#bar) process.stderr.write(`\r\u001b[K${text}\n`);
    else process.stderr.write(`${text}\n`);
  }

  #timeLeft(fraction: number): string {
    const { at, fraction: begun } = this.#first!;
    const gained = fraction - begun;
    const elapsed = (Date.now() - at) / 1000;
    if (gained < 0.005 || elapsed < 2) return 'estimating the time left';
    return `about ${showSeconds((elapsed / gained) * (1 - fraction))} left`;
  }
}

/** `47 s`, `3 min 20 s`, `2 h 5 min`. */
function showSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}
