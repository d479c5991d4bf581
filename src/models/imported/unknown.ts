/** Everything about a file that cannot be imported, told at once: a user converts a file once, not op by op. */
import type { OnnxNode } from '../../onnx/index.ts';
import { UserError } from '../../util/errors.ts';
import { asksForShape, canFold } from './fold.ts';
import { RULES } from './rules.ts';

/**
 * @param nodes the nodes that are needed, in topological order
 * @param image name of the image input
 * @param undecoded stored arrays without a counterpart here, and what they are
 * @throws UserError ONNX_UNSUPPORTED naming each op with its count and its first node, and each such array
 */
export function refuseUnknown(
  nodes: readonly OnnxNode[],
  image: string,
  undecoded: ReadonlyMap<string, string>,
): void {
  const unknown = unknownOps(nodes, image);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const arrays = [...undecoded].filter(([name]) => used.has(name));
  if (unknown.size + arrays.length === 0) return;
  const ops = [...unknown].map(
    ([op, [first, ...others]]) =>
      `${op} (${others.length + 1}, first in node "${first.name || first.outputs[0]}")`,
  );
  const kinds = new Map<string, number>();
  for (const [, kind] of arrays) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const list = [...kinds].map(([kind, count]) => `${count} of ${kind}`);
  throw new UserError(
    'ONNX_UNSUPPORTED',
    [
      ops.length > 0 && `The network uses operators that cannot be imported: ${ops.join(', ')}.`,
      list.length > 0 && `Its nodes use arrays of types that cannot be imported: ${list.join(', ')}.`,
    ]
      .filter(Boolean)
      .join(' '),
    remedyFor([...unknown.keys()]),
  );
}

const CONTROL_FLOW = new Set(['If', 'Loop', 'Scan']);

function remedyFor(ops: readonly string[]): string {
  if (ops.some((op) => op.includes('QuantizeLinear') || op.includes('Integer') || op.includes('QLinear'))) {
    return 'The network is quantised: give the file from before its quantisation, with float weights.';
  }
  if (ops.some((op) => CONTROL_FLOW.has(op))) {
    return 'Export the network without control flow, for example by tracing it, or simplify it with onnxsim.';
  }
  if (ops.some((op) => op.includes('.'))) {
    return 'Export with standard operators only: inline functions (onnx.inliner) and do not fuse operators.';
  }
  return 'Export it with other operators, for example with another opset or simplified by onnxsim.';
}

/** Ops without a rule, and ops of the image that are known for constants alone, with their nodes. */
function unknownOps(nodes: readonly OnnxNode[], image: string): Map<string, OnnxNode[]> {
  const unknown = new Map<string, OnnxNode[]>();
  const fromImage = new Set([image]);
  for (const node of nodes) {
    const ofImage = !asksForShape(node) && node.inputs.some((name) => fromImage.has(name));
    if (ofImage) for (const name of node.outputs) fromImage.add(name);
    if (isKnown(node, ofImage)) continue;
    const op = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
    const users = unknown.get(op);
    if (users) users.push(node);
    else unknown.set(op, [node]);
  }
  return unknown;
}

function isKnown({ domain, op, attributes }: OnnxNode, ofImage: boolean): boolean {
  if (domain !== '' || Object.values(attributes).some((attribute) => 'undecoded' in attribute)) return false;
  return Object.hasOwn(RULES, op) || (!ofImage && canFold(op));
}
