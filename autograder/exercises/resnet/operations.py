"""What one call of a network costs, against torch's own FlopCounterMode."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from autograder.exercises.resnet._ready_made import COUNTERS, NETWORKS
from autograder.exercises.resnet.parameters import Layers, network
from autograder.spec import Case, Exercise, Rng, Wrong

Shape = tuple[int, ...]


def oracle(model: nn.Module, input_shape: Shape) -> int:
    return counted(model, input_shape)


def counted(model: nn.Module, input_shape: Shape, *, restore: bool = True, evaluating: bool = True) -> int:
    """One call under torch's own counter; what it leaves behind can be left."""
    example = next(model.parameters())
    modes = [(part, part.training) for part in model.modules()]
    if evaluating:
        model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(input_shape, dtype=example.dtype))
    for part, training in modes if restore else ():
        part.training = training
    return int(counter.get_total_flops())


def cases(rng: Rng) -> Iterator[Case]:
    a, b, c = (int(value) for value in rng.integers(2, 6, 3))
    yield network(
        "one convolution, by hand",
        {"conv": ("conv", 1, 2, 3, {"padding": 1, "bias": False})},
        input_shape=(1, 1, 4, 4),
        expect=576,
        note="2·4·4 = 32 output values, each a sum of 1·3·3 = 9 products: 2·32·9 = 576",
    )
    yield network("not square, a bias", {"conv": ("conv", a, b, 3)}, input_shape=(1, a, 7, 5))
    yield network("stride 2, padding 1", {"conv": ("conv", a, b, 3, 2, 1)}, input_shape=(1, a, 9, 8))
    yield network("a batch of 3", {"conv": ("conv", a, b, 1)}, input_shape=(3, a, 4, 6))
    yield network(
        "2 groups, dilation 2", {"conv": ("conv", 4, 6, 3, {"groups": 2, "dilation": 2})}, input_shape=(1, 4, 9, 7)
    )
    yield network("one linear layer", {"fc": ("linear", 5, a)}, input_shape=(2, 5))
    yield network("a linear layer on sequences", {"fc": ("linear", 4, b)}, input_shape=(2, 7, 4))
    whole: Layers = {
        "conv1": ("conv", 3, 4, 3, {"padding": 1}),
        "bn1": ("norm", 4),
        "relu": ("relu",),
        "layer1.conv": ("conv", 4, a, 3, 2),
        "pool": ("mean", 1),
        "flatten": ("flatten",),
        "fc": ("linear", a, c),
    }
    yield network("a small network, partly in train mode", whole, evaluating=("bn1", "fc"), input_shape=(2, 3, 8, 9))
    again = ["conv1", "layer1.conv", "relu", "layer1.conv"]
    loop: Layers = {"conv1": ("conv", 3, 4, 3), "layer1.conv": ("conv", 4, 4, 3, 1, 1), "relu": ("relu",)}
    unused: Layers = {"auxiliary": ("conv", 4, 9, 3)}
    yield network(
        "a layer that runs twice, and one that never does", loop | unused, order=again, input_shape=(1, 3, 6, 5)
    )
    yield network("float64", {"conv": ("conv", a, b, 3), "norm": ("norm", b)}, double=True, input_shape=(1, a, 5, 6))


Cost = Callable[[nn.Conv2d | nn.Linear, Tensor, Tensor], int]


