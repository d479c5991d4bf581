/**
 * Networks with attention as PyTorch exports them (matrix products, Einsum, tables of position biases), small ones of
 * torchvision's classes with random weights: the same scores in both forms, and the same losses while they train.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importOnnxClassifier } from '../../src/models/imported/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { TrainingStep } from '../../src/train/index.ts';
import { describePython, python } from '../python.ts';
import { compileModel } from '../run-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'imported-attention-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Exports networks with the weights of seed 0; prints their scores for sin(0.05 k) and their losses under plain SGD. */
const EXPORT = `
import sys, json, warnings, torch
from torchvision.models.maxvit import MaxVit
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer
warnings.filterwarnings("ignore")
networks = {
    "maxvit": lambda: MaxVit(input_size=(64, 64), stem_channels=16, block_channels=[16, 32], block_layers=[1, 1],
        head_dim=8, stochastic_depth_prob=0.0, partition_size=4, num_classes=10),
    "swin": lambda: SwinTransformer(patch_size=[4, 4], embed_dim=16, depths=[2, 2], num_heads=[2, 4],
        window_size=[4, 4], stochastic_depth_prob=0.0, num_classes=10),
    "vit": lambda: VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16,
        mlp_dim=32, num_classes=10),
}
x = torch.sin(0.05 * torch.arange(2 * 3 * 64 * 64)).reshape(2, 3, 64, 64)
printed = {}
for name, make in networks.items():
    torch.manual_seed(0)
    net = make().eval()
    for parameter in net.parameters():
        if parameter.dim() <= 1 or parameter.abs().max() == 0:
            torch.nn.init.normal_(parameter, 0.1, 0.1)
    torch.onnx.export(net, x, f"{sys.argv[1]}/{name}.onnx", opset_version=15, input_names=["image"],
        output_names=["scores"], dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}}, do_constant_folding=False)
    scores = net(x).tolist()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    net.train()
    for step in range(4):
        loss = torch.nn.functional.cross_entropy(net(x), torch.tensor([3, 7]))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    printed[name] = {"scores": scores, "losses": losses}
print(json.dumps(printed))
`;

/** What PyTorch computes with a network. */
interface Computed {
  readonly scores: number[][];
  readonly losses: number[];
}

const images = Float32Array.from({ length: 2 * 3 * 64 * 64 }, (_, k) => Math.sin(0.05 * k));

describePython('networks with attention', ['torch', 'torchvision', 'onnx'], () => {
  let computed: Record<string, Computed>;
  beforeAll(() => {
    computed = JSON.parse(python(EXPORT, folder).trim().split('\n').at(-1) ?? '');
  }, 120_000);

  test.each(['maxvit', 'swin', 'vit'])(
    '%s',
    async (name) => {
      const { scores, losses } = computed[name];
      const path = join(folder, `${name}.onnx`);
      const { model, weights } = await importOnnxClassifier(path);
      for (const form of ['inference', 'training'] as const) {
        const network = await compileModel(model, weights, 2, form);
        const { logits } = await network.run(float32([2, 3, 64, 64], images));
        await network.close();
        scores.flat().forEach((score, i) => {
          expect(Math.abs(Number(logits.data[i]) - score)).toBeLessThan(1e-6);
        });
      }
      const head = model.originalHead;
      const step = await TrainingStep.compile((net, batch) => head!.logits(net, model.backbone(net, batch)), {
        images: [2, 3, 64, 64],
        momentum: 0,
        threads: 1,
      });
      step.load(weights);
      const rates = { learningRate: 0.1, weightDecay: 0, statisticsDecay: 0.9 };
      const found: number[] = [];
      for (let i = 0; i < losses.length; i++) {
        found.push(
          (await step.run({ images, labels: Int32Array.of(3, 7), ...rates, seed: 1, step: i })).loss,
        );
      }
      await step.close();
      found.forEach((loss, i) => {
        expect(Math.abs(loss - losses[i])).toBeLessThan(1e-5);
      });
    },
    120_000,
  );
});
