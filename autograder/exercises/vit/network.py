"""VisionTransformer against torch.nn's layers under timm's names; small widths keep its checks short."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.vit import _net as networks
from autograder.exercises.vit._dropping import facts, through, ways
from autograder.exercises.vit._first_weights import TOLERANCE, law
from autograder.exercises.vit._net import Oracle
from autograder.exercises.vit._ready_made_net import TRANSFORMER
from autograder.exercises.vit._vit import names_compared, sizes_of, weights
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

FLOAT64 = torch.float64
SMALL = {"dim": 6, "depth": 2, "heads": 2, "image_size": 8, "patch_size": 2, "num_classes": 3, "mlp_ratio": 2}
TRAIN, EVAL = mode("net", "train"), mode("net", "eval")
OUT, TOKENS = call("logits", Ref("x"), target="net"), call("tokens", Ref("x"), target="net", method="embed")
ALL = call("state_dict", target="net", method="state_dict")
BEGINNING, BEGINNING_SIZES = "first weights", {"dim": 48, "depth": 2, "image_size": 64, "patch_size": 8}
DROPPING, RATE, MANY = "leaves out branches, in training", 0.6, 1200


def by_hand() -> Case:
    """A block that adds nothing, so that the class token comes through alone."""
    options = {"dim": 2, "depth": 1, "heads": 1, "image_size": 1, "patch_size": 1, "in_channels": 1, "num_classes": 2}
    found = {name: torch.zeros(shape) for name, shape in sizes_of(Oracle, *options.items()).items()}
    found |= {
        "cls_token": torch.tensor([[[1.0, 2.0]]]),
        "pos_embed": torch.tensor([[[0.0, 1.0], [5.0, 7.0]]]),
        "norm.weight": torch.ones(2),
        "head.weight": torch.tensor([[1.0, 0.0], [1.0, 2.0]]),
        "head.bias": torch.tensor([0.5, 0.0]),
    }
    return Case(
        "one block that adds nothing, by hand",
        (new("net", **options), load("net", found), EVAL, OUT),
        inputs={"x": torch.full((1, 1, 1, 1), 3.0)},
        expect={"logits": torch.tensor([[-0.5, 1.0]])},
        note="class token [1, 2] + its position [0, 1] = [1, 3]; norm: [−1, 1]; head: −1 + 0.5 and −1 + 2·1",
        terms=4,
    )


def one(rng: Rng, name: str, x: Tensor, *steps: Step, **options: Value) -> Case:
    """A network whose weights are loaded, then `steps`."""
    options = SMALL | {"in_channels": x.shape[1]} | options
    found = weights(rng, sizes_of(Oracle, *options.items()), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=400, scale=5.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    mean = {"class_token": False}
    yield one(rng, "the tokens that go into the first block", rng.normal(1, 1, 8, 8), EVAL, TOKENS)
    yield one(rng, "with a class token, timm's names", rng.normal(1, 3, 8, 8), EVAL, ALL, OUT)
    yield one(rng, "without a class token, timm's names", rng.normal(2, 3, 8, 8), EVAL, ALL, OUT, **mean)
    yield one(rng, "batch of 3, three blocks, training", rng.normal(3, 2, 8, 8), TRAIN, OUT, depth=3, heads=3)
    yield one(rng, "wider and lower images", rng.normal(2, 3, 6, 14), EVAL, OUT)
    yield one(rng, "not contiguous", rng.strided(2, 3, 8, 8), EVAL, OUT)
    double = {name: rng.normal(2, 2, *size, dtype=FLOAT64) for name, size in (("a", (8, 8)), ("b", (10, 6)))}
    gradients = backward("logits", "x", "net")
    yield one(rng, "float64, gradients", double["a"], TRAIN, OUT, gradients)
    yield one(rng, "float64, gradients, another size, no class token", double["b"], EVAL, OUT, gradients, **mean)
    yield dropping(rng)
    chance = seed(int(rng.integers(0, 2**31, 1)))
    yield Case(BEGINNING, (chance, new("net", **BEGINNING_SIZES), ALL))


def dropping(rng: Rng) -> Case:
    """One image many times over, so that few answers are possible."""
    x = rng.normal(1, 1, 2, 4).repeat(MANY, 1, 1, 1)
    chance = seed(int(rng.integers(0, 2**31, 1)))
    sizes = {"dim": 4, "image_size": 4, "num_classes": 4, "mlp_ratio": 1}
    return one(rng, DROPPING, x, TRAIN, chance, OUT, drop_path=RATE, **sizes)


# --- what is compared: names, dropped branches and first weights by their law ----------------------------------------


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The law of first weights and of dropped branches; names that are missing or too many; else all as it is."""
    if case.name == BEGINNING:
        return law(outputs["state_dict"])
    return dropped(case, outputs["logits"]) if case.name == DROPPING else names_compared(case, outputs)


