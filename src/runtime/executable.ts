/**
 * A compiled graph. Inputs that are carried (parameters, momentum, running statistics) live in two sets of
 * buffers: a run reads one set and writes the other, then they swap, so nothing is copied between steps. Those that
 * may be overwritten live in one. All outputs are written into memory allocated once; on the processor intermediate
 * values too, each in a place planned beforehand (`../compile/memory.ts`).
 *
 * On WebGPU, what a run makes of carried inputs stays in the device's memory and is the next run's input; only
 * `download` brings it to the host. The runtime's binding for Node has no such tensors for CUDA, CoreML and
 * DirectML: there they cross to the host at every step, into the same buffers as on the processor.
 */
import type ort from 'onnxruntime-node';
import {
  type LoweredModel,
  lower,
  type MemoryPlan,
  movesNothing,
  orderOf,
  type Port,
  permutationBetween,
  physicalShape,
  planMemory,
  separateConstants,
} from '../compile/index.ts';
import type { Value } from '../graph/graph.ts';
import { encodeModel } from '../onnx/encode.ts';
import {
  sameShape,
  showShape,
  type Tensor,
  tensor,
  transpose,
  transposeInto,
  zeros,
} from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { channelBlock } from './blocks.ts';
import type { Device } from './device.ts';
import { nodeFailure } from './failure.ts';
import { type Footprint, footprint } from './footprint.ts';
import { fillUniform } from './random.ts';
import { Downloader, isResident } from './resident.ts';
import { placedTensors, Scratch, withPlacedOutputs } from './scratch.ts';
import { createSession, fromRuntime, type SessionOptions, toRuntime } from './session.ts';
import { runWithoutCopies, withoutCopies } from './uncopied.ts';
import { unsupportedOnWebgpu } from './webgpu-kernels.ts';

export interface ExecutableOptions extends SessionOptions {
  /** Input name -> name of the output that becomes its next value. */
  readonly carried?: ReadonlyMap<string, string>;
  /**
   * Carried inputs whose next value is written over them, for half the memory: all that reads such an input must be
   * computed before its next value. After a run that failed they are lost. Without effect where a device keeps them.
   */
  readonly overwritten?: ReadonlySet<string>;
  /**
   * Outputs of the same graph that another executable computes. Layouts are chosen for both, so that they can share
   * the memory of inputs that both have.
   */
  readonly alongside?: ReadonlyMap<string, Value>;
  /** Memory of intermediate values that executables share which never run at the same time. */
  readonly scratch?: Scratch;
  /**
   * Whether the graph has no gradient and its weights are constants: they are brought into the order that is wanted
   * once, when it is compiled, and images may stay in blocks between operators.
   */
  readonly frozen?: boolean;
}

/** What random ops of the graph draw from; needed when there are any. */
export interface RandomSource {
  readonly seed: number;
  readonly step: number;
}

