/** The process in which `probe.ts` tries one device: adds two numbers there and says how it went. */
import { encodeModel } from '../onnx/encode.ts';
import { modelOf } from '../onnx/model.ts';
import { float32 } from '../tensor/tensor.ts';
import { messageOf } from '../util/errors.ts';
import type { Device } from './device.ts';
import { shortReason, type Trial } from './probe.ts';
import { openSession, toRuntime } from './session.ts';

const sum = encodeModel(
  modelOf({
    name: 'probe',
    nodes: [{ op: 'Add', domain: '', name: 'sum', inputs: ['a', 'b'], outputs: ['c'], attributes: {} }],
    initializers: new Map(),
    inputs: ['a', 'b'].map((name) => ({ name, dtype: 'float32' as const, shape: [2] })),
    outputs: [{ name: 'c', dtype: 'float32', shape: [2] }],
  }),
);

async function trial(device: Device): Promise<Trial> {
  try {
    const session = await openSession(sum, { device, threads: 1 });
    const { c } = await session.run({
      a: toRuntime(float32([2], [1, 2])),
      b: toRuntime(float32([2], [3, 5])),
    });
    const works = c.data[0] === 4 && c.data[1] === 7;
    return { works, reason: works ? '' : `It says that 1 + 3 is ${c.data[0]} and 2 + 5 is ${c.data[1]}.` };
  } catch (error) {
    return { works: false, reason: shortReason(messageOf(error)) };
  }
}

const answer = await trial(process.argv[2] as Device);
// Drivers may keep threads that would keep the process.
process.send?.(answer, undefined, {}, () => process.exit());
