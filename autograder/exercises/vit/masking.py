"""Which tokens are kept and which are hidden."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Wrong, backward, call, of_call

Masked = tuple[Tensor, Tensor, Tensor]


def places(noise: Tensor) -> Tensor:
    """How many noises of the same image are smaller than a token's own."""
    return (noise[:, None, :] < noise[:, :, None]).sum(2)


def sorted_by(tokens: Tensor, order: Tensor) -> Tensor:
    """The tokens, each written to its place."""
    return torch.zeros_like(tokens).scatter(1, order[:, :, None].expand_as(tokens), tokens)


def oracle(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    order = places(noise)
    return sorted_by(tokens, order)[:, :keep], (order >= keep).to(tokens.dtype), order


def noises(rng: Rng, count: int, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """In [0, 1), no two alike in an image."""
    ranks = torch.stack([rng.permutation(n) for _ in range(count)])
    return ((ranks + rng.uniform(count, n, low=0.1, high=0.9)) / n).to(dtype)


def case(name: str, tokens: Tensor, noise: Tensor, keep: int, *, gradient: bool = False) -> Case:
    inputs = {"tokens": tokens, "noise": noise, "keep": keep}
    steps = [call("out", tokens=Ref("tokens"), noise=Ref("noise"), keep=Ref("keep"))]
    if gradient:
        steps += [call("kept", 0, target="out", method="__getitem__"), backward("kept", "tokens")]
    return Case(name, tuple(steps), inputs=inputs)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four tokens of which two are kept, by hand",
        tokens=torch.tensor([10.0, 20.0, 30.0, 40.0]).reshape(1, 4, 1),
        noise=torch.tensor([[0.6, 0.1, 0.9, 0.3]]),
        keep=2,
        expect=(
            torch.tensor([[[20.0], [40.0]]]),
            torch.tensor([[1.0, 0.0, 1.0, 0.0]]),
            torch.tensor([[2, 0, 3, 1]]),
        ),
        note="by noise: 0.1 (token 1), 0.3 (token 3), 0.6 (token 0), 0.9 (token 2); so token 0 has place 2, token 1 "
        "place 0, token 2 place 3, token 3 place 1",
    )
    yield case("one of five is kept", rng.normal(1, 5, 3), noises(rng, 1, 5), 1)
    yield case("batch of 3, gradients", rng.normal(3, 7, 4), noises(rng, 3, 7), 3, gradient=True)
    yield case("all are kept", rng.normal(2, 6, 2), noises(rng, 2, 6), 6)
    yield case("a quarter is kept", rng.normal(2, 49, 5), noises(rng, 2, 49), 12)
    yield case("noise of any sign", rng.normal(4, 6, 3), 10 * noises(rng, 4, 6) - 5, 4)
    yield case("noise ascends", rng.normal(2, 5, 2), noises(rng, 2, 5).sort(1).values, 2)
    yield case("not contiguous", rng.strided(2, 8, 3), noises(rng, 8, 8).T[:2].argsort(1).argsort(1) / 8, 3)
    yield case("float64", rng.normal(2, 9, 3, dtype=torch.float64), noises(rng, 2, 9, torch.float64), 5)
    yield case("tokens in float64, noise in float32", rng.normal(2, 6, 3, dtype=torch.float64), noises(rng, 2, 6), 2)


def largest_kept(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    return oracle(tokens, -noise, keep)


def hidden_counted(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    return oracle(tokens, noise, noise.shape[1] - keep)


def in_image_order(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    _, mask, order = oracle(tokens, noise, keep)
    return tokens.take_along_dim(mask.argsort(dim=1, stable=True)[:, :keep, None], 1), mask, order


def first_tokens(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    _, mask, order = oracle(tokens, noise, keep)
    return tokens[:, :keep].clone(), mask, order


def picked_by_places(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    _, mask, order = oracle(tokens, noise, keep)
    return tokens.take_along_dim(order[:, :keep, None], 1), mask, order


def order_for_places(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, _ = oracle(tokens, noise, keep)
    return kept, mask, noise.argsort(1)


def one_order(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    return oracle(tokens, noise[:1].expand_as(noise), keep)


def kept_alone(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, _ = oracle(tokens, noise, keep)
    return kept, mask, noise.argsort(1)[:, :keep]


def mask_turned(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept, 1 - mask, order


def mask_shuffled(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept, mask.sort(1).values, order


def mask_brought_wrongly(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept, (noise.argsort(1) >= keep).to(mask), order


def mask_of_bools(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept, mask.bool(), order


def mask_by_a_share(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept, (noise >= keep / noise.shape[1]).to(mask), order


def set_to_zero(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    _, mask, order = oracle(tokens, noise, keep)
    return tokens * (1 - mask)[:, :, None], mask, order


def cut_off(tokens: Tensor, noise: Tensor, keep: int) -> Masked:
    kept, mask, order = oracle(tokens, noise, keep)
    return kept.detach(), mask, order


KEPT = (
    Wrong(
        "keeps the largest noise",
        largest_kept,
        says="the tokens with the largest noise are kept; it is those with the smallest.",
        look="argsort goes from small to large.",
    ),
    Wrong(
        "hides as many as it should keep",
        hidden_counted,
        says="`keep` tokens are hidden; it is the number that stays.",
        look="the shape of kept is (N, keep, dim).",
    ),
    Wrong(
        "keeps the tokens in the image's order",
        in_image_order,
        says="the right tokens are kept, but in the order in which they stand in the image; they come by noise.",
        look="kept[:, 0] has the smallest noise of all.",
    ),
    Wrong(
        "keeps the first tokens",
        first_tokens,
        says="mask and order are right, but kept are the first tokens of each image, whatever their noise.",
        look="tokens[:, :keep] is cut before anything is sorted.",
    ),
    Wrong(
        "picks tokens by their places",
        picked_by_places,
        says="kept are picked by `order`, which says where a token goes; here the question is where it comes from.",
        look="there are two permutations, each the inverse of the other. Which one is argsort(noise)?",
    ),
    Wrong(
        "sets hidden tokens to 0",
        set_to_zero,
        says="all tokens come back, the hidden ones as zeros; they are left out, and that is what saves the time.",
        look="the shape of kept is (N, keep, dim).",
    ),
    Wrong(
        "cuts the gradient off",
        cut_off,
        says="the values are right, but no gradient reaches the tokens.",
        look="detach, or a new tensor that numbers are copied to.",
    ),
)

ORDERS = (
    Wrong(
        "gives the order for the places",
        order_for_places,
        says="order is argsort(noise): which token comes first, second, …; asked is which place each token gets.",
        look="token 1 of the first case comes first, so order[0, 1] is 0. What is the inverse of a permutation?",
    ),
    Wrong(
        "gives the places of the kept tokens alone",
        kept_alone,
        says="order has `keep` numbers; it has one for each token.",
        look="(N, n).",
    ),
    Wrong(
        "takes one order for the whole batch",
        one_order,
        says="all images are masked by the first one's noise; each has its own.",
        look="which axis is sorted?",
    ),
)

MASKS = (
    Wrong(
        "turns the mask round",
        mask_turned,
        says="the mask is 1 where a token is kept; it is 1 where it is hidden.",
        look="the loss will be multiplied by it.",
    ),
    Wrong(
        "leaves the mask sorted",
        mask_shuffled,
        says="the mask is in the order of the noise: all zeros first; it is in the tokens' own order.",
        look="mask[:, j] belongs to token j.",
    ),
    Wrong(
        "brings the mask back by the wrong order",
        mask_brought_wrongly,
        says="the mask is put in order by argsort(noise), which sorts it once more instead of undoing that.",
        look="a token is hidden when its *place* isn't below keep.",
    ),
    Wrong(
        "compares the noise with a share",
        mask_by_a_share,
        says="the mask is 1 where the noise is above keep / n, which is right only on average.",
        look="each image keeps exactly `keep` tokens.",
    ),
    Wrong(
        "gives the mask another dtype",
        mask_of_bools,
        says="the mask is made of True and False, or has the noise's dtype; it has the tokens' dtype.",
        look=".to(tokens.dtype).",
    ),
)

MASKING = Exercise(
    id="vit.random_masking",
    cases=cases,
    oracle=oracle,
    wrong=(*KEPT, *ORDERS, *MASKS),
    hints=(
        "by_noise = noise.argsort(1) says which token comes first, second, …: its first `keep` numbers are the kept.",
        "The argsort of a permutation is its inverse: order = by_noise.argsort(1).",
        "tokens.take_along_dim(by_noise[:, :keep, None], 1) picks the kept; hidden are those with order >= keep.",
    ),
    points=3,
    minutes=15,
    forbidden=LIBRARIES,
    speed=Speed(
        case=lambda rng: case("speed", rng.normal(32, 196, 192), noises(rng, 32, 196), 49),
        limit=2.5,
        against="a count of smaller noises, and scatter",
    ),
)

EXERCISES = (MASKING,)
