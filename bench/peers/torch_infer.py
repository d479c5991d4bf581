"""Images per second of PyTorch's feature extraction, in one of its forms."""
import time

import torch
from child import serve
from networks import images, of


class Features(torch.nn.Module):
    """torchvision's network without its classifier layer."""

    def __init__(self, model):
        super().__init__()
        if hasattr(model, 'fc'):
            model.fc = torch.nn.Identity()
        elif isinstance(model.classifier, torch.nn.Linear):
            model.classifier = torch.nn.Identity()
        else:
            model.classifier[-1] = torch.nn.Identity()
        self.model = model

    def forward(self, x):
        return self.model(x)


def prepare(options):
    torch.set_num_threads(options['threads'])
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)
    model, size = of(options['model'])
    model = Features(model).eval()
    x = images(options['batch'], size)
    if options['form'] == 'channels last':
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    if options['form'] == 'frozen by torch.jit':
        model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    for _ in range(3):
        model(x)

    def measure():
        begun = time.perf_counter()
        for _ in range(options['steps']):
            model(x)
        seconds = time.perf_counter() - begun
        return {'value': options['steps'] * options['batch'] / seconds, 'seconds': seconds}

    return measure


serve(prepare)
