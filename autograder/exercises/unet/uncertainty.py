"""Monte Carlo dropout. Networks have one dropout in front, so that each pixel says one of two things in a draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from autograder.exercises.resnet.draws import mean as mean_in_words
from autograder.exercises.resnet.draws import repeats
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Wrong, attribute, call, draw, seed

Said = tuple[Tensor, Tensor, Tensor]
CLOSE = 2e-5
PIXELS = (18, 20)


def spread(p: Tensor) -> Tensor:
    """Entropy in nats, over axis 1; of one channel: of p and 1 − p."""
    both = torch.cat([p, 1 - p], dim=1) if p.shape[1] == 1 else p
    return -torch.xlogy(both, both).sum(1)


def chances(logits: Tensor) -> Tensor:
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


def made(
    model: nn.Module,
    x: Tensor,
    draws: int,
    start: int,
    *,
    at_work: Literal["dropout", "all", "none", "1d only"] = "dropout",
    left: Literal["as it was", "eval", "train", "dropout"] = "as it was",
    averages: Literal["chances", "logits"] = "chances",
    restarts: bool = False,
    moves: bool = False,
    entropy: Literal["of the mean", "mean", "bits", "inner", "both sides"] = "of the mean",
    information: Literal["difference", "own", "turned"] = "difference",
    plain_log: bool = False,
    always: Literal["sigmoid", "softmax"] | None = None,
    gradients: bool = False,
) -> Said:
    """Several draws, with the habits of mistakes."""
    modes = {part: part.training for part in model.modules()}
    for part in modes:
        drops = isinstance(part, nn.modules.dropout._DropoutNd) and (at_work != "1d only" or type(part) is nn.Dropout)
        part.training = at_work == "all" or (drops and at_work != "none")
    said = []
    with torch.set_grad_enabled(gradients), torch.random.fork_rng(devices=[], enabled=not moves):
        torch.manual_seed(start)
        for _ in range(draws):
            if restarts:
                torch.manual_seed(start)
            said.append(model(x))
    for part, mode in modes.items():
        part.training = {"as it was": mode, "eval": False, "train": True, "dropout": part.training}[left]
    to_chances = {"sigmoid": torch.sigmoid, "softmax": lambda x: x.softmax(1), None: chances}[always]
    each = [to_chances(logits) for logits in said]
    mean = sum(each) / draws if averages == "chances" else to_chances(sum(said) / draws)
    assert isinstance(mean, Tensor)
    inner, whole = torch.stack([spread(p) for p in each]).mean(0), spread(mean)
    if plain_log:
        whole = -(mean * mean.log()).sum(1) - ((1 - mean) * (1 - mean).log()).sum(1) * (mean.shape[1] == 1)
    one = {"of the mean": whole, "mean": inner, "bits": whole / math.log(2), "inner": -torch.xlogy(mean, mean).sum(1)}
    one["both sides"] = spread(mean) if mean.shape[1] == 1 else one["inner"] - torch.xlogy(1 - mean, 1 - mean).sum(1)
    two = {"difference": whole - inner, "own": inner, "turned": inner - whole}
    return mean, one[entropy], two[information].clamp(min=0) if information == "difference" else two[information]


def oracle(model: nn.Module, x: Tensor, draws: int, seed: int = 0) -> Said:
    return made(model, x, draws, seed)


def net(drop: str, share: float, weight: Tensor, bias: Tensor, **options: Any) -> Probe:
    """Dropout, then a 1 × 1 convolution from one channel."""
    layers = {"drop": (drop, share), "conv": ("conv", 1, len(bias), 1)}
    weights = {"conv.weight": weight.reshape(-1, 1, 1, 1), "conv.bias": bias}
    return Probe("patchwork", {"layers": layers, "order": ("drop", "conv"), "weights": weights, **options})


def case(name: str, model: Probe, x: Tensor, *, note: str = "", **options: Any) -> Case:
    inputs = {"model": model, "x": x, **options}
    given: dict[str, Any] = {key: Ref(key) for key in inputs}
    steps = (
        call("out", **given),
        call("left", target="model", method="journal"),
        call("mean", 0, target="out", method="__getitem__"),
        attribute("records gradients", "requires_grad", "mean"),
    )
    return Case(name, steps, inputs=inputs, note=note, terms=16, scale=1.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield case(
        "one pixel, no dropout, by hand",
        net("dropout", 0.0, torch.tensor([1.0]), torch.zeros(1)),
        torch.full((1, 1, 1, 1), math.log(3)),
        draws=4,
        note="sigmoid(log 3) = 3/4 in each draw; entropy −¾ log ¾ − ¼ log ¼ = 0.562; draws agree: information 0",
    )
    one = {"weight": torch.tensor([1.0]), "bias": torch.tensor([-1.5])}
    flat = torch.full((1, 1, *PIXELS), 1.4)
    yield case("one foreground, half is dropped", net("dropout", 0.5, **one), flat, draws=6)
    three = {"weight": torch.tensor([1.0, -0.5, 0.2]), "bias": torch.tensor([-1.0, 0.5, 0.3])}
    yield case("three classes, a third is dropped", net("dropout", 1 / 3, **three), flat, draws=5)
    many = torch.full((150, 1, 2, 1), 1.4, dtype=torch.float64)
    double = {key: value.double() for key, value in one.items()}
    yield case("whole channels, batch of 150, float64", net("dropout2d", 0.5, **double), many, draws=4)
    for name, evaluating in (("a batch norm, in training", ()), ("a batch norm, in evaluation", ("", "norm"))):
        yield case(name, _normed(evaluating), rng.normal(3, 2, 4, 3), draws=3)
    yield case("certain", net("dropout", 0.0, torch.tensor([1.0]), torch.zeros(1)), _loud(1), draws=2)
    sure = net("dropout", 0.0, torch.tensor([1.0, -1.0]), torch.zeros(2))
    yield case("certain, two classes", sure, _loud(2), draws=2)
    given: dict[str, Any] = {"model": Ref("model"), "x": Ref("x"), "draws": 3}
    numbers = [int(value) for value in rng.permutation(1000)[:2]]
    steps = (
        seed(11),
        call("one", **given, seed=numbers[0]),
        seed(12),
        call("again", **given, seed=numbers[0]),
        call("other", **given, seed=numbers[1]),
        draw("random"),
    )
    inputs = {"model": net("dropout", 0.5, **one), "x": flat}
    yield Case("the same seed twice, then another", steps, inputs=inputs)


def _normed(evaluating: tuple[str, ...]) -> Probe:
    layers = {
        "conv": ("conv", 2, 3, 3, {"padding": 1}),
        "norm": ("norm", 3),
        "drop": ("dropout", 0.0),
        "head": ("conv", 3, 2, 1),
    }
    order = ("conv", "norm", "drop", "head")
    return Probe("patchwork", {"layers": layers, "order": order, "evaluating": evaluating})


def _loud(rows: int) -> Tensor:
    return torch.tensor([[[[1e4, -1e4, 0.0]]]]).repeat(1, 1, rows, 1)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of draws by chance what must hold of any; else everything as it is."""
    if "again" in outputs:
        return repeats(outputs)
    options = case.inputs["model"].options
    share = options["layers"]["drop"][1]
    if not share:
        return outputs
    weight, bias = (options["weights"][f"conv.{name}"].double() for name in ("weight", "bias"))
    x, draws = case.inputs["x"], case.inputs["draws"]
    mean, entropy, information = outputs["out"]
    if mean.dtype != x.dtype or mean.shape != (len(x), len(bias), *x.shape[2:]):
        raise ValueError("another shape or dtype")
    value = float(x.flatten()[0]) / (1 - share)
    without = chances(bias[None])[0]
    along = chances((bias + weight.flatten() * value)[None])[0]
    kept = (mean[:, 0].double() - without[0]) / (along[0] - without[0]) * draws
    rounded = kept.round().clamp(0, draws)
    part = (rounded / draws)[:, None]
    wanted = part * along[:, None, None] + (1 - part) * without[:, None, None]
    inner = (
        part[:, 0] * spread(along[None, :, None])[0] + (1 - part[:, 0]) * spread(without[None, :, None])[0]
    ).double()
    whole = spread(mean.double())
    facts: Outputs = {key: outputs[key] for key in ("left", "records gradients")}
    facts["the mean is one of whole draws"] = _near(wanted, mean.double())
    facts["of averaged logits"] = _near(chances(bias[:, None, None] + weight.reshape(-1, 1, 1) * value * part), mean)
    deviation = math.sqrt(draws * share * (1 - share))
    whole_channels = options["layers"]["drop"][0] == "dropout2d"
    seen = rounded[:, 0, 0] if whole_channels else rounded
    facts["how often it is kept"] = mean_in_words(seen, draws * (1 - share), deviation)
    facts["all or nothing"] = bool(((rounded == 0) | (rounded == draws)).all())
    facts["channels fall as one"] = bool((rounded == rounded[:, :1, :1]).all())
    facts["entropy"] = _called({"of the mean": whole, "of each": inner, "bits": whole / math.log(2)}, entropy)
    facts["information"] = _called({"difference": whole - inner, "own": inner, "turned": inner - whole}, information)
    return facts