def by_hooks(cost: Cost, once: bool = False) -> Callable[[nn.Module, Shape], int]:
    """A counter that adds up cost(layer, input, output); `once`: at a layer's last run only."""

    def answer(model: nn.Module, input_shape: Shape) -> int:
        found: list[tuple[nn.Module, int]] = []

        def note(part: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
            assert isinstance(part, nn.Conv2d | nn.Linear)
            found.append((part, cost(part, inputs[0], out)))

        layers = [part for part in model.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
        hooks = [part.register_forward_hook(note) for part in layers]
        counted(model, input_shape)
        for hook in hooks:
            hook.remove()
        return sum(dict(found).values()) if once else sum(value for _, value in found)

    return answer


def right_cost(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return 2 * out.numel() * math.prod(part.weight.shape[1:])


def groups_ignored(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return right_cost(part, x, out) * (part.groups if isinstance(part, nn.Conv2d) else 1)


def biases_counted(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return right_cost(part, x, out) + (0 if part.bias is None else out.numel())


def input_places(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    if isinstance(part, nn.Linear):
        return right_cost(part, x, out)
    return right_cost(part, x, out) // out[0, 0].numel() * x[0, 0].numel()


def one_image(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return right_cost(part, x, out) // len(out)


def one_place(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return 2 * part.weight.numel() * len(out)


def convolutions_only(part: nn.Conv2d | nn.Linear, x: Tensor, out: Tensor) -> int:
    return right_cost(part, x, out) if isinstance(part, nn.Conv2d) else 0


def multiply_adds(model: nn.Module, input_shape: Shape) -> int:
    return oracle(model, input_shape) // 2


def stays_in_eval(model: nn.Module, input_shape: Shape) -> int:
    return counted(model, input_shape, restore=False)


def runs_in_train(model: nn.Module, input_shape: Shape) -> int:
    return counted(model, input_shape, evaluating=False)


def all_to_train(model: nn.Module, input_shape: Shape) -> int:
    total = oracle(model, input_shape)
    model.train()
    return total


def leaves_hooks(model: nn.Module, input_shape: Shape) -> int:
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(lambda *_: None)
    return oracle(model, input_shape)


RESTORE = "remember part.training of every module before, and put it back after."

COUNT_FLOPS = Exercise(
    id="resnet.count_flops",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "counts multiply-adds",
            multiply_adds,
            says="these are multiply-adds, half of what is asked: a product and its addition are two operations.",
            look="papers use both conventions, often without a word: here it is 2.",
        ),
        Wrong(
            "ignores groups",
            by_hooks(groups_ignored),
            says="with groups each output sees only its own group's input channels.",
            look="weight.shape[1] is in_channels / groups already.",
        ),
        Wrong(
            "counts the biases",
            by_hooks(biases_counted),
            says="adding the biases is counted; only multiply-adds are.",
            look="2 · output values · inputs to each.",
        ),
        Wrong(
            "takes the input's places for the output's",
            by_hooks(input_places),
            says="the kernel is counted at each place of the input; it works at each place of the output.",
            look="stride, padding and kernel make the output another size: read it off what comes out.",
        ),
        Wrong(
            "counts one image of the batch",
            by_hooks(one_image),
            says="the batch axis is left out; the cost is that of the whole call.",
            look="out.numel() has the batch in it.",
        ),
        Wrong(
            "counts each weight once",
            by_hooks(one_place),
            says="each weight is counted once an image; it is used at every place.",
            look="how many values come out, rows and columns included?",
        ),
        Wrong(
            "leaves out the linear layers",
            by_hooks(convolutions_only),
            says="only convolutions are counted.",
            look="nn.Linear costs 2 · output values · in_features.",
        ),
        Wrong(
            "counts a layer once that runs twice",
            by_hooks(right_cost, once=True),
            says="a layer that runs twice is counted once.",
            look="add up in the hook, each time that it is called.",
        ),
        Wrong(
            "leaves the model in eval mode",
            stays_in_eval,
            says="the count is right, but the model is left in eval mode; it was (partly) in train mode.",
            look=RESTORE,
        ),
        Wrong(
            "puts everything into train mode",
            all_to_train,
            says="the count is right, but afterwards parts are in train mode that were in eval mode before.",
            look=RESTORE,
        ),
        Wrong(
            "moves the running statistics",
            runs_in_train,
            says="the count is right, but the norms took the zeros for a batch and moved their running statistics.",
            look="call the model in eval mode.",
        ),
        Wrong(
            "leaves its hooks on",
            leaves_hooks,
            says="the count is right, but hooks are left on the model and will run in every call to come.",
            look="register_forward_hook returns a handle: handle.remove().",
        ),
    ),
    hints=(
        "A forward hook sees each layer's output: hook(layer, inputs, out). Put one on every Conv2d and Linear, and "
        "call the model on zeros.",
        "Each output value is a sum of weight[0].numel() products, for both kinds of layer.",
        "Before: remember the modes, model.eval(). After, in a finally: remove the hooks, put the modes back.",
    ),
    points=3,
    minutes=20,
    forbidden=(*COUNTERS, *NETWORKS),
)

EXERCISES = (COUNT_FLOPS,)
