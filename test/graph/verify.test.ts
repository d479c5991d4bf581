/** The legality check: good graphs pass, and each rule of it fails on a graph broken in that one way. */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { add, exp, Graph, matmul, mean, mul, relu, sum, verify } from '../../src/graph/index.ts';

/** x [2, 3] times w [3, 4], then a ReLU: nodes 0 to 3. */
function sample(): Graph {
  const graph = new Graph();
  relu(matmul(graph.input('x', [2, 3]), graph.input('w', [3, 4], { role: 'parameter' })));
  return graph;
}

/** Replaces members of a node, which no code of the program can. */
const spoil = (graph: Graph, id: number, change: object) => Object.assign(graph.nodes[id], change);

describe('verify', () => {
  test('accepts a graph with its gradient', () => {
    const graph = sample();
    const [w, y] = [graph.nodes[1].outputs[0], graph.nodes[3].outputs[0]];
    gradient(sum(mul(y, add(exp(y), mean(y)))), [w]);
    expect(() => verify(graph)).not.toThrow();
  });

  test('refuses an id that is not the position', () => {
    const graph = sample();
    spoil(graph, 3, { id: 7 });
    expect(() => verify(graph)).toThrow(/^internal: illegal graph, id is not the position: %7 = relu\(%2\)/);
  });

  test('refuses operands out of order', () => {
    const graph = sample();
    [graph.nodes[2], graph.nodes[3]] = [graph.nodes[3], graph.nodes[2]];
    spoil(graph, 2, { id: 2 });
    spoil(graph, 3, { id: 3 });
    expect(() => verify(graph)).toThrow('operand comes after its use');
  });

  test('refuses operands of another graph', () => {
    const graph = sample();
    spoil(graph, 3, { inputs: [sample().nodes[2].outputs[0]] });
    expect(() => verify(graph)).toThrow('operand of another graph: %3 = relu(%2)');
  });

  test('refuses outputs of another type than follows, or too many', () => {
    const graph = sample();
    const [y] = graph.nodes[3].outputs;
    spoil(graph, 3, { outputs: [{ ...y, shape: [2, 5] }] });
    expect(() => verify(graph)).toThrow('type of an output: %3 = relu(%2) : float32 2x5');
    spoil(graph, 3, { outputs: [y, y] });
    expect(() => verify(graph)).toThrow('number of outputs');
    spoil(graph, 3, { outputs: [graph.nodes[2].outputs[0]] });
    expect(() => verify(graph)).toThrow('output does not point back');
  });

  test('refuses operands that do not fit', () => {
    const graph = sample();
    spoil(graph, 2, { inputs: [graph.nodes[1].outputs[0], graph.nodes[0].outputs[0]] });
    expect(() => verify(graph)).toThrow('inner extents 4 and 2 differ');
  });

  test('refuses a name used twice', () => {
    const graph = sample();
    graph.random('noise', [2]);
    graph.random('noise', [2]);
    expect(() => verify(graph)).toThrow('name used twice: %5 = random() key="noise" : float32 2');
  });
});
