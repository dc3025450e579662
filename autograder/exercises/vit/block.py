"""The transformer's block: two residual branches, each with a norm in front."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.vit import _vit
from autograder.exercises.vit._dropping import facts, through, ways
from autograder.exercises.vit._ready_made_net import TRANSFORMER
from autograder.exercises.vit._vit import names_compared, sizes_of, under_other_names, weights
from autograder.spec import (
    Case,
    Exercise,
    Outputs,
    Ref,
    Rng,
    Speed,
    Step,
    Value,
    Wrong,
    backward,
    call,
    load,
    mode,
    new,
    seed,
)

Oracle = _vit.Block
ALL = call("state_dict", target="net", method="state_dict")
OUT, GRADIENTS = call("out", Ref("x"), target="net"), backward("out", "x", "net")
DROPPING, DROPPED, MANY = "leaves out a third of the branches, in training", 1 / 3, 1200


def by_hand() -> Case:
    """The last layer of each branch gives its bias, whatever comes in."""
    options = {"dim": 2, "heads": 1, "mlp_ratio": 1}
    found = {name: torch.zeros(shape) for name, shape in sizes_of(Oracle, *options.items()).items()}
    found |= {"attn.proj.bias": torch.tensor([1.0, 0.0]), "mlp.fc2.bias": torch.tensor([0.0, 0.5])}
    return Case(
        "branches that give their biases alone, by hand",
        (new("net", **options), load("net", found), mode("net", "eval"), OUT),
        inputs={"x": torch.tensor([[[3.0, 4.0]]])},
        expect={"out": torch.tensor([[[4.0, 4.5]]])},
        note="[3, 4] + [1, 0] from attention + [0, 0.5] from the small network",
        terms=4,
    )


def one(rng: Rng, name: str, x: Tensor, *steps: Step, **options: Value) -> Case:
    """A block whose weights are loaded, then `steps`."""
    options = {"dim": x.shape[-1], "heads": 2} | options
    found = weights(rng, sizes_of(Oracle, *options.items()), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=2 * x.numel(), scale=5.0)


def dropping(rng: Rng) -> Case:
    """The same tokens many times over, so that few answers are possible."""
    x = rng.normal(1, 2, 4).repeat(MANY, 1, 1)
    chance = seed(int(rng.integers(0, 2**31, 1)))
    return one(rng, DROPPING, x, mode("net", "train"), chance, OUT, mlp_ratio=1, drop_path=DROPPED)


def cases(rng: Rng) -> Iterator[Case]:
    train, evaluation = mode("net", "train"), mode("net", "eval")
    yield by_hand()
    yield one(rng, "2 heads of 3, timm's names", rng.normal(1, 4, 6), evaluation, ALL, OUT)
    yield one(rng, "batch of 3, 3 heads of 2", rng.normal(3, 5, 6), train, OUT, heads=3)
    yield one(rng, "one token, narrow in the middle", rng.normal(2, 1, 8), evaluation, OUT, mlp_ratio=0.5)
    yield one(rng, "not contiguous", rng.strided(2, 5, 6), evaluation, OUT, mlp_ratio=2)
    small = 1e-3 * rng.normal(2, 3, 6, dtype=torch.float64)
    yield one(rng, "small numbers, float64", small, evaluation, OUT)
    yield dropping(rng)
    yield one(rng, "nothing is left out in evaluation", rng.normal(6, 3, 4), evaluation, OUT, drop_path=0.9)
    double = rng.normal(2, 4, 6, dtype=torch.float64)
    yield one(rng, "float64, gradients", double, train, OUT, GRADIENTS, mlp_ratio=2)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Names where names are asked for; of dropped branches their law; else everything as it is."""
    if case.name != DROPPING:
        return names_compared(case, outputs)
    options, found = (next(item.kwargs for item in case.steps if item.verb == verb) for verb in ("new", "load"))
    block = Oracle(**options)
    block.load_state_dict(dict(found))
    factors = ways([0, DROPPED], branches=2)
    with torch.no_grad():
        possible = through(block, case.inputs["x"][: len(factors)], factors)
    return facts(outputs["out"], possible, factors, [DROPPED])


class PostNorm(Oracle):
    """As in 2017: each norm stands behind the sum."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.kept(self.attn(x)))
        out: Tensor = self.norm2(x + self.kept(self.mlp(x)))
        return out


class NormOfTheBranch(Oracle):
    """Each norm stands behind its branch, in front of the sum."""

    def first(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm1(self.attn(x))
        return out

    def second(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(self.mlp(x))
        return out


class NormOnTheShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x)
        x = self.norm2(x + self.kept(self.attn(x)))
        out: Tensor = x + self.kept(self.mlp(x))
        return out


class OneNormTwice(Oracle):
    def second(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.norm1(x)) + 0 * self.norm2(x)
        return out


class NormsSwapped(Oracle):
    def first(self, x: Tensor) -> Tensor:
        out: Tensor = self.attn(self.norm2(x))
        return out

    def second(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(self.norm1(x))
        return out


class NoFirstNorm(Oracle):
    def first(self, x: Tensor) -> Tensor:
        out: Tensor = self.attn(x) + 0 * self.norm1(x)
        return out


class NoSecondNorm(Oracle):
    def second(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(x) + 0 * self.norm2(x)
        return out


class LargeEps(Oracle):
    eps = 1e-5


class SideBySide(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.kept(self.first(x)) + self.kept(self.second(x))


class FirstInputAgain(Oracle):
    """The second shortcut starts where the first one does."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.kept(self.second(x + self.kept(self.first(x))))


