/** A classifier's answers with the weights that a training step holds at the moment: for validation during training. */
import type { BatchLoader } from '../data/index.ts';
import { softmax } from '../graph/build.ts';
import { Graph } from '../graph/graph.ts';
import { INFERENCE, Network } from '../nn/network.ts';
import { Executable, peakBytes, type SessionOptions } from '../runtime/index.ts';
import { argMaxRows, type Shape, type Tensor, tensor } from '../tensor/tensor.ts';
import { runOverImages } from './inference.ts';
import type { TrainingStep, WeightsKind } from './step.ts';
import type { Classifier } from './step-graph.ts';

export class Evaluator {
  private constructor(
    private readonly executable: Executable,
    private readonly images: Shape,
  ) {}

  /**
   * `images`: shape of a batch, [N, 3, height, width]. `beside`: a training step whose memory of intermediate values it
   * may use, because they never run at the same time.
   */
  static async compile(
    classifier: Classifier,
    images: Shape,
    { beside, ...options }: SessionOptions & { readonly beside?: TrainingStep } = {},
  ): Promise<Evaluator> {
    const graph = new Graph();
    const net = new Network(graph, INFERENCE);
    const logits = classifier(net, graph.input('images', images));
    const outputs = new Map([
      ['logits', logits],
      ['probabilities', softmax(logits)],
    ]);
    const scratch = beside?.executable.scratch;
    return new Evaluator(await Executable.compile(outputs, { ...options, scratch }), images);
  }

  /** Uses the weights of `step`, or their averages, without a copy; to be called again after the step has run. */
  share(step: TrainingStep, kind: WeightsKind = 'current'): void {
    step.shareWeights(this.executable, kind);
  }

  /** Class probabilities, [N, K], of a batch of images. */
  probabilities(images: Float32Array): Promise<Tensor<'float32'>> {
    return this.#run(images, 'probabilities');
  }

  /** Logits, images x classes, of the first `count` images of a centre-crop loader, in its order. */
  async logits(loader: BatchLoader, count: number): Promise<Float32Array> {
    const run = (images: Float32Array) => this.#run(images, 'logits');
    return (await runOverImages({ run }, loader, count, { phase: 'logits' })).data;
  }

  /** Predicted classes of the first `count` images of a centre-crop loader, in its order. */
  async predict(loader: BatchLoader, count: number): Promise<Int32Array> {
    const run = (images: Float32Array) => this.probabilities(images);
    return argMaxRows(await runOverImages({ run }, loader, count, { phase: 'predictions' }));
  }

  async #run(images: Float32Array, output: 'logits' | 'probabilities'): Promise<Tensor<'float32'>> {
    this.executable.set('images', tensor('float32', this.images, images));
    return (await this.executable.run())[output] as Tensor<'float32'>;
  }

  /** Most memory of a process that does nothing else, in bytes, as planned; undefined on other devices than the processor. */
  get plannedBytes(): number | undefined {
    const planned = this.executable.footprint();
    return planned && peakBytes([planned]);
  }

  close(): Promise<void> {
    return this.executable.close();
  }
}
