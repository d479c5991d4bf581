/**
 * The small network in TensorFlow.js, with its momentum optimizer (Nesterov). The wasm backend has no kernel for
 * the gradient of a convolution's weights (Conv2DBackpropFilter), so there that gradient is written as the
 * convolution that it is: of the images, channels and batch exchanged, with the gradients as kernels.
 */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { serve, timed } from '../child.ts';

/** A repetition: about a second's worth, and one step of the plain backend takes several. */
const STEPS = { wasm: 20, cpu: 1 };

/** x [N, S, S, C] with kernel [3, 3, C, O], padded by 1. */
const convolutionOfWasm = tf.customGrad((x, kernel, save) => {
  save([x, kernel]);
  return {
    value: tf.conv2d(x, kernel, 1, 1),
    gradFunc(dy, [images, weights]) {
      const turned = tf.transpose(tf.reverse(weights, [0, 1]), [0, 1, 3, 2]);
      const dx = () => tf.conv2d(dy, turned, 1, 1);
      const dkernel = () => {
        const patches = tf.conv2d(tf.transpose(images, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 1, 1);
        return tf.transpose(patches, [1, 2, 0, 3]);
      };
      return [dx(), dkernel()];
    },
  };
});

await serve(async ({ backend, batch, size, channels, classes }) => {
  tf.env().set('PROD', true);
  await tf.setBackend(backend);
  await tf.ready();
  const convolve = backend === 'wasm' ? convolutionOfWasm : (x, kernel) => tf.conv2d(x, kernel, 1, 1);
  const kernels = channels.map((out, index) => {
    const into = channels[index - 1] ?? 3;
    return tf.variable(tf.randomNormal([3, 3, into, out], 0, Math.sqrt(2 / (9 * into)), 'float32', index));
  });
  const biases = channels.map((out) => tf.variable(tf.zeros([out])));
  const head = tf.variable(tf.randomNormal([channels.at(-1), classes], 0, 0.1, 'float32', 9));
  const headBias = tf.variable(tf.zeros([classes]));
  const images = tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', 10);
  const labels = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: batch }, (_, i) => (i * 37) % classes),
      'int32',
    ),
    classes,
  );
  const optimizer = tf.train.momentum(0.001, 0.9, true);
  const loss = () => {
    let x = images;
    kernels.forEach((kernel, index) => {
      if (index > 0) x = tf.maxPool(x, 2, 2, 'valid');
      x = tf.relu(tf.add(convolve(x, kernel), biases[index]));
    });
    const logits = tf.add(tf.matMul(tf.mean(x, [1, 2]), head), headBias);
    return tf.losses.softmaxCrossEntropy(labels, logits);
  };
  let latest = 0;
  const step = () => {
    const value = optimizer.minimize(loss, true);
    latest = value.dataSync()[0];
    value.dispose();
  };
  for (let i = 0; i < (backend === 'wasm' ? 5 : 1); i++) step();
  return {
    async measure() {
      const seconds = await timed(() => {
        for (let i = 0; i < STEPS[backend]; i++) step();
      });
      return { value: (STEPS[backend] * batch) / seconds, seconds, loss: latest };
    },
  };
});
