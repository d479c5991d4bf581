"""Images per second of PyTorch's training steps."""
import time

from child import serve
from networks import warm_trainer


def prepare(options):
    step = warm_trainer(options)

    def measure():
        begun = time.perf_counter()
        for _ in range(options['steps']):
            step()
        seconds = time.perf_counter() - begun
        return {'value': options['steps'] * options['batch'] / seconds, 'seconds': seconds}

    return measure


serve(prepare)
