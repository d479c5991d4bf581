/**
 * Which devices work on this machine. A device is tried with a small graph in a process of its own, since
 * drivers print what they like and may end the process that asks for them.
 */
import { fork } from 'node:child_process';
import ort from 'onnxruntime-node';
import { UserError } from '../util/errors.ts';
import { moduleBeside, workerExecArgv } from '../util/worker.ts';
import { DEVICE_NEEDS, DEVICES, type Device } from './device.ts';

export interface DeviceState {
  readonly device: Device;
  /** Whether this platform's build of ONNX Runtime knows the device at all. */
  readonly builtIn: boolean;
  readonly works: boolean;
  /** Why it does not work, a sentence; empty when it does. */
  readonly reason: string;
  /** What the machine must have for the device. */
  readonly needs: string;
}

/** What the process of a trial says when it could say something. */
export interface Trial {
  readonly works: boolean;
  readonly reason: string;
}

/** A driver that has not answered by then will not. */
const TRIAL_MILLISECONDS = 60_000;

export const engineVersion = (): string => `${ort.env.versions.node}`;

/** The state of every device, in the order of `DEVICES`. Takes a second or two. */
export function probeDevices(): Promise<DeviceState[]> {
  return Promise.all(DEVICES.map(probeDevice));
}

async function probeDevice(device: Device): Promise<DeviceState> {
  const builtIn = ort.listSupportedBackends().some(({ name }) => name === device);
  const needs = DEVICE_NEEDS[device];
  if (builtIn) return { device, builtIn, ...(await tryDevice(device)), needs };
  const reason = `ONNX Runtime for ${process.platform} ${process.arch} is built without it.`;
  return { device, builtIn, works: false, reason, needs };
}

/** @throws UserError DEVICE_MISSING when `device` does not work here. The processor is not tried. */
export async function requireDevice(device: Device): Promise<void> {
  if (device === 'cpu') return;
  const { works, reason, needs } = await probeDevice(device);
  if (works) return;
  const working = (await probeDevices()).filter((state) => state.works).map((state) => state.device);
  throw new UserError(
    'DEVICE_MISSING',
    `The device "${device}" does not work on this machine: ${reason}`,
    `${needs} Devices that work here: ${working.join(', ')}. \`transferlab doctor\` says more.`,
  );
}

function tryDevice(device: Device): Promise<Trial> {
  const module = moduleBeside(import.meta.url, 'probe-worker');
  const child = fork(module, [device], {
    execArgv: workerExecArgv(module),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: TRIAL_MILLISECONDS,
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve) => {
    let trial: Trial | undefined;
    child.on('message', (message) => {
      trial = message as Trial;
    });
    child.on('error', ({ message }) => resolve({ works: false, reason: message }));
    child.on('close', (code, signal) => {
      const last = said.trim().split('\n').at(-1) ?? '';
      const how = `Trying it ended the process (${signal ?? `code ${code}`}). ${last}`.trim();
      resolve(trial ?? { works: false, reason: how });
    });
  });
}

/** The runtime's message without the places in its sources that it comes from. */
export function shortReason(message: string): string {
  const short = message
    .replace(/^(Error: )?(\/\S+ .*? was false\. )/s, '')
    .replace(/^no available backend found\. ERR: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /[.!?]$/.test(short) ? short : `${short}.`;
}
