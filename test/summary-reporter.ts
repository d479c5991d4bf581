/** Prints the closing line of `npm test`, `N passed, N failed, N skipped`, alone on a line. */
import type { Reporter, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  /** A file that cannot be loaded, or an error outside of tests, counts as one failure. */
  onTestRunEnd(modules: readonly TestModule[], outsideErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: outsideErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      count.failed += module.errors().length;
    }
    const failed = count.failed + count.pending;
    process.stdout.write(`\n${count.passed} passed, ${failed} failed, ${count.skipped} skipped\n`);
  }
}
