"""Peak resident memory, in MiB, of a PyTorch process that runs five training steps."""
import torch
from child import peak_memory, serve
from networks import trainer


def prepare(options):
    torch.set_num_threads(options['threads'])
    torch.set_flush_denormal(True)

    def measure():
        step = trainer(options)
        for _ in range(5):
            step()
        return {'value': peak_memory()}

    return measure


serve(prepare)
