"""How near both sides of a logistic-regression row came to the minimum, computed here in float64 from their weights.

Loss and gradient are those of the summed cross-entropy plus lambda / 2 |W|^2. Gradient norms are shown relative to
the norm at weights 0, largest and median over the path; excesses are losses above the lower of both sides' losses,
relative to it, largest over the path.
"""
import os

import numpy as np
from child import serve


def loss_and_gradient_norm(x, y, weights, bias, penalty):
    scores = x @ weights.T + bias
    scores -= scores.max(1, keepdims=True)
    p = np.exp(scores)
    total = p.sum(1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(total[:, 0]) - scores[rows, y]).sum() + penalty / 2 * (weights**2).sum()
    p /= total
    p[rows, y] -= 1
    return loss, np.sqrt(((p.T @ x + penalty * weights) ** 2).sum() + (p.sum(0) ** 2).sum())


def prepare(options):
    columns, classes = options['columns'], options['classes']
    read = lambda name, dtype: np.fromfile(os.path.join(options['folder'], name), dtype)

    def measure():
        x = read('features.f32', np.float32).astype(np.float64).reshape(-1, columns)
        y = read('labels.i32', np.int32)
        zero = loss_and_gradient_norm(x, y, np.zeros((classes, columns)), np.zeros(classes), 0)[1]
        found = {}
        for side in ('ours', 'peer'):
            path = read(f'{side}.f64', np.float64).reshape(45, 1 + classes * (columns + 1))
            found[side] = np.array([
                loss_and_gradient_norm(x, y, row[1:-classes].reshape(classes, columns), row[-classes:], row[0])
                for row in path
            ])
        lowest = np.minimum(found['ours'][:, 0], found['peer'][:, 0])
        result = {'value': 0}
        for side, values in found.items():
            gradient = values[:, 1] / zero
            result[f'{side}.largestGradient'] = float(gradient.max())
            result[f'{side}.medianGradient'] = float(np.median(gradient))
            result[f'{side}.largestExcess'] = float((values[:, 0] / lowest - 1).max())
        return result

    return measure


serve(prepare)
