/** Whether this machine has the runtime's kernels for blocked channels (`../compile/conv/blocked.ts`). */
import ort from 'onnxruntime-node';
import { BLOCKED_DOMAIN } from '../compile/index.ts';
import { encodeModel } from '../onnx/encode.ts';
import { modelOf } from '../onnx/model.ts';
import type { Device } from './device.ts';
import { openSession } from './session.ts';

let known: Promise<number> | undefined;

/** Channels in a block, the width of the processor's vectors; 0 where there are no such kernels. */
export function channelBlock(device: Device): Promise<number> {
  if (device !== 'cpu') return Promise.resolve(0);
  known ??= probe().catch(() => 0);
  return known;
}

const CHANNELS = 4;

/** Has four channels put into blocks: the result is as long as one block. */
async function probe(): Promise<number> {
  const port = (name: string, extent: number | string) => ({
    name,
    dtype: 'float32' as const,
    shape: [1, extent, 1, 1],
  });
  const node = {
    op: 'ReorderInput',
    domain: BLOCKED_DOMAIN,
    name: 'blocks',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { channels_last: { int: 0 } },
  };
  const [inputs, outputs] = [[port('x', CHANNELS)], [port('y', 'C')]];
  const model = modelOf({ name: 'blocks', nodes: [node], initializers: new Map(), inputs, outputs });
  // With the options of all sessions: the first session of a process decides whether this thread sets denormal numbers
  // to zero, as the runtime's own threads do.
  const session = await openSession(encodeModel(model), { threads: 1 });
  const given = new ort.Tensor('float32', new Float32Array(CHANNELS), [1, CHANNELS, 1, 1]);
  const { y } = await session.run({ x: given });
  await session.release();
  return y.dims[1] > CHANNELS ? y.dims[1] : 0;
}
