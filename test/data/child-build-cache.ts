/** A process that builds a view cache, and after 60 of its 80 images says so and waits to be killed. */
import { openViewCache } from '../../src/data/cache.ts';
import { LARGE_VIEW, largeImages } from './large-images.ts';

const whole = largeImages(80);
const stopping = {
  ...whole,
  render: async (...[record, view]: Parameters<typeof whole.render>) => {
    if (Number(record.id) < 60) return whole.render(record, view);
    // Never settled, while the process is kept alive.
    return new Promise<never>(() => setInterval(() => {}, 1000));
  },
};
await openViewCache(stopping, whole.splits.train, LARGE_VIEW, process.argv[2], ({ done }) => {
  if (done === 60) process.stdout.write('60\n');
});
