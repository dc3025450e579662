"""A small network in stages, as a model to transfer from: it can be asked what learns, and what hangs on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from autograder.probes.makers import probe


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class StagedNet(nn.Module):
    """Three stages of convolution, batch norm and ReLU, the mean over all places, and a linear head.

    Parts: `stage1` (3 to 4 channels), `stage2` (5, half the size), `stage3` (6), `pool`, and the head with 5 classes:
    "fc" is a linear layer, "classifier" a dropout and a linear layer; `bias` says whether that has one. The images are
    (N, 3, H, W).
    """

    def __init__(
        self, weights: Mapping[str, Tensor], head: str = "fc", frozen: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.stage1, self.stage2, self.stage3 = _stage(3, 4, 1), _stage(4, 5, 2), _stage(5, 6, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        linear = nn.Linear(6, 5, bias=bias)
        self.add_module(head, linear if head == "fc" else nn.Sequential(nn.Dropout(0.5), linear))
        self.load_state_dict(dict(weights), strict=False)
        self.to(next(iter(weights.values())))
        self.requires_grad_(not frozen)
        self._kept: set[str] | None = None

    def forward(self, x: Tensor) -> Tensor:
        for name, part in self.named_children():
            if self._kept is not None:
                part.train(self.training and name not in self._kept)
            x = part(x.flatten(1) if name in ("fc", "classifier") else x)
        return x

    def after(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Logits from what the part `layer` gave."""
        behind = False
        for name, part in self.named_children():
            if behind:
                x = part(x.flatten(1) if name in ("fc", "classifier") else x)
            behind = behind or part is layer
        return x

    def upto(self, layer: nn.Module, x: Tensor) -> Tensor:
        """What the part `layer` gives for images."""
        for part in self.children():
            x = part(x)
            if part is layer:
                break
        return x

    def keep_in_eval(self, parts: Iterable[str]) -> None:
        """From now on these parts are in eval mode whenever the network is called, and the others follow it."""
        self._kept = set(parts)

    def learning(self) -> dict[str, bool]:
        """Which parameters ask for gradients."""
        return {name: item.requires_grad for name, item in self.named_parameters()}

    def holds(self, part: object) -> bool:
        """Whether something is one of the network's modules."""
        return any(part is module for module in self.modules())

    def hooks(self) -> int:
        """How many hooks hang on the network and its parts."""
        return sum(
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
            for module in self.modules()
        )

    def gradients(self) -> list[str]:
        """The parameters whose `.grad` is filled."""
        return [name for name, item in self.named_parameters() if item.grad is not None]


@probe
def staged_net(
    weights: dict[str, Tensor], head: str = "fc", frozen: bool = False, train: bool = False, bias: bool = True
) -> StagedNet:
    """See `StagedNet`; weights by its names, which also decide dtype and device."""
    return StagedNet(weights, head, frozen, bias).train(train)


@probe
def part_of(model: nn.Module, name: str) -> nn.Module:
    """The part of a model that has this dotted name."""
    return model.get_submodule(name)


@probe
def frozen_upto(model: nn.Module, until: str) -> nn.Module:
    """The model, with no parameter that learns in its parts up to and including `until`."""
    for name, part in model.named_children():
        part.requires_grad_(False)
        if name == until:
            break
    return model


class TwoStepNet(nn.Module):
    """Passes images on, and answers with the mean of each channel times `head`, (classes, channels)."""

    def __init__(self, head: Tensor) -> None:
        super().__init__()
        self.keep = nn.Identity()
        self.head = nn.Parameter(head)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.keep, self.keep(x))

    def upto(self, layer: nn.Module, x: Tensor) -> Tensor:
        """What `keep` gives: the images."""
        return x

    def after(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Logits from what `keep` gave."""
        return x.mean((2, 3)) @ self.head.T


@probe
def two_step_net(head: Tensor) -> TwoStepNet:
    """See `TwoStepNet`."""
    return TwoStepNet(head)
