/** Runs a model on images in both compiled forms, for tests that compare with another implementation. */
import { lower } from '../src/compile/index.ts';
import { Graph, type Value } from '../src/graph/index.ts';
import { specialize } from '../src/graph/specialize.ts';
import type { BackboneOutput, Model } from '../src/models/index.ts';
import { INFERENCE, Network } from '../src/nn/index.ts';
import { encodeModel } from '../src/onnx/index.ts';
import { Executable, OnnxFunction } from '../src/runtime/index.ts';
import type { Tensor } from '../src/tensor/tensor.ts';

/** `inference`: parameters baked in and norms folded. `training`: the form of a training step, channels first. */
export type Form = 'inference' | 'training';
type Outputs = (net: Network, output: BackboneOutput) => Record<string, Value>;

/** Features, and the logits of the original head if there is one. */
export const featuresAndLogits =
  (model: Model): Outputs =>
  (net, output) => ({
    features: output.features,
    ...(model.originalHead && { logits: model.originalHead.logits(net, output) }),
  });

/** A function from batches of one fixed size to the outputs that `choose` names. */
export async function compileModel(
  model: Model,
  weights: ReadonlyMap<string, Tensor<'float32'>>,
  batch: number,
  form: Form,
  choose: Outputs = featuresAndLogits(model),
): Promise<{ run(images: Tensor<'float32'>): Promise<Record<string, Tensor>>; close(): Promise<void> }> {
  const net = new Network(new Graph(), INFERENCE);
  const { size } = model.input;
  const output = model.backbone(net, net.graph.input('images', [batch, 3, size, size]));
  const outputs = new Map(Object.entries(choose(net, output)));
  if (form === 'inference') {
    const baked = specialize(outputs, weights);
    const network = await OnnxFunction.load(encodeModel(lower(baked.outputs, { form }).model));
    return { run: (images) => network.run({ images }), close: () => network.close() };
  }
  const executable = await Executable.compile(outputs);
  for (const name of executable.inputs) if (name !== 'images') executable.set(name, weights.get(name)!);
  return {
    async run(images) {
      executable.set('images', images);
      return executable.run();
    },
    close: () => executable.close(),
  };
}
