/**
 * Running a model without copies of its outputs. The runtime's binding for Node writes outputs into the memory that
 * it is given, but then copies all of them once more into results that nobody asked for: at every training step
 * twice the parameters, and as much garbage. It makes these copies one by one in the order of the outputs, after the
 * run, and gives up at one that is no tensor. So a model is given such an output in front of its own; that the
 * binding gives up is then how a run ends.
 */
import type ort from 'onnxruntime-node';
import type { OnnxModel } from '../onnx/model.ts';

const OUTPUT = '#no tensor';

/** What the binding says of an output that is no tensor. */
const END_OF_RUN = 'Non tensor type is temporarily not supported.';

/** The model with an empty sequence as its first output. */
export function withoutCopies(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const node = {
    op: 'SequenceEmpty',
    domain: '',
    name: OUTPUT,
    inputs: [],
    outputs: [OUTPUT],
    attributes: {},
  };
  const output = { name: OUTPUT, dtype: 'float32' as const, shape: [], isSequence: true };
  return {
    ...model,
    graph: { ...graph, nodes: [node, ...graph.nodes], outputs: [output, ...graph.outputs] },
  };
}

/** Runs such a model. All of its own outputs are in the memory of `fetches` afterwards. */
export async function runWithoutCopies(
  session: ort.InferenceSession,
  feeds: Readonly<Record<string, ort.Tensor>>,
  fetches: Readonly<Record<string, ort.Tensor | null>>,
): Promise<void> {
  try {
    await session.run(feeds, { [OUTPUT]: null, ...fetches });
  } catch (cause) {
    if (!(cause instanceof Error && cause.message === END_OF_RUN)) throw cause;
  }
}
