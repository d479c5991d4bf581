/**
 * Why a training step made numbers that are not finite: its loss and gradients are built and run once more with a
 * check behind every value, and the first that fails is reported with its layer, its operands and the graph around it.
 */
import { mul, sum } from '../graph/build.ts';
import type { Node, Value } from '../graph/graph.ts';
import { printNode } from '../graph/print.ts';
import { reachable } from '../graph/specialize.ts';
import { Executable, type RandomSource, type SessionOptions } from '../runtime/index.ts';
import { showShape, type Tensor } from '../tensor/tensor.ts';
import { invariant, UserError } from '../util/errors.ts';
import type { StepGraph } from './step-graph.ts';

export interface DiagnosisInputs {
  /** Builds the step anew, as checks are added to its graph. */
  readonly build: () => StepGraph;
  readonly session: SessionOptions;
  /** What the inputs of the step were. */
  readonly inputOf: (name: string) => Tensor | undefined;
  readonly random: RandomSource;
}

/** The first value that is not finite, as an error NOT_FINITE; undefined when all are finite. */
export async function diagnose(inputs: DiagnosisInputs): Promise<UserError | undefined> {
  const nodes = reachable(inputs.build().results);
  const given = brokenInput(nodes, inputs);
  if (given) return given;
  const broken = await firstBroken(nodes, inputs);
  return broken && report(broken, nodes, inputs);
}

/** An input that held such numbers before the step began. */
function brokenInput(nodes: readonly Node[], { inputOf }: DiagnosisInputs): UserError | undefined {
  for (const node of nodes) {
    if (node.op !== 'input') continue;
    const { name, role } = node.attributes;
    const value = inputOf(name);
    invariant(value, `no value for input "${name}"`);
    const { broken, count } = describe(value);
    if (broken === 0) continue;
    const found = `${broken} of ${count} numbers of the input "${name}" were not finite before the step began`;
    return role === 'data'
      ? new UserError('NOT_FINITE', `${found}.`, 'Check the data that the step is given.')
      : new UserError(
          'NOT_FINITE',
          `${found}: the update of an earlier step overflowed.`,
          'Lower the learning rate or clip the gradients.',
        );
  }
  return undefined;
}

/** The first node, in the order of computation, with a number that is not finite. */
async function firstBroken(nodes: readonly Node[], inputs: DiagnosisInputs): Promise<Node | undefined> {
  const checks = new Map<string, Value>();
  for (const node of nodes) {
    if (isSource(node)) continue;
    for (const output of node.outputs) {
      // Zero times a number is zero, unless the number is infinite or none.
      if (output.dtype === 'float32') checks.set(`${node.id}.${output.index}`, sum(mul(output, 0)));
    }
  }
  const results = await runOnce(checks, inputs);
  const broken = [...checks.keys()].find((name) => !Number.isFinite(Number(results[name].data[0])));
  return broken === undefined ? undefined : nodes.find(({ id }) => id === Number.parseInt(broken, 10));
}

const isSource = ({ op }: Node) => op === 'input' || op === 'constant' || op === 'random';

async function runOnce(
  outputs: ReadonlyMap<string, Value>,
  { session, inputOf, random }: DiagnosisInputs,
): Promise<Record<string, Tensor>> {
  const { threads, device } = session;
  const executable = await Executable.compile(outputs, { threads, device });
  try {
    for (const name of executable.inputs) executable.set(name, inputOf(name)!);
    return await executable.run(random);
  } finally {
    await executable.close();
  }
}

/** How many numbers are not finite, and the range of the others. */
function describe({ data }: Tensor): { count: number; broken: number; range: string } {
  let [broken, low, high] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const entry of data) {
    const value = Number(entry);
    if (!Number.isFinite(value)) broken++;
    else [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  const show = (value: number) => Number(value.toPrecision(4)).toString();
  const range = low > high ? 'no finite number' : `from ${show(low)} to ${show(high)}`;
  return { count: data.length, broken, range };
}

async function report(broken: Node, nodes: readonly Node[], inputs: DiagnosisInputs): Promise<UserError> {
  const named = new Map([
    ...broken.inputs.map((value, index) => [`operand ${index}`, value] as const),
    ...broken.outputs.map((value, index) => [`result ${index}`, value] as const),
  ]);
  const values = await runOnce(named, inputs);
  const lines = [...named.entries()].map(([name, value]) => {
    const { count, broken: bad, range } = describe(values[name]);
    const share = bad === 0 ? '' : `, ${bad} of ${count} numbers not finite`;
    return `  ${name} (${value.node.op} ${showShape(value.shape)}): ${range}${share}`;
  });
  const layer = broken.scope ? ` in layer "${broken.scope}"` : '';
  return new UserError(
    'NOT_FINITE',
    [
      `The first numbers that are not finite come from ${broken.op}${layer}:`,
      ...lines,
      'Around it in the graph:',
      ...around(broken, nodes).map((node) => `${node === broken ? '>' : ' '} ${printNode(node)}`),
      '',
    ].join('\n'),
    'Keep the operands where the op is defined and its result can be represented: a lower learning rate, clipped gradients, a larger epsilon.',
  );
}

/** The nodes that make the operands of `center` and theirs, and those that read its results, in graph order. */
function around(center: Node, nodes: readonly Node[]): Node[] {
  const producers = center.inputs.map(({ node }) => node);
  const near = new Set([
    center,
    ...producers,
    ...producers.flatMap(({ inputs }) => inputs.map(({ node }) => node)),
  ]);
  return nodes.filter((node) => near.has(node) || node.inputs.some((value) => value.node === center));
}
