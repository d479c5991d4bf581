"""Networks of the rows as torchvision has them, with 1000 classes."""
import torch
import torchvision.models as tv


def of(name):
    """`resnet18@64` -> network, input size."""
    base, _, size = name.partition('@')
    torch.manual_seed(0)
    return getattr(tv, base)(num_classes=1000), int(size or 224)


def images(batch, size):
    torch.manual_seed(1)
    return torch.randn(batch, 3, size, size)


def trainer(options):
    """A function that runs one step of SGD with Nesterov momentum and weight decay, and returns the loss."""
    model, size = of(options['model'])
    model.train()
    x = images(options['batch'], size)
    y = torch.tensor([(i * 37) % 1000 for i in range(options['batch'])])
    if options['form'] == 'channels last':
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-8, momentum=0.9, nesterov=True, weight_decay=1e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def warm_trainer(options):
    """`trainer` with the options' threads, after two steps."""
    torch.set_num_threads(options['threads'])
    torch.set_flush_denormal(True)
    step = trainer(options)
    for _ in range(2):
        step()
    return step
