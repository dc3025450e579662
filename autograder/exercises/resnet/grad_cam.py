"""Grad-CAM on the probes' network, whose second half can be run on its own: the oracle needs no hooks.

`tests/peers/test_resnet_c.py` compares the reference with pytorch-grad-cam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import EXPLAINERS
from autograder.exercises.resnet._staged import CLASSES, images, net
from autograder.probes import make
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Tolerance, Value, Wrong, attribute, call

Spoken = Callable[[Tensor, Tensor], Tensor]  # what is differentiated, from logits and wanted classes
Weighing = Callable[[Tensor, Tensor], Tensor]  # the weighted activations, from those and the gradient
Answer = Callable[..., Tensor]


def chosen(logits: Tensor, wanted: Tensor) -> Tensor:
    return logits.gather(1, wanted[:, None]).sum()


def pooled(activations: Tensor, gradient: Tensor) -> Tensor:
    return gradient.mean((2, 3), keepdim=True) * activations


def enlarged(maps: Tensor, size: Any, **how: Any) -> Tensor:
    return F.interpolate(maps, size, **(how or {"mode": "bilinear", "align_corners": False}))


def to_unit(maps: Tensor, axes: tuple[int, ...] = (1, 2)) -> Tensor:
    low, high = maps.amin(axes, keepdim=True), maps.amax(axes, keepdim=True)
    return ((maps - low) / (high - low)).nan_to_num(posinf=0.0, neginf=0.0)


def cam(
    spoken: Spoken = chosen,
    weighing: Weighing = pooled,
    rectify: Callable[[Tensor], Tensor] = F.relu,
    resize: Callable[..., Tensor] = enlarged,
    scale: Callable[[Tensor], Tensor] = to_unit,
    wanted: Callable[[Tensor, Tensor | None], Tensor] | None = None,
) -> Answer:
    """Grad-CAM with some of its steps changed."""

    def answer(model: Any, layer: Any, x: Tensor, classes: Tensor | None = None) -> Tensor:
        activations = model.upto(layer, x).detach().requires_grad_()
        logits = model.after(layer, activations)
        asked = logits.argmax(1) if classes is None else classes
        asked = asked if wanted is None else wanted(logits, classes)
        (gradient,) = torch.autograd.grad(spoken(logits, asked), activations)
        maps = rectify(weighing(activations.detach(), gradient).sum(1, keepdim=True))
        return scale(resize(maps, x.shape[-2:])[:, 0])

    return answer


oracle = cam()


def _case(
    rng: Rng, name: str, part: str = "stage3", *, classes: Value = None, note: str = "", frozen: bool = False,
    count: int = 2, size: tuple[int, int] = (9, 7), dtype: torch.dtype = torch.float64, train: bool = False,
) -> Case:  # fmt: skip
    while True:
        model = net(rng, dtype=dtype, frozen=frozen, train=train)  # train: one image only, else batch norm mixes them
        x = images(rng, count, *size, dtype=dtype)
        if _legible(model, part, x, classes):
            break
    inputs: dict[str, Value] = {
        "model": model,
        "layer": Probe("part_of", {"model": Ref("model"), "name": part}),
        "x": x,
    }
    if classes is not None:
        inputs["classes"] = classes
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (
        call("maps", **given),
        attribute("model.training afterwards", "training", "model"),
        call("hooks left behind", target="model", method="hooks"),
        call("gradients left behind", target="model", method="gradients"),
        call("what learns", target="model", method="learning"),
    )
    return Case(name, steps, inputs=inputs, note=note, terms=200, scale=10.0)


FAINT = 2e-3  # a map with a largest value below this one moves visibly if 1e-7 is added to the divisor


def _legible(model: Probe, part: str, x: Tensor, classes: Tensor | None) -> bool:
    """Whether each map is either empty or well above what people add to its divisor."""
    made = make(model, lambda value: value)
    maps = cam(scale=lambda maps: maps)(made, made.get_submodule(part), x, classes)
    spread = maps.amax((1, 2)) - maps.amin((1, 2))
    return bool(((spread == 0) | (spread > FAINT)).all())


def by_hand() -> Case:
    """A first stage that passes its three channels on, and a head that likes channel 0, dislikes 1, ignores 2."""
    x = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    x[0, 0] = torch.tensor([[4.0, 0.0], [2.0, 1.0]])
    x[0, 1] = torch.tensor([[1.0, 3.0], [0.0, 1.0]])
    x[0, 2] = 5.0
    inputs: dict[str, Value] = {
        "model": Probe("two_step_net", {"head": torch.tensor([[2.0, -2.0, 0.0], [0.0, 0.0, 1.0]]).double()}),
        "layer": Probe("part_of", {"model": Ref("model"), "name": "keep"}),
        "x": x,
        "classes": torch.tensor([0]),
    }
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    return Case(
        "three channels, 2×2, by hand",
        (call("maps", **given),),
        inputs=inputs,
        expect={"maps": torch.tensor([[[1.0, 0.0], [2 / 3, 0.0]]], dtype=torch.float64)},
        note="logit 0 is 2 · mean A₀ − 2 · mean A₁, so α = (2/4, −2/4, 0); Σ α A = [[1.5, −1.5], [1, 0]]; ReLU: "
        "[[1.5, 0], [1, 0]]; from 0 … 1.5 to 0 … 1: [[1, 0], [2/3, 0]]",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield _case(rng, "the last stage, one image", count=1, classes=torch.tensor([2]))
    yield _case(rng, "three images, three classes", count=3, classes=torch.tensor([4, 0, 1]))
    yield _case(rng, "the predicted classes", count=4)
    yield _case(rng, "an early stage", "stage1", count=3, classes=torch.tensor([3, 3, 0]))
    yield _case(rng, "a frozen model, the second stage", "stage2", count=2, frozen=True)
    yield _case(rng, "all five classes of a wide image", size=(5, 16), count=5, classes=torch.arange(CLASSES))
    yield _case(rng, "float32", count=3, dtype=torch.float32)
    yield _case(rng, "a model in train mode, one image", count=1, train=True)  # before a norm hardly a gradient is left
    yield _one_sided(rng, "every place speaks for the class", 1.0)
    yield _one_sided(rng, "nothing speaks for the class", -1.0)


def _one_sided(rng: Rng, name: str, sign: float) -> Case:
    """Channels that answer everywhere, and a head in which all of them speak for class 0, or all against it."""
    case = _case(rng, name, count=2, classes=torch.tensor([0, 1]))
    weights = case.inputs["model"].options["weights"]
    weights["stage3.1.bias"] += 3.0
    weights["fc.weight"][0] = sign
    return case


def no_relu(maps: Tensor) -> Tensor:
    return maps


def first_row_class(logits: Tensor, classes: Tensor | None) -> Tensor:
    """The first image's class for all."""
    asked = logits.argmax(1) if classes is None else classes
    return asked[:1].expand(len(logits))


