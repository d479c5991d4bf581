/** The worker process: computes what its parent sends, one task at a time, and ends with its parent. */
import { writeFile } from 'node:fs/promises';
import { messageOf } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { measure } from './measure.ts';
import type { Done, Work, WorkMessage, WorkRequest } from './messages.ts';
import { runCell } from './run-cell.ts';

const PROGRESS_MILLISECONDS = 100;

process.on('disconnect', () => process.exit(1));
// A terminal sends its interrupt to parent and worker alike; what to do about it is the parent's decision.
process.on('SIGINT', () => {});
process.on('message', (request) => void answer(request as WorkRequest));

function send(message: WorkMessage): Promise<void> {
  return new Promise((sent) => process.send?.(message, undefined, {}, () => sent()));
}

async function answer(request: WorkRequest): Promise<void> {
  let reported = 0;
  try {
    const { result, file } = await compute(request, (event) => {
      if (Date.now() - reported < PROGRESS_MILLISECONDS) return;
      reported = Date.now();
      void send({ kind: 'progress', event });
    });
    if (file) await writeFile(request.filePath, file);
    await send({ kind: 'done', result });
  } catch (error) {
    const { code } = error as { readonly code?: string };
    await send({ kind: 'failed', message: messageOf(error), code });
  }
}

async function compute(
  request: WorkRequest,
  onProgress: ProgressListener,
): Promise<{ result: Done[Work['kind']]; file: Uint8Array | undefined }> {
  const { environment } = request;
  if (request.kind === 'measurement') return measure(request.task, environment, onProgress);
  const { result, network } = await runCell(request.task, environment, onProgress);
  return { result, file: network };
}
