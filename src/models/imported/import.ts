/** Any image classifier in an ONNX file as a `Model`: what `../registry.ts` holds for the published families. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { reshape, transpose } from '../../graph/build.ts';
import { Graph, type Value } from '../../graph/graph.ts';
import { globalMean, INFERENCE, Network } from '../../nn/index.ts';
import {
  decodeModel,
  type OnnxGraph,
  type OnnxModel,
  type OnnxValueInfo,
  parseMetadata,
} from '../../onnx/index.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { messageOf, UserError } from '../../util/errors.ts';
import { defineModel, IMAGENET_INPUT } from '../define.ts';
import type { BackboneOutput, InputSpecification, Model } from '../model.ts';
import { nodesTo, type Plan, planOf } from './plan.ts';
import { Replay } from './replay.ts';

interface ImportedClassifier {
  readonly model: Model;
  /** The file's numbers for every variable of backbone and original head, by name. */
  readonly weights: Map<string, Tensor<'float32'>>;
  /** Files beside it that hold numbers, as paths from its folder. */
  readonly externalFiles: readonly string[];
}

/**
 * Reads the ONNX file at `path`: one float image input [N, 3, S, S] (or [N, S, S, 3]), one output [N, K].
 * Stored arrays become parameters under their own names; the last fully connected layer or 1x1 convolution is
 * the original head. A final softmax is left out, so `originalHead` gives logits.
 * @throws UserError ONNX_UNREADABLE, ONNX_UNSUPPORTED (with every unknown op), ONNX_NOT_A_CLASSIFIER
 */
export async function importOnnxClassifier(path: string): Promise<ImportedClassifier> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new UserError(
      'ONNX_UNREADABLE',
      `The file ${path} cannot be read (${messageOf(error)}).`,
      'Give the path of an .onnx file.',
      { cause: error },
    );
  });
  const onnx = decodeModel(bytes, { externalDataFolder: dirname(path) });
  return classifierOf(onnx, basename(path).replace(/\.onnx$/i, ''));
}

function classifierOf(onnx: OnnxModel, name: string): ImportedClassifier {
  const { image, output } = interfaceOf(onnx);
  const { input, note } = inputOf(onnx, image);
  const plan = planOf(onnx, image.name, output, typeof image.batch === 'number' ? image.batch : 1);
  const classifier = new Classifier(plan, image, output, headTakesMap(plan, image, input.size));
  const { classes, prefixes } = classifier.inspect(input.size);
  const model = defineModel({
    name,
    family: 'ONNX',
    paper: `imported from an ONNX file by ${onnx.producer || 'an unnamed program'}${note}`,
    input,
    backbone: (net, images) => classifier.backbone(net, images),
    originalHead: { classes, prefixes, logits: (net, before) => classifier.logits(net, before) },
  });
  return { model, weights: new Map(plan.variables.numbers), externalFiles: onnx.externalFiles ?? [] };
}

interface ImageInput {
  readonly name: string;
  readonly batch: number | string;
  /** Extents of height and width; a string is symbolic. */
  readonly size: number | string;
  readonly channelsLast: boolean;
}

const show = ({ name, dtype, shape }: OnnxValueInfo): string =>
  `"${name}" ${dtype} [${shape.map((extent) => extent || '?').join(', ')}]`;

function notAClassifier(found: string): UserError {
  return new UserError(
    'ONNX_NOT_A_CLASSIFIER',
    found,
    'Give an image classifier: one square float image input [N, 3, S, S] or [N, S, S, 3], one output [N, K].',
  );
}

function interfaceOf({ graph }: OnnxModel): { image: ImageInput; output: string } {
  const found = `The network has the inputs ${graph.inputs.map(show).join(', ') || 'none'} and the outputs ${
    graph.outputs.map(show).join(', ') || 'none'
  }.`;
  const output = scoresOf(graph);
  if (graph.inputs.length !== 1 || !output) throw notAClassifier(found);
  const [{ name, dtype, shape: said }] = graph.inputs;
  const shape = said.length === 0 ? ['', '', '', ''] : said; // A file that states no shape.
  const channelsLast = isChannelsLast(graph, name, shape);
  const [batch, ...extents] = shape;
  const [channels, height, width] = channelsLast ? [extents[2], extents[0], extents[1]] : extents;
  const square = typeof height === 'number' && typeof width === 'number' ? height === width : true;
  const isColour = channels === 3 || typeof channels === 'string';
  if (dtype !== 'float32' || shape.length !== 4 || !isColour || !square) throw notAClassifier(found);
  const size = typeof height === 'number' ? height : width;
  return { image: { name, batch, size, channelsLast }, output };
}

/** Whether colours come last: by their number, or where the file leaves it open, by the transposition that follows. */
function isChannelsLast(graph: OnnxGraph, name: string, shape: readonly (number | string)[]): boolean {
  if (typeof shape[1] === 'number' || typeof shape[3] === 'number') return shape[1] !== 3 && shape[3] === 3;
  return graph.nodes.some(
    ({ op, inputs, attributes: { perm } }) =>
      op === 'Transpose' && inputs[0] === name && perm && 'ints' in perm && `${perm.ints}` === '0,3,1,2',
  );
}

/**
 * The output with the scores. Networks with auxiliary classifiers have several of one shape when they were
 * exported for training: the one behind most nodes is the network's own.
 */