def predicted_always(logits: Tensor, classes: Tensor | None) -> Tensor:
    return logits.argmax(1)


def whole_batch(maps: Tensor) -> Tensor:
    return to_unit(maps, (0, 1, 2))


def over_largest(maps: Tensor) -> Tensor:
    return (maps / maps.amax((1, 2), keepdim=True)).nan_to_num()


def nan_where_flat(maps: Tensor) -> Tensor:
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)


def leaves_hook(model: Any, layer: Any, x: Tensor, classes: Tensor | None = None) -> Tensor:
    layer.register_forward_hook(lambda module, inputs, output: None)
    return oracle(model, layer, x, classes)


def leaves_gradients(model: Any, layer: Any, x: Tensor, classes: Tensor | None = None) -> Tensor:
    for item in model.parameters():
        if item.requires_grad:
            item.grad = torch.zeros_like(item)
    return oracle(model, layer, x, classes)


def in_eval_mode(back: bool) -> Answer:
    """Switches to eval mode. back: and goes back to the old one."""

    def answer(model: Any, layer: Any, x: Tensor, classes: Tensor | None = None) -> Tensor:
        training = model.training
        maps = oracle(model.eval(), layer, x, classes)
        model.train(training and back)
        return maps

    return answer


WRONG = (
    Wrong(
        "leaves out the ReLU",
        cam(rectify=no_relu),
        "places that speak *against* the class are kept, as small values instead of none.",
        "only what speaks for the class: ReLU of the sum.",
    ),
    Wrong(
        "applies ReLU to the gradient",
        cam(weighing=lambda a, g: pooled(a, g.relu())),
        "negative gradients are dropped before the mean over places; only the sum over channels is rectified.",
        "one ReLU, at the end.",
    ),
    Wrong(
        "multiplies place by place",
        cam(weighing=lambda a, g: a * g),
        "gradient and activation are multiplied at each place; a channel's weight is the *mean* of its gradient over "
        "all places.",
        "mean over (2, 3), keepdim.",
    ),
    Wrong(
        "ignores the gradient",
        cam(weighing=lambda a, g: a),
        "the channels are summed without weights, so the map is the same for every class.",
        "αₖ times Aₖ.",
    ),
    Wrong(
        "takes the size of the gradient",
        cam(weighing=lambda a, g: pooled(a, g.abs())),
        "weights are absolute values, so channels that speak against the class count as if they spoke for it.",
        "the gradient keeps its sign.",
    ),
    Wrong(
        "shows the gradient alone",
        cam(weighing=lambda a, g: g),
        "this is the gradient; it has to be weighed against what the layer answered.",
        "αₖ times Aₖ.",
    ),
    Wrong(
        "differentiates the probability",
        cam(spoken=lambda logits, wanted: chosen(logits.softmax(1), wanted)),
        "the gradient is that of the class's probability, in which all other logits take part; the logit is asked for.",
        "no softmax.",
    ),
    Wrong(
        "differentiates all logits",
        cam(spoken=lambda logits, wanted: logits.sum()),
        "all classes' logits are summed, so the map doesn't depend on the class.",
        "gather picks one logit for each image.",
    ),
    Wrong(
        "ignores the classes asked for",
        cam(wanted=predicted_always),
        "the map is always that of the predicted class.",
        "argmax only where `classes` is None.",
    ),
    Wrong(
        "takes the first image's class for all",
        cam(wanted=first_row_class),
        "every image is explained for the first one's class.",
        "logits[i, classes[i]] for each i.",
    ),
    Wrong(
        "scales the batch as a whole",
        cam(scale=whole_batch),
        "smallest and largest value are taken over the batch; each image has its own.",
        "amin and amax over the last two axes.",
    ),
    Wrong(
        "divides by the largest value only",
        cam(scale=over_largest),
        "the smallest value isn't brought to 0.",
        "(map − low) / (high − low).",
    ),
    Wrong(
        "leaves the values as they are",
        cam(scale=lambda maps: maps),
        "the map isn't scaled to 0 … 1.",
        "(map − low) / (high − low).",
    ),
    Wrong(
        "divides 0 by 0 where nothing speaks for the class",
        cam(scale=nan_where_flat),
        "a map that is 0 everywhere becomes NaN.",
        "torch.where(high > low, …, 0).",
    ),
    Wrong(
        "enlarges by repeating pixels",
        cam(resize=lambda maps, size: enlarged(maps, size, mode="nearest")),
        "the map is brought to the image's size by the nearest pixel; bilinear is asked for.",
        "F.interpolate has a mode.",
    ),
    Wrong(
        "aligns the corners",
        cam(resize=lambda maps, size: enlarged(maps, size, mode="bilinear", align_corners=True)),
        "the corner pixels' centres are put on top of each other; pixels have a size, and it is the borders that meet.",
        "align_corners=False.",
    ),
    Wrong(
        "switches to eval mode",
        in_eval_mode(back=False),
        "the model is put into eval mode, and left there: a training that goes on afterwards goes on wrongly.",
        "no eval() in here: the caller decides on the mode.",
    ),
    Wrong(
        "explains the model in eval mode",
        in_eval_mode(back=True),
        "a model in train mode is explained as it would answer in eval mode.",
        "no eval() in here: the caller decides on the mode.",
    ),
    Wrong(
        "leaves its hook behind",
        leaves_hook,
        "the maps are right, but the hook stays on the layer and goes on collecting.",
        "register_forward_hook returns a handle; handle.remove() in a `finally`.",
    ),
    Wrong(
        "fills the parameters' gradients",
        leaves_gradients,
        "the maps are right, but backward() has added to every parameter's .grad, and the next step would follow it.",
        "torch.autograd.grad gives a gradient without storing it.",
    ),
)

GRAD_CAM = Exercise(
    id="resnet.grad_cam",
    cases=cases,
    oracle=oracle,
    tolerance=Tolerance(absolute={"maps": 1e-4}),  # to add 1e-7 or 1e-8 to the divisor, as many do, is no mistake
    wrong=WRONG,
    hints=(
        "A forward hook on the layer sees its output: layer.register_forward_hook(lambda module, inputs, output: …).",
        "One sum of the wanted logits serves the whole batch, as no image's logit depends on another image. Where the "
        "model is frozen, let x ask for gradients: x.detach().requires_grad_().",
        "torch.autograd.grad(total, activations) gives (N, K, h, w); its mean over (2, 3) is α.",
        "Σₖ over axis 1, ReLU, F.interpolate(…, mode='bilinear'), then each image to 0 … 1.",
    ),
    points=4,
    minutes=25,
    forbidden=EXPLAINERS,
)

EXERCISES = (GRAD_CAM,)
