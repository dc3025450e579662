"""The course's layers and the libraries' own, which compute the same in one go."""

from torch import nn

from solutions.resnet import BatchNorm2d
from solutions.vit import DropPath


def with_library_norms(model: nn.Module) -> nn.Module:
    """Puts `nn.BatchNorm2d` in the place of every `BatchNorm2d` of the course, and returns the model.

    Parameters, buffers and names stay, so the same checkpoint fits either. Over many epochs it pays: torch's reads the
    values fewer times, and takes statistics of half-precision values in float32.
    """
    for name, part in list(model.named_modules()):
        if isinstance(part, BatchNorm2d):
            holder, _, own = name.rpartition(".")
            norm = nn.BatchNorm2d(len(part.weight), part.eps, part.momentum)
            norm.weight, norm.bias = part.weight, part.bias
            norm.running_mean, norm.running_var = part.running_mean, part.running_var
            norm.num_batches_tracked = part.num_batches_tracked
            setattr(model.get_submodule(holder), own, norm.train(part.training))
    return model


def with_library_drops(model: nn.Module) -> nn.Module:
    """Puts torchvision's `StochasticDepth` in the place of every `DropPath` of the course, and returns the model.

    Neither has parameters. The course's takes its seed from torch's generator on the CPU, which a compiled network
    would have to stop for; torchvision's draws where the values are.
    """
    from torchvision.ops import StochasticDepth

    for name, part in list(model.named_modules()):
        if isinstance(part, DropPath):
            holder, _, own = name.rpartition(".")
            setattr(model.get_submodule(holder), own, StochasticDepth(part.p, "row").train(part.training))
    return model
