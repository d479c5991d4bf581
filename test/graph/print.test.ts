/** The printed form of a small network with its gradient, as errors and people see it. */
import { expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { cast, clip, Graph, maxPool2d, printGraph, printNode, verify } from '../../src/graph/index.ts';
import { conv, globalMean, linear, Network, softmaxCrossEntropy, TRAIN } from '../../src/nn/index.ts';
import { float32, tensor } from '../../src/tensor/tensor.ts';

test('a convolution, a pooling and a linear layer', () => {
  const net = new Network(new Graph(), TRAIN);
  const x = net.graph.input('images', [2, 3, 8, 8]);
  const stem = clip(conv(net, 'stem', x, { out: 4, kernel: 3, padding: 1 }), 0, 6);
  const pooled = maxPool2d(stem, { kernel: 2 });
  const logits = net.graph.scoped('head', () => linear(net, 'fc', globalMean(pooled), 5));
  const labels = net.graph.input('labels', [2], { dtype: 'int32' });
  const loss = softmaxCrossEntropy(logits, labels);
  net.graph.constant(float32([3], [1, 2, 3]));
  gradient(loss, [net.variables[0].value]);
  verify(net.graph);
  expect(printGraph(net.graph)).toMatchInlineSnapshot(`
    "%0 = input() name="images" role="data" : float32 2x3x8x8
    %1 = input() name="stem.weight" role="parameter" : float32 4x3x3x3  // stem
    %2 = conv2d(%0, %1) strides=[1,1] padding=[1,1,1,1] dilations=[1,1] groups=1 : float32 2x4x8x8  // stem
    %3 = clip(%2) min=0 max=6 : float32 2x4x8x8
    %4.0, %4.1 = maxPool2d(%3) kernel=[2,2] strides=[2,2] padding=[0,0,0,0] ceilMode=false dilations=[1,1] : float32 2x4x4x4, int64 2x4x4x4
    %5 = mean(%4.0) axes=[2,3] keepDims=false : float32 2x4  // head
    %6 = input() name="fc.weight" role="parameter" : float32 5x4  // head.fc
    %7 = input() name="fc.bias" role="parameter" : float32 5  // head.fc
    %8 = matmul(%5, %6) transposeA=false transposeB=true : float32 2x5  // head.fc
    %9 = add(%8, %7) : float32 2x5  // head.fc
    %10 = input() name="labels" role="data" : int32 2
    %11 = oneHot(%10) depth=5 : float32 2x5
    %12 = logSoftmax(%9) axis=1 : float32 2x5
    %13 = mul(%11, %12) : float32 2x5
    %14 = sum(%13) axes=[0,1] keepDims=false : float32 scalar
    %15 = neg(%14) : float32 scalar
    %16 = constant() value=0.5 : float32 scalar
    %17 = mul(%15, %16) : float32 scalar
    %18 = constant() value=[3 numbers] : float32 3
    %19 = constant() value=1 : float32 scalar
    %20 = mul(%19, %16) : float32 scalar  // gradient of mul
    %21 = mul(%19, %15) : float32 scalar  // gradient of mul
    %22 = neg(%20) : float32 scalar  // gradient of neg
    %23 = reshape(%22) : float32 1x1  // gradient of sum
    %24 = expand(%23) : float32 2x5  // gradient of sum
    %25 = mul(%24, %12) : float32 2x5  // gradient of mul
    %26 = mul(%24, %11) : float32 2x5  // gradient of mul
    %27 = exp(%12) : float32 2x5  // gradient of logSoftmax
    %28 = sum(%26) axes=[1] keepDims=true : float32 2x1  // gradient of logSoftmax
    %29 = mul(%27, %28) : float32 2x5  // gradient of logSoftmax
    %30 = sub(%26, %29) : float32 2x5  // gradient of logSoftmax
    %31 = sum(%30) axes=[0] keepDims=true : float32 1x5  // gradient of head.fc
    %32 = reshape(%31) : float32 5  // gradient of head.fc
    %33 = matmul(%30, %6) transposeA=false transposeB=false : float32 2x4  // gradient of head.fc
    %34 = matmul(%30, %5) transposeA=true transposeB=false : float32 5x4  // gradient of head.fc
    %35 = constant() value=0.0625 : float32 scalar  // gradient of head
    %36 = mul(%33, %35) : float32 2x4  // gradient of head
    %37 = reshape(%36) : float32 2x4x1x1  // gradient of head
    %38 = expand(%37) : float32 2x4x4x4  // gradient of head
    %39 = maxPool2dGradient(%38, %4.1) inputShape=[2,4,8,8] : float32 2x4x8x8  // gradient of maxPool2d
    %40 = between(%3) min=0 max=6 : float32 2x4x8x8  // gradient of clip
    %41 = mul(%39, %40) : float32 2x4x8x8  // gradient of clip
    %42 = conv2dInputGradient(%41, %1) strides=[1,1] padding=[1,1,1,1] dilations=[1,1] groups=1 inputShape=[2,3,8,8] : float32 2x3x8x8  // gradient of stem
    %43 = conv2dWeightGradient(%0, %41) strides=[1,1] padding=[1,1,1,1] dilations=[1,1] groups=1 weightShape=[4,3,3,3] : float32 4x3x3x3  // gradient of stem"
  `);
});

test('bounds without end, and constants of one number', () => {
  const graph = new Graph();
  const x = clip(graph.input('x', [2]), Number.NEGATIVE_INFINITY, 6);
  expect(printNode(x.node)).toBe('%1 = clip(%0) min=-Infinity max=6 : float32 2');
  expect(printNode(cast(x, 'int64').node)).toBe('%2 = cast(%1) to="int64" : int64 2');
  const seven = graph.constant(tensor('int64', [1], BigInt64Array.of(7n)));
  expect(printNode(seven.node)).toBe('%3 = constant() value=7 : int64 1');
});
