"""PyTorch's own training of the same network as a share of its own matrix-product peak, in percent."""
import time

import torch
from child import serve
from networks import warm_trainer

SIZES = (1024, 2048, 3072)


def prepare(options):
    step = warm_trainer(options)
    squares = {size: torch.ones(size, size) for size in SIZES}

    def gflops(operations, run):
        begun = time.perf_counter()
        run()
        return operations / 1e9 / (time.perf_counter() - begun)

    def measure():
        rates = [gflops(2 * size**3, lambda: x @ x) for size, x in squares.items() for _ in range(2)]
        training = gflops(3 * 2 * options['multiplyAdds'] * options['batch'], step)
        return {
            'value': 100 * training / max(rates),
            'matrixProductGflops': max(rates),
            'trainingGflops': training,
        }

    return measure


serve(prepare)
