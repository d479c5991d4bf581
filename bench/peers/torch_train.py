"""Images per second of PyTorch's training steps."""
import time

import torch
from child import serve
from networks import trainer


def prepare(options):
    torch.set_num_threads(options['threads'])
    torch.set_flush_denormal(True)
    step = trainer(options)
    for _ in range(2):
        step()

    def measure():
        begun = time.perf_counter()
        for _ in range(options['steps']):
            step()
        seconds = time.perf_counter() - begun
        return {'value': options['steps'] * options['batch'] / seconds, 'seconds': seconds}

    return measure


serve(prepare)
