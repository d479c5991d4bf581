/**
 * The small network in jax-js: one jitted step with Nesterov momentum on its wasm backend, which in Node has one
 * thread as published (it asks for Web Workers). Arrays are consumed by the functions that they are given to;
 * `.ref` keeps one for another use.
 */
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import { serve, timed } from '../child.ts';

const STEPS = 2;
const RATE = 0.001;
const MOMENTUM = 0.9;

/** Numbers of the usual size for a layer; a sine is random enough for timing. */
function weights(shape, fanIn) {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const bound = Math.sqrt(6 / fanIn);
  return np
    .array(Float32Array.from({ length: count }, (_, i) => bound * Math.sin(i * i + fanIn)))
    .reshape(shape);
}

const maxPool = (x) => {
  const [n, c, h, w] = x.shape;
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
};

await serve(async ({ batch, size, channels, classes }) => {
  await init('wasm');
  defaultDevice('wasm');
  const last = channels.at(-1);
  const layers = channels.map((out, index) => {
    const into = channels[index - 1] ?? 3;
    return { kernel: weights([out, into, 3, 3], 9 * into), bias: np.zeros([1, out, 1, 1]) };
  });
  let parameters = { layers, head: weights([last, classes], last), headBias: np.zeros([classes]) };
  let velocity = tree.map((value) => np.zeros(value.shape), tree.ref(parameters));
  const images = weights([batch, 3, size, size], 2);
  const labels = np.array(
    Int32Array.from({ length: batch }, (_, i) => (i * 37) % classes),
    { dtype: np.int32 },
  );
  const padding = [
    [1, 1],
    [1, 1],
  ];
  const loss = (values, pixels, targets) => {
    let x = pixels;
    values.layers.forEach(({ kernel, bias }, index) => {
      if (index > 0) x = maxPool(x);
      x = nn.relu(lax.convGeneralDilated(x, kernel, [1, 1], padding).add(bias));
    });
    const logits = np.matmul(np.mean(x, [2, 3]), values.head).add(values.headBias);
    return np.mean(nn.logSoftmax(logits).mul(nn.oneHot(targets, classes)).sum(1)).mul(-1);
  };
  const update = jit((values, momenta, pixels, targets) => {
    const [value, gradient] = valueAndGrad(loss)(tree.ref(values), pixels, targets);
    const next = tree.map((v, g) => v.mul(MOMENTUM).add(g), momenta, tree.ref(gradient));
    const moved = tree.map(
      (p, g, v) => p.sub(g.add(v.mul(MOMENTUM)).mul(RATE)),
      values,
      gradient,
      tree.ref(next),
    );
    return [moved, next, value];
  });
  let latest = 0;
  const run = async () => {
    const [moved, next, value] = update(parameters, velocity, images.ref, labels.ref);
    [parameters, velocity] = [moved, next];
    await blockUntilReady(parameters);
    latest = (await value.data())[0];
  };
  await run();
  await run();
  return {
    async measure() {
      const seconds = await timed(async () => {
        for (let i = 0; i < STEPS; i++) await run();
      });
      return { value: (STEPS * batch) / seconds, seconds, loss: latest };
    },
  };
});