class MlpFirst(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.kept(self.second(x))
        return x + self.kept(self.first(x))


class NoFirstShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = self.kept(self.first(x))
        return x + self.kept(self.second(x))


class NoSecondShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return self.kept(self.second(x + self.kept(self.first(x))))


class NoShortcuts(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return self.kept(self.second(self.kept(self.first(x))))


class NeverDrops(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.first(x)
        return x + self.second(x)


class DropsAttentionAlone(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.kept(self.first(x))
        return x + self.second(x)


class DropsMlpAlone(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.first(x)
        return x + self.kept(self.second(x))


class DropsSums(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        x = self.kept(x + self.first(x))
        return self.kept(x + self.second(x))


class DropsNumbers(Oracle):
    """Dropout where whole branches should be dropped."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0, drop_path: float = 0.0) -> None:
        super().__init__(dim, heads, mlp_ratio, drop_path)
        self.drop = nn.Dropout(drop_path)  # type: ignore[assignment]


OtherNames = under_other_names(Oracle, {"norm1": "first_norm", "attn": "attention", "norm2": "second_norm"})

PRE = "x + attn(norm1(x)): what does the shortcut carry, and what does attention get?"

WRONG = (
    Wrong(
        "normalises behind the sum",
        PostNorm,
        "the norms stand behind the sums, as in the first transformers (post-norm). Here each stands in front of its "
        "branch (pre-norm), so that nothing ever changes what the shortcut carries.",
        PRE,
    ),
    Wrong(
        "normalises what the branches give",
        NormOfTheBranch,
        "each norm stands behind its branch; it stands in front.",
        PRE,
    ),
    Wrong(
        "normalises the shortcut too",
        NormOnTheShortcut,
        "x itself is replaced by its norm, so the shortcut carries normalised tokens; only the branch gets them.",
        PRE,
    ),
    Wrong(
        "uses norm1 twice",
        OneNormTwice,
        "norm1 stands in front of both branches, and norm2 is never used.",
        "each branch has a norm of its own.",
    ),
    Wrong(
        "swaps the norms",
        NormsSwapped,
        "norm2 stands in front of attention and norm1 in front of the small network.",
        "norm1 belongs to the first branch.",
    ),
    Wrong(
        "has no norm in front of attention",
        NoFirstNorm,
        "attention gets x as it is; norm1 is never used.",
        PRE,
    ),
    Wrong(
        "has no norm in front of the small network",
        NoSecondNorm,
        "mlp gets x as it is; norm2 is never used.",
        "both branches have a norm in front.",
    ),
    Wrong(
        "leaves eps at PyTorch's 1e-5",
        LargeEps,
        "the norms' eps is 1e-5, nn.LayerNorm's own; the published weights were trained with 1e-6.",
        "nn.LayerNorm(dim, eps=…).",
    ),
    Wrong(
        "runs the branches side by side",
        SideBySide,
        "the small network gets the block's input; it gets what the first branch has left, x + attn(norm1(x)).",
        "two steps, and x is a new one after the first.",
    ),
    Wrong(
        "adds the first input twice",
        FirstInputAgain,
        "the second shortcut carries the block's input, so that attention's result reaches the small network alone.",
        "two steps, and x is a new one after the first.",
    ),
    Wrong(
        "has the small network first",
        MlpFirst,
        "the small network comes before attention.",
        "attention first: tokens look at each other, then each thinks for itself.",
    ),
    Wrong(
        "leaves out the first shortcut",
        NoFirstShortcut,
        "attention's result replaces x; it is added to it.",
        "x + …, twice.",
    ),
    Wrong(
        "leaves out the second shortcut",
        NoSecondShortcut,
        "the small network's result is the answer; it is added to what went in.",
        "x + …, twice.",
    ),
    Wrong(
        "leaves out both shortcuts",
        NoShortcuts,
        "nothing is ever added to x: the branches stand one behind the other.",
        "x + …, twice.",
    ),
    Wrong(
        "never drops a branch",
        NeverDrops,
        "self.drop is not used: in training every branch is always there.",
        "each branch goes through self.drop before it is added.",
    ),
    Wrong(
        "drops attention's branch alone",
        DropsAttentionAlone,
        "only attention goes through self.drop; both branches do.",
        "each branch goes through self.drop before it is added.",
    ),
    Wrong(
        "drops the small network's branch alone",
        DropsMlpAlone,
        "only the small network goes through self.drop; both branches do.",
        "each branch goes through self.drop before it is added.",
    ),
    Wrong(
        "drops the shortcut as well",
        DropsSums,
        "self.drop is applied to the sum, so that a sample loses its tokens altogether.",
        "the shortcut always passes: only what is added to it goes through self.drop.",
    ),
    Wrong(
        "drops single numbers",
        DropsNumbers,
        "single numbers of a branch are dropped; a sample keeps a branch or loses all of it.",
        "DropPath is given.",
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        "it works, but its parts are not called norm1, attn, norm2 and mlp: published weights come under these names.",
        "the contract's table.",
    ),
)

TRANSFORMER_BLOCK = Exercise(
    id="vit.TransformerBlock",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    wrong=WRONG,
    hints=(
        "Five parts in __init__, two lines in forward.",
        "x = x + …, twice; the second line starts from the x that the first one has made.",
        "x + self.drop(self.attn(self.norm1(x))) is the first line.",
    ),
    points=3,
    minutes=15,
    needs=("vit.Mlp", "vit.SelfAttention"),
    forbidden=TRANSFORMER,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.uniform(1, 197, 192), mode("net", "eval"), OUT, heads=3),
        limit=2.5,
        against="the same in torch",
    ),
)

EXERCISES = (TRANSFORMER_BLOCK,)
