/** Networks of torchvision, exported here and now with random weights, in evaluation and in training mode. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { withInput } from '../../src/models/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { describePython, python } from '../python.ts';
import { compileModel } from '../run-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'imported-torchvision-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Exports a network with the weights of seed 0, and prints what it computes at inference for sin(0.05 k). */
const EXPORT = `
import sys, json, warnings, torch, torchvision
warnings.filterwarnings("ignore")
name, opset, training, path = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "training", sys.argv[4]
torch.manual_seed(0)
net = getattr(torchvision.models, name)(weights=None)
for layer in net.modules():
    if isinstance(layer, torch.nn.BatchNorm2d):
        layer.momentum = 0.0
        torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
        torch.nn.init.normal_(layer.running_mean, 0, 0.1)
x = torch.sin(0.05 * torch.arange(2 * 3 * 64 * 64)).reshape(2, 3, 64, 64)
mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
net.train(training)
torch.onnx.export(net, x, path, opset_version=opset, training=mode, do_constant_folding=not training,
    input_names=["image"], output_names=["scores"], dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}})
net.eval()
with torch.no_grad():
    print(json.dumps(net(x).tolist()))
`;

describePython('torchvision', ['torch', 'torchvision', 'onnx'], () => {
  test.each([
    ['squeezenet1_1', 9, 'evaluation'],
    ['shufflenet_v2_x0_5', 17, 'training'],
  ])(
    '%s, opset %i, %s mode',
    async (name, opset, mode) => {
      const path = join(folder, `${name}.onnx`);
      const printed = python(EXPORT, name, String(opset), mode, path).trim().split('\n').at(-1);
      const wanted: number[][] = JSON.parse(printed ?? '');
      const { model, weights } = await importOnnxClassifier(path);
      const network = await compileModel(withInput(model, { size: 64 }), weights, 2, 'inference');
      const values = Float32Array.from({ length: 2 * 3 * 64 * 64 }, (_, k) => Math.sin(0.05 * k));
      const { logits } = await network.run(float32([2, 3, 64, 64], values));
      await network.close();
      expect(logits.shape).toEqual([2, 1000]);
      const gaps = wanted.flat().map((value, index) => Math.abs(value - Number(logits.data[index])));
      expect(Math.max(...gaps)).toBeLessThan(1e-5 * Math.max(1, ...wanted.flat().map(Math.abs)));
    },
    120_000,
  );
});
