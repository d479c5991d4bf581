"""Images per second of PyTorch's feature extraction, in the form that is fastest here."""
import time

import torch
from child import fastest, serve
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
    last = torch.channels_last
    frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    forms = {
        'contiguous': lambda: model(x),
        'frozen by torch.jit': lambda: frozen(x),
    }
    other, _ = of(options['model'])
    other = Features(other).eval().to(memory_format=last)
    y = x.to(memory_format=last)
    forms['channels last'] = lambda: other(y)
    for run in forms.values():
        run()
    form = fastest(forms)
    run = forms[form]

    def measure():
        begun = time.perf_counter()
        for _ in range(options['steps']):
            run()
        seconds = time.perf_counter() - begun
        return {'value': options['steps'] * options['batch'] / seconds, 'seconds': seconds}

    return form, measure


serve(prepare)