export class Executable {
  readonly #ports: Map<string, Port>;
  readonly #carried: ReadonlyMap<string, string>;
  readonly #feeds: Record<string, ort.Tensor> = {};
  /** Null for outputs that the device allocates, because they stay there. */
  readonly #fetches: Record<string, ort.Tensor | null> = {};
  /** Intermediate values, where this program plans their memory; made at the first run. */
  #placed: Record<string, ort.Tensor> | undefined;
  readonly #downloader: Downloader;

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly lowered: LoweredModel,
    carried: ReadonlyMap<string, string>,
    private readonly device: Device,
    private readonly overwritten: ReadonlySet<string>,
    private readonly plan: MemoryPlan | undefined,
    /** Memory of intermediate values, for executables that never run at the same time as this one. */
    readonly scratch: Scratch,
  ) {
    this.#ports = new Map([...lowered.inputs, ...lowered.randoms].map((port) => [port.name, port]));
    this.#carried = carried;
    if (plan) scratch.reserve(plan.bytes);
    this.#downloader = new Downloader(device);
    for (const port of this.#ports.values()) this.#feeds[port.name] = empty(port);
    const ownMemory = carried.size > 0 && keepsCarried(device);
    const shared = new Map([...overwritten].map((name) => [carried.get(name), this.#feeds[name]]));
    for (const port of lowered.outputs) {
      this.#fetches[port.name] = ownMemory ? null : (shared.get(port.name) ?? empty(port));
    }
  }

  /** Compiles what `outputs` (name -> value) need of their graph, in the training form. */
  static async compile(
    outputs: ReadonlyMap<string, Value>,
    options: ExecutableOptions = {},
  ): Promise<Executable> {
    const { threads, device = 'cpu', carried = new Map(), scratch = new Scratch() } = options;
    const { lowered, plan, overwritten } = await prepare(outputs, options);
    const residentOutputs = keepsCarried(device) ? [...carried.values()] : [];
    const onProcessor = device === 'webgpu' ? unsupportedOnWebgpu(lowered.model.graph, lowered.types) : [];
    const details = {
      ...{ threads, device, residentOutputs, onProcessor },
      asWritten: plan !== undefined,
    };
    const model = plan ? withoutCopies(withPlacedOutputs(lowered.model, plan)) : lowered.model;
    const session = await createSession(encodeModel(model), details);
    return new Executable(session, lowered, carried, device, overwritten, plan, scratch);
  }

  /**
   * The memory that `compile` with the same arguments would give the graph on the processor; of this machine, or on
   * one whose blocks have `channelBlock` channels.
   */
  static async footprint(
    outputs: ReadonlyMap<string, Value>,
    { channelBlock: block, ...options }: ExecutableOptions & { readonly channelBlock?: number } = {},
  ): Promise<Footprint> {
    const { lowered, plan, overwritten } = await prepare(outputs, { ...options, device: 'cpu' }, block);
    return footprint(lowered, plan!, writtenOver(overwritten, options.carried));
  }

  /** The memory that this graph has; undefined where it is not planned, on other devices than the processor. */
  footprint(): Footprint | undefined {
    return this.plan && footprint(this.lowered, this.plan, writtenOver(this.overwritten, this.#carried));
  }

  /** Names of the inputs that the outputs need. */
  get inputs(): readonly string[] {
    return this.lowered.inputs.map((port) => port.name);
  }

  /** Sets an input (copied), in the order of the graph's axes. It keeps its value until it is set again. */
  set(name: string, value: Tensor): void {
    const port = this.#ports.get(name);
    invariant(port, `"${name}" is not an input of this executable`);
    invariant(
      value.dtype === port.dtype && sameShape(value.shape, port.shape),
      `input "${name}" is ${port.dtype} ${showShape(port.shape)}, given ${value.dtype} ${showShape(value.shape)}`,
    );
    this.#release(name);
    const memory = this.#feeds[name].data as Float32Array;
    if (port.layout === 'logical') memory.set(value.data as Float32Array);
    else transposeInto(value as Tensor<'float32'>, port.layout, memory);
  }

  /** Sets a float32 input to zeros. */
  clear(name: string): void {
    invariant(this.#ports.get(name)?.dtype === 'float32', `"${name}" is not a float32 input`);
    this.#release(name);
    (this.#feeds[name].data as Float32Array).fill(0);
  }

  /**
   * What a carried input was before the last run (copied); undefined where its memory was written over or given back
   * by a device, or where nothing carries the input.
   */
  previous(name: string): Tensor | undefined {
    const held = this.#fetches[this.#carried.get(name) ?? ''];
    return held && !this.overwritten.has(name) ? logical(held, this.#ports.get(name)!) : undefined;
  }

  /**
   * The present value of an input (copied), in the order of the graph's axes. After a run on a device that keeps
   * carried inputs, `download` comes first.
   */
  get(name: string): Tensor {
    const port = this.#ports.get(name);
    invariant(port, `"${name}" is not an input of this executable`);
    return logical(this.#downloader.onHost(name, this.#feeds[name]), port);
  }

  /** Brings the values of inputs that lie on the device to the host, for `get`. Needless but harmless elsewhere. */
  download(): Promise<void> {
    return this.#downloader.download(this.#feeds);
  }

  /**
   * Reads the inputs `names` from the memory of `other`, without a copy. After `other` has run, its carried
   * inputs lie elsewhere and have to be shared anew. Names that are not inputs of both are passed over. Both
   * must run on the same device. `nameThere`: what `other` calls an input, where that differs.
   */
  share(
    other: Executable,
    names: readonly string[],
    nameThere: (name: string) => string = (name) => name,
  ): void {
    for (const name of names) {
      const there = nameThere(name);
      const [mine, theirs] = [this.#ports.get(name), other.#ports.get(there)];
      if (!mine || !theirs) continue;
      invariant(lieAlike(mine, theirs), `"${name}" lies differently in the two executables`);
      this.#feeds[name] = other.#feeds[there];
    }
  }

  /**
   * Runs once with the inputs as they are set, and advances the carried ones. Returns copies of the other outputs.
   */
  async run(random?: RandomSource): Promise<Record<string, Tensor>> {
    for (const { name } of this.lowered.randoms) {
      invariant(random, 'the graph draws random numbers, so a run needs a seed and a step');
      fillUniform(this.#feeds[name].data as Float32Array, random.seed, random.step, name);
    }
    const made = await this.#runSession();
    const advanced = new Set<string>();
    for (const [input, output] of this.#carried) {
      const previous = this.#feeds[input];
      this.#feeds[input] = made[output];
      if (this.#fetches[output]) this.#fetches[output] = previous;
      else if (isResident(previous)) previous.dispose();
      advanced.add(output);
    }
    const results: Record<string, Tensor> = {};
    for (const port of this.lowered.outputs) {
      if (!advanced.has(port.name)) results[port.name] = logical(made[port.name], port);
    }
    return results;
  }

  async #runSession(): Promise<Record<string, ort.Tensor>> {
    this.#downloader.forget();
    try {
      if (this.device !== 'cpu') return await this.session.run(this.#feeds, this.#fetches);
      this.#placed ??= this.plan ? placedTensors(this.plan, this.scratch.block()) : {};
      await runWithoutCopies(this.session, this.#feeds, { ...this.#fetches, ...this.#placed });
      return { ...this.#fetches } as Record<string, ort.Tensor>;
    } catch (cause) {
      throw nodeFailure(cause, this.lowered.model.graph, this.device) ?? cause;
    }
  }

  /** Gives an input memory of the host again. */
  #release(name: string): void {
    if (!isResident(this.#feeds[name])) return;
    // Memory that another executable shared is its own to give back.
    if (this.#carried.has(name)) this.#feeds[name].dispose();
    this.#feeds[name] = empty(this.#ports.get(name)!);
    this.#downloader.forget();
  }

  async close(): Promise<void> {
    for (const name of this.#carried.keys()) this.#release(name);
    await this.#downloader.close();
    await this.session.release();
  }
}

/** What a session is made of. `overwritten`: of the inputs that may be, those that can be. */
async function prepare(outputs: ReadonlyMap<string, Value>, options: ExecutableOptions, givenBlock?: number) {
  const { device = 'cpu', formulations, alongside, carried = new Map(), frozen = false } = options;
  const block = givenBlock ?? (await channelBlock(device));
  const details = { alongside, channelBlock: block, formulations, blockedImages: frozen };
  const written = lower(outputs, { form: 'training', ...details });
  const lowered = frozen ? await withConstantsComputed(written) : written;
  for (const [input, output] of carried) checkCarried(lowered, input, output);
  const plan = device === 'cpu' ? planMemory(lowered, carried) : undefined;
  const wanted = [...(options.overwritten ?? [])];
  const overwritten = new Set(wanted.filter((name) => plan?.overwritable.has(name) ?? true));
  return { lowered, plan, overwritten };
}

async function withConstantsComputed(lowered: LoweredModel): Promise<LoweredModel> {
  const { constants, withValues } = separateConstants(lowered);
  if (!constants) return withValues(new Map());
  const session = await createSession(encodeModel(constants), { asWritten: true });
  try {
    const values = Object.entries(await session.run({}));
    return withValues(new Map(values.map(([name, value]) => [name, fromRuntime(value)])));
  } finally {
    await session.release();
  }
}

/** The outputs that lie where an input lies. */
function writtenOver(
  inputs: ReadonlySet<string>,
  carried: ReadonlyMap<string, string> = new Map(),
): Set<string> {
  return new Set([...inputs].map((name) => carried.get(name)!));
}

/** Whether outputs can stay in the device's memory. */
function keepsCarried(device: Device): boolean {
  return device === 'webgpu';
}

function empty(port: Port): ort.Tensor {
  return toRuntime(zeros(port.dtype, physicalShape(port.shape, port.layout)));
}

/** A value from memory order back into the order of the graph's axes. */
function logical(value: ort.Tensor, port: Port): Tensor {
  const held = fromRuntime(value);
  if (port.layout === 'logical') return tensor(held.dtype, held.shape, held.data.slice() as never);
  const order = orderOf(port.layout, port.shape.length);
  return transpose(
    held,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

function checkCarried(lowered: LoweredModel, input: string, output: string): void {
  const from = lowered.inputs.find((port) => port.name === input);
  const to = lowered.outputs.find((port) => port.name === output);
  invariant(from && to, `carried "${input}" -> "${output}": no such input or output`);
  invariant(lieAlike(from, to), `carried "${input}" and "${output}" lie differently`);
}

/** Whether the memory of one port can serve as the other's. */
function lieAlike(a: Port, b: Port): boolean {
  const order = permutationBetween(a.layout, b.layout, a.shape.length);
  return (
    a.dtype === b.dtype &&
    sameShape(a.shape, b.shape) &&
    (order === undefined || movesNothing(physicalShape(a.shape, a.layout), order))
  );
}