function scoresOf({ nodes, outputs }: OnnxGraph): string | undefined {
  if (
    outputs.length > MOST_OUTPUTS ||
    new Set(outputs.map(({ shape }) => `${shape.length} ${shape.at(-1)}`)).size > 1
  ) {
    return undefined;
  }
  const depths = outputs.map(({ name }) => nodesTo(nodes, name).length);
  return outputs[depths.indexOf(Math.max(...depths))]?.name;
}

/** GoogLeNet has two auxiliary classifiers. */
const MOST_OUTPUTS = 4;

/** Size, mean and deviation from our own metadata, else the size of the file and the numbers of ImageNet. */
function inputOf(onnx: OnnxModel, image: ImageInput): { input: InputSpecification; note: string } {
  const said = parseMetadata(onnx).input;
  const size = typeof image.size === 'number' ? image.size : (said?.size ?? IMAGENET_INPUT.size);
  if (said) return { input: { size, mean: said.mean, std: said.std }, note: '' };
  const note = '; the file does not say how pixels are normalised, ImageNet mean and deviation are assumed';
  return { input: { ...IMAGENET_INPUT, size }, note };
}

function replayOf(plan: Plan, image: ImageInput, net: Network, images: Value): Replay {
  const replay = new Replay(plan, net, images.shape[0]);
  replay.bind(image.name, image.channelsLast ? transpose(images, [0, 2, 3, 1]) : images, false);
  return replay;
}

/** Whether the head is a 1x1 convolution over a map, whose outputs are pooled, and not over pooled features. */
function headTakesMap(plan: Plan, image: ImageInput, size: number): boolean {
  const net = new Network(new Graph(), INFERENCE);
  const replay = replayOf(plan, image, net, net.graph.input('images', [1, 3, size, size]));
  if (plan.head.node.op !== 'Conv') return false;
  const [, , height, width, ...rest] = replay.value(plan.head.input).shape;
  return rest.length === 0 && height * width > 1;
}

/** Replays of one file. */
class Classifier {
  constructor(
    readonly plan: Plan,
    readonly image: ImageInput,
    readonly output: string,
    readonly headTakesMap: boolean,
  ) {}

  backbone(net: Network, images: Value): BackboneOutput {
    const replay = replayOf(this.plan, this.image, net, images);
    const { head } = this.plan;
    const before = replay.value(head.input);
    const [batch, size] = [images.shape[0], before.shape[1]];
    const fits = this.headTakesMap || sizeOf(before.shape) === batch * size;
    if (before.shape[0] !== batch || !fits) {
      const found = `the features have the shape [${before.shape.join(', ')}]`;
      throw notAClassifier(`Given [${images.shape.join(', ')}] ${found}.`);
    }
    if (this.headTakesMap) return { map: before, features: globalMean(before) };
    const pooled = head.pooled === undefined ? undefined : replay.find(head.pooled);
    const features = before.shape.length === 2 ? before : reshape(before, [batch, size]);
    return { features, map: pooledMap(pooled, size) ?? reshape(features, [batch, size, 1, 1]) };
  }

  logits(net: Network, { map, features }: BackboneOutput): Value {
    const [batch] = features.shape;
    const { node, input } = this.plan.head;
    const replay = new Replay(this.plan, net, batch);
    const pooled = node.op === 'Conv' ? reshape(features, [...features.shape, 1, 1]) : features;
    replay.bind(input, this.headTakesMap ? map : pooled, true);
    const logits = replay.value(this.output);
    const [rows, classes] = logits.shape;
    if (logits.shape.length < 2 || rows !== batch || sizeOf(logits.shape) !== rows * classes) {
      throw notAClassifier(
        `Given [${batch}, 3, S, S] the output has the shape [${logits.shape.join(', ')}].`,
      );
    }
    return logits.shape.length === 2 ? logits : reshape(logits, [rows, classes]);
  }

  /** Replays backbone and head for one image and for two; what depends on the batch shows in the difference. */
  inspect(size: number): { classes: number; prefixes: string[] } {
    const first = this.#trial(1, size);
    for (const name of first.head.filter((own) => first.backbone.some((other) => other.startsWith(own)))) {
      this.plan.variables.rename(name, `head/${name}`);
    }
    this.plan.variables.numbers.clear();
    this.#trial(2, size);
    const { classes, head } = this.#trial(1, size);
    return { classes, prefixes: head };
  }

  #trial(batch: number, size: number): { classes: number; backbone: string[]; head: string[] } {
    const net = new Network(new Graph(), INFERENCE);
    const output = this.backbone(net, net.graph.input('images', [batch, 3, size, size]));
    const backbone = net.variables.map(({ name }) => name);
    const classes = this.logits(net, output).shape[1];
    return { classes, backbone, head: net.variables.map(({ name }) => name).slice(backbone.length) };
  }
}

/** The map of which `size` features are the pooled channels, as [N, C, H, W]; undefined when they are not. */
function pooledMap(pooled: Value | undefined, size: number): Value | undefined {
  if (pooled?.shape.length !== 4) return undefined;
  if (pooled.shape[1] === size) return pooled;
  return pooled.shape[3] === size ? transpose(pooled, [0, 3, 1, 2]) : undefined;
}
