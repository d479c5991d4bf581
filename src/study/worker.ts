/** The worker process: computes the cells that its parent sends, one at a time, and ends with its parent. */
import { writeFile } from 'node:fs/promises';
import { messageOf } from '../util/errors.ts';
import type { CellMessage, CellRequest } from './messages.ts';
import { runCell } from './run-cell.ts';

const PROGRESS_MILLISECONDS = 100;

process.on('disconnect', () => process.exit(1));
// A terminal sends its interrupt to parent and worker alike; what to do about it is the parent's decision.
process.on('SIGINT', () => {});
process.on('message', (request) => void answer(request as CellRequest));

function send(message: CellMessage): Promise<void> {
  return new Promise((sent) => process.send?.(message, undefined, {}, () => sent()));
}

async function answer({ task, environment, networkPath }: CellRequest): Promise<void> {
  let reported = 0;
  try {
    const { result, network } = await runCell(task, environment, (event) => {
      if (Date.now() - reported < PROGRESS_MILLISECONDS) return;
      reported = Date.now();
      void send({ kind: 'progress', event });
    });
    await writeFile(networkPath, network);
    await send({ kind: 'done', result });
  } catch (error) {
    await send({ kind: 'failed', message: messageOf(error) });
  }
}