def _near(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one - other).abs() < CLOSE).all())


def _called(known: dict[str, Tensor], found: Tensor) -> str:
    return next((name for name, value in known.items() if _near(value, found.double())), "something else")


def habit(**options: Any) -> Callable[..., Said]:
    """The oracle with one habit changed."""

    def answer(model: nn.Module, x: Tensor, draws: int, seed: int = 0) -> Said:
        return made(model, x, draws, **{"start": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


MC_DROPOUT = Exercise(
    id="unet.mc_dropout",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "puts everything in train mode",
            "batch norms too work as in training: they use this batch's statistics, and their running means move.",
            "model.eval() first, then only the dropout layers.",
            at_work="all",
        ),
        _wrong(
            "leaves dropout off",
            "nothing is dropped: all draws say the same, and information is 0 everywhere.",
            "in evaluation mode dropout does nothing.",
            at_work="none",
        ),
        _wrong(
            "knows nn.Dropout alone",
            "layers that drop whole channels (Dropout2d) are left off.",
            "four classes of torch.nn drop.",
            at_work="1d only",
        ),
        _wrong(
            "leaves the model in evaluation",
            "afterwards the model is in evaluation mode, although some of it was in training.",
            "note each module's mode before you change it.",
            left="eval",
        ),
        _wrong(
            "leaves the model in training",
            "afterwards the whole model is in train mode.",
            "note each module's mode before you change it.",
            left="train",
        ),
        _wrong(
            "averages logits",
            "the logits' mean goes through the sigmoid or softmax; asked for is the mean of probabilities.",
            "first probabilities, then the mean.",
            averages="logits",
        ),
        _wrong(
            "repeats one draw",
            "the seed is set before every draw, so all of them drop the same.",
            "seed once.",
            restarts=True,
        ),
        _wrong(
            "moves the global random state",
            "torch's global generator isn't where it was.",
            "torch.random.fork_rng().",
            moves=True,
        ),
        _wrong(
            "averages the draws' entropies",
            "entropy is the mean of the draws' own; asked for is that of the mean.",
            "first the mean, then its entropy.",
            entropy="mean",
        ),
        _wrong(
            "counts in bits", "the entropy is in bits; nats are asked for.", "the natural logarithm.", entropy="bits"
        ),
        _wrong(
            "forgets the background",
            "for one foreground, entropy is −p log p alone; the background, 1 − p, is missing.",
            "a certain pixel has entropy 0 whether p is 0 or 1, and ½ has log 2.",
            entropy="inner",
        ),
        _wrong(
            "gives the draws' own entropy for information",
            "information is the mean of the draws' own entropies; it is what is left of the entropy without them.",
            "where all draws agree, it is 0.",
            information="own",
        ),
        _wrong(
            "turns the difference round",
            "information is below 0: the draws' own entropies minus the mean's.",
            "entropy minus mean of the draws' own.",
            information="turned",
        ),
        _wrong(
            "multiplies 0 by its logarithm",
            "where a probability is 0, 0 · log 0 is not a number.",
            "torch.special.entr, or xlogy.",
            plain_log=True,
        ),
        _wrong(
            "takes sigmoids of classes",
            "with several classes each gets a sigmoid; they share 1, by the softmax.",
            "how many channels do the logits have?",
            always="sigmoid",
        ),
        _wrong(
            "takes the softmax of one channel",
            "with one channel the softmax is 1 everywhere; one foreground has a sigmoid.",
            "how many channels do the logits have?",
            always="softmax",
        ),
        _wrong(
            "counts every class against the others",
            "with several classes, 1 − p of each is counted too; the other classes are that already.",
            "the sum runs over the classes; only of one foreground is there a 1 − p.",
            entropy="both sides",
        ),
        _wrong(
            "leaves dropout at work",
            "afterwards dropout is still in train mode, and all else in evaluation mode.",
            "note each module's mode before you change it, and set it back.",
            left="dropout",
        ),
        _wrong(
            "records gradients",
            "the results still hang on the graph: every draw's activations are kept for a backward pass.",
            "torch.no_grad().",
            gradients=True,
        ),
        _wrong("ignores the seed", "every seed gives the same draws.", "torch.manual_seed(seed).", start=0),
    ),
    hints=(
        "modes = [(m, m.training) for m in model.modules()]; set .training of each, and set it back in a `finally`.",
        "with torch.no_grad(), torch.random.fork_rng(): torch.manual_seed(seed), then the draws.",
        "torch.special.entr(p) is −p log p, 0 where p is 0. For one channel, append 1 − p first.",
    ),
    points=4,
    minutes=30,
    forbidden=NETWORKS,
)

EXERCISES = (MC_DROPOUT,)
