/** `npm run bench`: runs the rows and writes bench/README.md. */
import { measureRow, type Outcome } from './measure.ts';
import { type BenchOptions, parseOptions, repetitionsOf, USAGE } from './options.ts';
import { saveOutcomes } from './results.ts';
import type { Row } from './rows.ts';

const secondsOf = (row: Row, options: BenchOptions): number =>
  row.seconds[0] + row.seconds[1] * repetitionsOf(row, options);

const duration = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

/** `train/resnet18-64: 20.1 images/s, PyTorch 18.3, ratio 1.10 (1.05 to 1.12)`. */
function lineOf({ row, unit, ours, peer, ratio, spread, peerName, skipped }: Outcome): string {
  const own = `${row}: ${ours.toPrecision(3)} ${unit}`;
  if (peer === null || ratio === null || !spread) return skipped ? `${own}; no peer: ${skipped}` : own;
  const range = spread.map((value) => value.toFixed(2)).join(' to ');
  return `${own}, ${peerName} ${peer.toPrecision(3)}, ratio ${ratio.toFixed(2)} (${range})`;
}

async function runRows(options: BenchOptions): Promise<{ outcomes: Outcome[]; failures: number }> {
  const { rows, threads } = options;
  const outcomes: Outcome[] = [];
  let failures = 0;
  // Estimates are corrected by how long the rows so far took.
  let [expected, taken] = [0, 0];
  for (const [index, row] of rows.entries()) {
    const rest = rows.slice(index).reduce((sum, each) => sum + secondsOf(each, options), 0);
    const left = duration(rest * (expected > 0 ? taken / expected : 1));
    const begun = performance.now();
    try {
      const onProgress = (text: string) =>
        console.error(`[${index + 1}/${rows.length}, about ${left} left] ${text}`);
      const outcome = await measureRow(row, {
        threads,
        repetitions: repetitionsOf(row, options),
        onProgress,
      });
      outcomes.push(outcome);
      console.error(`  ${lineOf(outcome)}`);
    } catch (error) {
      failures++;
      console.error(`  ${row.name} failed: ${error instanceof Error ? error.message : error}`);
    }
    expected += secondsOf(row, options);
    taken += (performance.now() - begun) / 1000;
  }
  return { outcomes, failures };
}

async function main(): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  if (options.list) {
    for (const row of options.rows) console.log(`${row.name.padEnd(26)} ${row.about}`);
    return 0;
  }
  const { outcomes, failures } = await runRows(options);
  if (options.json) console.log(JSON.stringify(outcomes.length === 1 ? outcomes[0] : outcomes));
  else if (!options.quick) saveOutcomes(outcomes);
  return failures > 0 ? 1 : 0;
}

process.exitCode = await main();
