import { defineConfig } from 'vitest/config';

/** What takes minutes: networks of full size, and large numbers of hostile files. One process, as memory is scarce. */
export default defineConfig({
  test: {
    include: ['test/slow/**/*.test.ts'],
    setupFiles: ['./test/property-seed.ts'],
    reporters: ['default', './test/summary-reporter.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
