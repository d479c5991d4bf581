/** Makes models: what can be counted is counted from the graph (once, when asked for) and never typed in. */
import { Graph, type Node } from '../graph/graph.ts';
import { reachable } from '../graph/specialize.ts';
import { INFERENCE, Network, type NetworkSwitches, type Variable } from '../nn/network.ts';
import { sizeOf } from '../tensor/tensor.ts';
import type { BackboneOutput, InputSpecification, Model } from './model.ts';

/** A model without the numbers that follow from its graph. */
export type ModelDefinition = Omit<Model, 'featureSize' | 'parameters' | 'multiplyAdds'>;

/** 224 px and the channel means and deviations of the ImageNet training set, as torchvision rounds them. */
export const IMAGENET_INPUT: InputSpecification = {
  size: 224,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

function buildOnce(model: ModelDefinition): { net: Network; output: BackboneOutput } {
  const net = new Network(new Graph(), INFERENCE);
  const images = net.graph.input('images', [1, 3, model.input.size, model.input.size]);
  return { net, output: model.backbone(net, images) };
}

/** Multiply-adds of convolutions and matrix products; everything else is free by convention. */
function multiplyAddsOf(node: Node): number {
  if (node.op === 'conv2d') return sizeOf(node.outputs[0].shape) * sizeOf(node.inputs[1].shape.slice(1));
  if (node.op !== 'matmul') return 0;
  const [{ shape }] = node.inputs;
  return sizeOf(node.outputs[0].shape) * shape[shape.length - (node.attributes.transposeA ? 2 : 1)];
}

/** Adds `featureSize`, `parameters` and `multiplyAdds`, counted from the graph when first read. */
export function defineModel(definition: ModelDefinition): Model {
  let counted: Pick<Model, 'featureSize' | 'parameters' | 'multiplyAdds'> | undefined;
  const count = () => {
    const { net, output } = buildOnce(definition);
    const trained = net.variables.filter(({ kind }) => kind === 'parameter');
    const parameters = trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const multiplyAdds = reachable([output.features]).reduce((sum, node) => sum + multiplyAddsOf(node), 0);
    return { featureSize: output.features.shape[1], parameters, multiplyAdds };
  };
  return {
    ...definition,
    get featureSize() {
      return (counted ??= count()).featureSize;
    },
    get parameters() {
      return (counted ??= count()).parameters;
    },
    get multiplyAdds() {
      return (counted ??= count()).multiplyAdds;
    },
  };
}

/** A model that differs from `model` in `change`; its counts are its own. */
function changed(model: Model, change: Partial<ModelDefinition>): Model {
  const { name, family, paper, input, switches, dropout, originalHead } = model;
  const backbone: Model['backbone'] = (net, images) => model.backbone(net, images);
  return defineModel({
    ...{ name, family, paper, input, switches, dropout, originalHead, backbone },
    ...change,
  });
}

/** The same architecture with another input; a size other than its own becomes part of the name: `name@64`. */
export function withInput(model: Model, change: Partial<InputSpecification>): Model {
  const input = { ...model.input, ...change };
  const name = input.size === model.input.size ? model.name : `${model.name.split('@')[0]}@${input.size}`;
  return changed(model, { name, input });
}

/**
 * The same architecture with other switches, under another name. Without a rate its classifiers keep the dropout that
 * they have otherwise: an original one the published, a new one that of the training protocol.
 */
export function withSwitches(model: Model, name: string, switches: NetworkSwitches): Model {
  const { dropout, ...others } = switches;
  // Inside the backbone a rate is that of another place; only "none" means every place.
  const inner = dropout === 0 ? switches : others;
  const head = model.originalHead;
  return changed(model, {
    name,
    switches,
    backbone: (net, images) => {
      const output = net.switched(inner, () => model.backbone(net, images));
      return dropout === undefined ? output : { ...output, dropout };
    },
    originalHead: head && {
      ...head,
      logits: (net, output) => net.switched(switches, () => head.logits(net, output)),
    },
  });
}

/** Names, kinds and shapes of a model's variables: those of the backbone, and those of its original head. */
export function variablesOf(model: Model): { backbone: readonly Variable[]; head: readonly Variable[] } {
  const { net, output } = buildOnce(model);
  const backbone = net.variables;
  model.originalHead?.logits(net, output);
  return { backbone, head: net.variables.slice(backbone.length) };
}
