/** A classifier's answers with the weights that a training step holds at the moment: for validation during training. */
import type { BatchLoader } from '../data/index.ts';
import { softmax } from '../graph/build.ts';
import { Graph } from '../graph/graph.ts';
import { INFERENCE, Network } from '../nn/network.ts';
import { Executable, type SessionOptions } from '../runtime/index.ts';
import { argMaxRows, type Shape, type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainingStep, WeightsKind } from './step.ts';
import type { Classifier } from './step-graph.ts';

export class Evaluator {
  private constructor(
    private readonly executable: Executable,
    private readonly images: Shape,
  ) {}

  /** `images`: shape of a batch, [N, 3, height, width]. */
  static async compile(
    classifier: Classifier,
    images: Shape,
    options: SessionOptions = {},
  ): Promise<Evaluator> {
    const graph = new Graph();
    const net = new Network(graph, INFERENCE);
    const logits = classifier(net, graph.input('images', images));
    const outputs = new Map([
      ['logits', logits],
      ['probabilities', softmax(logits)],
    ]);
    return new Evaluator(await Executable.compile(outputs, options), images);
  }

  /** Uses the weights of `step`, or their averages, without a copy; to be called again after the step has run. */
  share(step: TrainingStep, kind: WeightsKind = 'current'): void {
    step.shareWeights(this.executable, kind);
  }

  /** Class probabilities, [N, K], of a batch of images. */
  async probabilities(images: Float32Array): Promise<Tensor<'float32'>> {
    this.executable.set('images', tensor('float32', this.images, images));
    return (await this.executable.run()).probabilities as Tensor<'float32'>;
  }

  /** Logits, images x classes, of the first `count` images of a centre-crop loader, in its order. */
  async logits(loader: BatchLoader, count: number): Promise<Float32Array> {
    let all = new Float32Array();
    for (let done = 0; done < count; ) {
      const batch = await loader.next();
      this.executable.set('images', tensor('float32', this.images, batch.images));
      const { shape, data } = (await this.executable.run()).logits as Tensor<'float32'>;
      if (done === 0) all = new Float32Array(count * shape[1]);
      all.set(data.subarray(0, batch.count * shape[1]), done * shape[1]);
      done += batch.count;
    }
    return all;
  }

  /** Predicted classes of the first `count` images of a centre-crop loader, in its order. */
  async predict(loader: BatchLoader, count: number): Promise<Int32Array> {
    const predicted = new Int32Array(count);
    for (let done = 0; done < count; ) {
      const batch = await loader.next();
      predicted.set(argMaxRows(await this.probabilities(batch.images)).subarray(0, batch.count), done);
      done += batch.count;
    }
    return predicted;
  }

  close(): Promise<void> {
    return this.executable.close();
  }
}
