/**
 * A small convolutional network, its gradient, an update written out, and the trained network as an ONNX file.
 *
 *     npx tsx examples/train-by-hand.ts [steps] [file.onnx]
 */
import { writeFileSync } from 'node:fs';
import {
  ANY_BATCH,
  Executable,
  float32,
  Graph,
  gradient,
  inferenceFile,
  nn,
  OnnxFunction,
  ops,
  Random,
  type Tensor,
  tensor,
  type Value,
} from 'transferlab/graph';

const [steps = '60', file = 'stripes.onnx'] = process.argv.slice(2);
const [N, SIZE, CLASSES, RATE] = [32, 16, 4, 0.5];

/** Images [N, 1, SIZE, SIZE] of noisy stripes in one of four directions, and the directions, [N]. */
function stripes(random: Random): { images: Tensor; labels: Tensor } {
  const labels = Int32Array.from({ length: N }, () => Math.floor(random.uniform(0, CLASSES)));
  const pixels = [...labels].flatMap((label) => {
    const [angle, phase] = [(label * Math.PI) / CLASSES, random.uniform(0, 2 * Math.PI)];
    return Array.from({ length: SIZE * SIZE }, (_, at) => {
      const along = (at % SIZE) * Math.cos(angle) + Math.floor(at / SIZE) * Math.sin(angle);
      return Math.sin(1.5 * along + phase) + 0.5 * random.normal();
    });
  });
  return { images: float32([N, 1, SIZE, SIZE], pixels), labels: tensor('int32', [N], labels) };
}

// The network: a function from graph values to graph values. Layers declare their parameters in `net`.
function network(net: nn.Network, images: Value): Value {
  const a = ops.relu(nn.conv(net, 'conv1', images, { out: 16, kernel: 5, padding: 2, bias: true }));
  const b = ops.relu(nn.conv(net, 'conv2', a, { out: 32, kernel: 3, strides: 2, padding: 1, bias: true }));
  return nn.linear(net, 'head', nn.globalMean(b), CLASSES);
}

// One training step as one graph: forward, loss, gradient, and what each parameter becomes.
const net = new nn.Network(new Graph(), nn.TRAIN);
const labels = net.graph.input('labels', [N], { dtype: 'int32' });
const logits = network(net, net.graph.input('images', [N, 1, SIZE, SIZE]));
const outputs = new Map([['logits', logits]]).set('loss', nn.softmaxCrossEntropy(logits, labels));
const parameters = net.variables.map(({ value }) => value);
const gradients = gradient(outputs.get('loss')!, parameters);
net.variables.forEach(({ name, value }, i) => {
  outputs.set(`next ${name}`, ops.sub(value, ops.mul(gradients[i], RATE)));
});

// Compiled once; each run carries the parameters on.
const carried = new Map(net.variables.map(({ name }) => [name, `next ${name}`]));
const step = await Executable.compile(outputs, { carried });
for (const [name, value] of nn.initialize(net.variables, 1)) step.set(name, value);
const random = new Random(1, 'stripes');
for (let i = 0; i < Number(steps); i++) {
  for (const [name, value] of Object.entries(stripes(random))) step.set(name, value);
  const { loss } = await step.run();
  if (i % 10 === 0 || i === Number(steps) - 1)
    console.log(`step ${i}: loss ${Number(loss.data[0]).toFixed(3)}`);
}

// The same function once more in its inference form, with the trained values in it.
const weights = new Map(net.variables.map(({ name }) => [name, step.get(name)]));
const form = new nn.Network(new Graph(), nn.INFERENCE);
const answer = network(form, form.graph.input('images', [ANY_BATCH, 1, SIZE, SIZE]));
writeFileSync(file, inferenceFile(new Map([['logits', answer]]), weights));

// The file gives what one more step computes on its way.
const exported = await OnnxFunction.load(file);
const fresh = stripes(random);
for (const [name, value] of Object.entries(fresh)) step.set(name, value);
const inTraining = (await step.run()).logits as Tensor<'float32'>;
const inFile = (await exported.run({ images: fresh.images })).logits as Tensor<'float32'>;
const apart = Math.max(...inFile.data.map((value, i) => Math.abs(value - inTraining.data[i])));
console.log(`${file}: logits differ from those of the training step by at most ${apart.toPrecision(1)}`);
await Promise.all([step.close(), exported.close()]);