def dropped(case: Case, logits: Tensor) -> Outputs:
    """How often each block's branches were left out."""
    options, found = (next(item.kwargs for item in case.steps if item.verb == verb) for verb in ("new", "load"))
    with torch.device("meta"):  # first weights take longer than all that follows
        net = Oracle(**options)
    net.load_state_dict(dict(found), assign=True)
    factors = ways([0.0, RATE / 2, RATE], branches=4)
    with torch.no_grad():
        tokens = net.embed(case.inputs["x"][: len(factors)])
        for block, own in zip(net.blocks, factors.split(2, dim=1), strict=True):
            tokens = through(block, tokens, own)  # type: ignore[arg-type]
        return facts(logits, net.read(tokens), factors, [0.0, RATE])


READ = "with a class token: every token through norm, then the first token. Without: the mean, then fc_norm."
BEGIN = "nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)."
RATES = "block 0 drops nothing, the last block drops with drop_path; the others stand evenly between."

WRONG = (
    Wrong(
        "reads the last token",
        networks.LastToken,
        "the answer is read off the last token, a patch; the class token is the first.",
        READ,
    ),
    Wrong(
        "averages all tokens where there is a class token",
        networks.MeanOfAll,
        "the answer is the mean of all tokens; where there is a class token, it alone is read.",
        READ,
    ),
    Wrong(
        "averages the patches where there is a class token",
        networks.MeanOfPatches,
        "the answer is the mean of the patches' tokens; where there is a class token, it alone is read.",
        READ,
    ),
    Wrong(
        "reads the first patch where there is no class token",
        networks.FirstPatch,
        "without a class token the first token is a patch, the upper left one, and the answer is read off it.",
        READ,
    ),
    Wrong(
        "sums the patches",
        networks.SumOfPatches,
        "without a class token the tokens are summed; it is their mean.",
        "fc_norm hides the difference in scale almost, but not its eps.",
    ),
    Wrong(
        "normalises before the mean",
        networks.NormBeforeTheMean,
        "without a class token each token goes through the norm, and the mean is taken after; it is the mean that "
        "goes through fc_norm.",
        READ,
    ),
    Wrong(
        "leaves out the norm behind the blocks",
        networks.NoNorm,
        "with a class token the blocks' result goes to the head as it is; norm is never used.",
        READ,
    ),
    Wrong(
        "leaves out fc_norm",
        networks.NoFcNorm,
        "without a class token the mean goes to the head as it is; fc_norm is never used.",
        READ,
    ),
    Wrong(
        "leaves eps at PyTorch's 1e-5",
        networks.LargeEps,
        "the last norm's eps is 1e-5, nn.LayerNorm's own; the published weights were trained with 1e-6.",
        "nn.LayerNorm(dim, eps=…).",
    ),
    Wrong(
        "answers in probabilities",
        networks.Probabilities,
        "a softmax follows head; asked are logits.",
        "head's result is the answer.",
    ),
    Wrong(
        "puts the class token at the end",
        networks.TokenAtTheEnd,
        "the class token stands behind the patches, so each token gets its neighbour's position: the first row of "
        "pos_embed is the class token's.",
        "you have add_positions.",
    ),
    Wrong(
        "puts the class token at the end and reads the first token",
        networks.TokenAtTheEndUnread,
        "the class token stands behind the patches, and the answer is read off the first patch.",
        "you have add_positions.",
    ),
    Wrong(
        "adds no positions",
        networks.NoPositions,
        "pos_embed is never added: to attention the patches are a heap, in no order.",
        "you have add_positions.",
    ),
    Wrong(
        "adds no position to the class token",
        networks.NoPositionForTheToken,
        "the positions are added before the class token is put in front, so it gets none; it has one, the first row.",
        "you have add_positions.",
    ),
    Wrong(
        "gives the patches positions from the class token's on",
        networks.PositionsOfOthers,
        "the first patch gets the first row of pos_embed, which is the class token's.",
        "you have add_positions.",
    ),
    Wrong(
        "cuts the positions for images of another size",
        networks.CutPositions,
        "an image of another size gets the first rows of pos_embed, which lie elsewhere in the picture that was "
        "learned.",
        "you have interpolate_pos_embed.",
    ),
    Wrong(
        "turns the grid of positions",
        networks.GridTurned,
        "for images of another size the grid is asked for with columns before rows.",
        "(H / patch_size, W / patch_size): rows first.",
    ),
    Wrong(
        "uses one block several times",
        networks.OneBlockOften,
        "all blocks are the same one, with one set of weights.",
        "[block] * depth repeats one object; each block is made anew.",
    ),
    Wrong(
        "skips the last block",
        networks.LastBlockMissing,
        "the last block is made but not used.",
        "how often does your loop run?",
    ),
    Wrong(
        "runs the blocks from the last to the first",
        networks.Backwards,
        "the blocks run in reverse order.",
        "nn.Sequential runs its parts in order.",
    ),
    Wrong(
        "never drops a branch",
        networks.NeverDrops,
        "drop_path is not handed on: in training every branch is always there.",
        RATES,
    ),
    Wrong(
        "drops equally in all blocks",
        networks.OneRate,
        "every block drops with drop_path; the first blocks should be left in peace, as all others build on them.",
        RATES,
    ),
    Wrong(
        "drops most in the first block",
        networks.RatesFalling,
        "the rates fall from block to block; they rise.",
        RATES,
    ),
    Wrong(
        "divides the rates by depth",
        networks.RatesByDepth,
        "block i drops with drop_path · i / depth, so that the last block never reaches drop_path.",
        RATES,
    ),
    Wrong(
        "drops in the first block already",
        networks.RatesFromOne,
        "block i drops with drop_path · (i + 1) / depth; blocks count from 0.",
        RATES,
    ),
    Wrong(
        "starts from torch's default weights",
        networks.DefaultStart,
        "the linear layers are as nn.Linear makes them; asked is std 0.02.",
        BEGIN,
    ),
    Wrong(
        "doesn't cut the first weights off",
        networks.Uncut,
        "the first weights are normal with std 0.02, but not cut off at two std: a and b of nn.init.trunc_normal_ are "
        "plain numbers, −2 and 2 unless given.",
        "two std are 0.04.",
    ),
    Wrong(
        "starts from uniform weights",
        networks.UniformStart,
        "the first weights are uniform; asked are normal ones.",
        BEGIN,
    ),
    Wrong(
        "starts from positions of 0",
        networks.PositionsFromZero,
        "pos_embed starts at 0; it starts random, as linear layers do.",
        BEGIN,
    ),
    Wrong(
        "starts from positions of std 1",
        networks.LargePositions,
        "pos_embed starts with std 1 and drowns the patches; asked is 0.02.",
        BEGIN,
    ),
    Wrong(
        "leaves the biases random",
        networks.BiasedStart,
        "the linear layers' biases are as nn.Linear makes them; they start at 0.",
        "nn.init.zeros_(layer.bias).",
    ),
    Wrong(
        "starts from a random class token",
        networks.RandomToken,
        "the class token starts random; it starts at 0.",
        "torch.zeros(1, 1, dim).",
    ),
    Wrong(
        "gives its parts other names",
        networks.OtherNames,
        "the network works, but its parts are not called patch_embed, blocks, norm and head, as in timm: published "
        "weights come under these names.",
        "the first column of the table.",
    ),
)


