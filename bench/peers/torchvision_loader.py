"""Images per second of torchvision's data set of folders and PyTorch's loader, worker processes kept alive.

`shrink`: with the resize to a short side of 256 before the random crop, as our first epoch has it, or without.
`transform`: random crops and mirroring (train), or the centre.
"""
import os
import time

import torch
import torchvision.transforms as transforms
from child import serve
from torchvision.datasets import ImageFolder


def prepare(options):
    shrink = [transforms.Resize(256)] if options['shrink'] else []
    cropping = (
        [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
        if options['transform'] == 'train'
        else [transforms.CenterCrop(224)]
    )
    transform = transforms.Compose([
        *shrink,
        *cropping,
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])
    dataset = ImageFolder(os.path.join(options['folder'], 'jpegs'), transform)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=options['batch'],
        shuffle=True,
        num_workers=options['threads'],
        persistent_workers=True,
    )
    sum(1 for _ in loader)

    def measure():
        begun = time.perf_counter()
        count = sum(len(labels) for _, labels in loader)
        seconds = time.perf_counter() - begun
        return {'value': count / seconds, 'seconds': seconds}

    return measure


serve(prepare)