def speed_case(rng: Rng) -> Case:
    sizes = {"dim": 96, "depth": 4, "heads": 3, "image_size": 96, "patch_size": 16, "num_classes": 10, "mlp_ratio": 4}
    return one(rng, "speed", rng.uniform(4, 3, 96, 96), EVAL, OUT, **sizes)


VISION_TRANSFORMER = Exercise(
    id="vit.VisionTransformer",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    tolerance=TOLERANCE,
    wrong=WRONG,
    hints=(
        "forward is embed, blocks, then norm and the class token, or the mean and fc_norm; then head.",
        "embed: interpolate_pos_embed for the image's grid, patch_embed, add_positions.",
        "nn.Sequential(*(TransformerBlock(dim, heads, mlp_ratio, rate) for rate in rates)), and rates is a list of "
        "depth numbers from 0 to drop_path.",
        "First weights: go through self.modules() and fill each nn.Linear's weight with nn.init.trunc_normal_; mind "
        "its a and b.",
    ),
    points=6,
    minutes=35,
    needs=("vit.PatchEmbed", "vit.add_positions", "vit.interpolate_pos_embed", "vit.TransformerBlock"),
    forbidden=TRANSFORMER,
    speed=Speed(case=speed_case, limit=2.5, against="the same in torch"),
)

EXERCISES = (VISION_TRANSFORMER,)
