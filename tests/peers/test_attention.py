"""Attention between tokens against torch: values and gradients, masks, weights, long sequences and their memory."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import entropy
from torch import nn

import solutions.attention as ours
from autograder.exercises.attention import chunking
from autograder.spec import Rng
from autograder.timing import peak_bytes
from tests.peers.comparing import BOTH, close, normal, same

CPU = torch.device("cpu")


def tokens(*batch, n=5, m=7, d=6, e=4, dtype=torch.float64):
    sizes = ((n, d), (m, d), (m, e))
    return [normal(*batch, *size, seed=seed, dtype=dtype) for seed, size in enumerate(sizes)]


def half(*shape, seed=5):
    """A mask in which every row has at least one True."""
    mask = normal(*shape, seed=seed) > 0
    mask[..., 0] = True
    return mask


# --- scaled dot-product attention ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention(batch, scale, dtype):
    same(
        lambda *a: ours.scaled_dot_product_attention(*a, scale=scale),
        lambda *a: F.scaled_dot_product_attention(*a, scale=scale),
        *tokens(*batch, dtype=dtype),
    )


@BOTH
@pytest.mark.parametrize("shape", [(5, 7), (2, 1, 5, 7), (2, 3, 5, 7)], ids=str)
def test_masked_attention(shape, dtype):
    mask = half(*shape)
    same(
        lambda *a: ours.scaled_dot_product_attention(*a, mask=mask),
        lambda *a: F.scaled_dot_product_attention(*a, attn_mask=mask),
        *tokens(2, 3, dtype=dtype),
    )


@BOTH
@pytest.mark.parametrize(("n", "m"), [(6, 6), (4, 7), (7, 4)])
def test_causal_attention(n, m, dtype):
    same(
        lambda *a: ours.scaled_dot_product_attention(*a, causal=True),
        lambda *a: F.scaled_dot_product_attention(*a, is_causal=True),
        *tokens(2, n=n, m=m, dtype=dtype),
    )


@BOTH
def test_both_masks_at_once(dtype):
    mask = half(6, 6)
    same(
        lambda *a: ours.scaled_dot_product_attention(*a, mask=mask, causal=True),
        lambda *a: F.scaled_dot_product_attention(*a, attn_mask=mask.tril()),
        *tokens(2, n=6, m=6, dtype=dtype),
    )


@BOTH
@pytest.mark.parametrize("causal", [False, True])
def test_a_query_that_may_look_at_nothing_gets_0_and_sends_no_gradient(causal, dtype):
    q, k, v = (part.requires_grad_() for part in tokens(2, n=5, m=5, dtype=dtype))
    mask = half(5, 5)
    mask[1] = False
    out = ours.scaled_dot_product_attention(q, k, v, mask, causal)
    assert (out[:, 1] == 0).all()
    gradients = torch.autograd.grad(out.square().sum(), (q, k, v))
    assert all(part.isfinite().all() for part in gradients)
    assert (gradients[0][:, 1] == 0).all()
    seen = [0, 2, 3, 4]
    rest = F.scaled_dot_product_attention(q[:, seen], k, v, (mask.tril() if causal else mask)[seen])
    close(out[:, seen].detach(), rest.detach())


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_scores_of_any_size(size):
    q, k, v = tokens(2, dtype=torch.float32)
    close(ours.scaled_dot_product_attention(size * q, k, v), F.scaled_dot_product_attention(size * q, k, v))


def test_dropout_drops_weights_and_makes_up_for_it():
    torch.manual_seed(0)
    q, k, _ = tokens(1, n=64, m=64, dtype=torch.float32)
    weights = ours.scaled_dot_product_attention(q, k, torch.eye(64)[None])
    drawn = torch.stack([ours.scaled_dot_product_attention(q, k, torch.eye(64)[None], dropout=0.25) for _ in range(50)])
    kept = drawn != 0
    assert abs(1 - kept.double().mean() - 0.25) < 5.6 * (0.25 * 0.75 / kept.numel()) ** 0.5
    torch.testing.assert_close(drawn[kept], (weights / 0.75).expand_as(drawn)[kept])


@BOTH
@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
def test_backward_by_hand(batch, dtype):
    leaves = [part.requires_grad_() for part in tokens(*batch, dtype=dtype)]
    out = F.scaled_dot_product_attention(*leaves)
    back = normal(*out.shape, seed=9, dtype=dtype)
    got = ours.attention_backward(back, *(leaf.detach() for leaf in leaves))
    for mine, wanted in zip(got, torch.autograd.grad(out, leaves, back), strict=True):
        close(mine, wanted)


def test_entropy():
    weights = normal(2, 3, 4, 9).softmax(-1)
    weights[0, 0, 0] = F.one_hot(torch.tensor(2), 9)
    close(ours.attention_entropy(weights), torch.from_numpy(entropy(weights.numpy(), axis=-1)))
    torch.testing.assert_close(ours.attention_entropy(torch.full((8,), 0.125)), torch.tensor(math.log(8)))


# --- heads -----------------------------------------------------------------------------------------------------------


def test_heads_are_split_and_merged():
    x = normal(2, 5, 12)
    assert torch.equal(ours.merge_heads(ours.split_heads(x, 3)), x)
    assert torch.equal(ours.split_heads(x, 3)[:, 1], x[..., 4:8])
    with pytest.raises(ValueError, match="evenly"):
        ours.split_heads(x, 5)


def test_maps():
    weights = normal(2, 3, 13, 13).softmax(-1)
    wanted = weights[:, :, 0, 1:] / weights[:, :, 0, 1:].sum(-1, keepdim=True)
    close(ours.attention_maps(weights, (3, 4), extra=1), wanted.reshape(2, 3, 3, 4))
    assert torch.equal(ours.attention_maps(torch.eye(5)[None, None], (2, 2), extra=1), torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="expected 1 \\+ 3 · 4 keys, got 12"):
        ours.attention_maps(weights[..., :12], (3, 4), extra=1)


def peer_of(dim, heads, dtype, **options):
    """torch's own, with biases that are not 0."""
    peer = nn.MultiheadAttention(dim, heads, batch_first=True, dtype=dtype, **options)
    with torch.no_grad():
        for seed, parameter in enumerate(peer.parameters()):
            if parameter.ndim == 1:
                parameter.copy_(normal(*parameter.shape, seed=seed, dtype=dtype))
    return peer


def agree(mine, peer, inputs, asks, peer_asks):
    """The peer's state_dict fits; outputs, weights and all gradients agree, in both modes."""
    mine.load_state_dict(peer.state_dict())
    for mode in (True, False):
        mine.train(mode)
        peer.train(mode)
        leaves = [[x.clone().requires_grad_() for x in inputs] for _ in range(2)]
        out, weights = mine(*leaves[0], **asks, need_weights=True)
        other = leaves[1] if len(inputs) == 3 else [leaves[1][0], leaves[1][-1], leaves[1][-1]]
        wanted, shares = peer(*other, **peer_asks, need_weights=True, average_attn_weights=False)
        close(out.detach(), wanted.detach())
        close(weights.detach(), shares.detach())
        close(mine(*inputs, **asks).detach(), wanted.detach())
        back = normal(*wanted.shape, seed=9, dtype=wanted.dtype)
        wrt = [[*some, *module.parameters()] for some, module in zip(leaves, (mine, peer), strict=True)]
        found = torch.autograd.grad(out, wrt[0], back)
        for got, right in zip(found, torch.autograd.grad(wanted, wrt[1], back), strict=True):
            close(got, right)


def padding_of(lengths, m):
    return torch.arange(m) >= torch.tensor(lengths)[:, None]


@BOTH
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_self_attention(heads, bias, dtype):
    mine = ours.MultiHeadAttention(8, heads, bias).to(dtype)
    agree(mine, peer_of(8, heads, dtype, bias=bias), [normal(3, 5, 8, dtype=dtype)], {}, {})


@BOTH
def test_other_keys_and_values(dtype):
    inputs = [normal(2, rows, 8, seed=rows + seed, dtype=dtype) for seed, rows in enumerate((3, 6, 6))]
    agree(ours.MultiHeadAttention(8, 2).to(dtype), peer_of(8, 2, dtype), inputs, {}, {})
    agree(ours.MultiHeadAttention(8, 2).to(dtype), peer_of(8, 2, dtype), inputs[:2], {}, {})


@BOTH
@pytest.mark.parametrize("kinds", [("padding",), ("mask",), ("causal",), ("padding", "mask", "causal")], ids=str)
def test_masks(kinds, dtype):
    asks, peer_asks, hidden = {}, {}, torch.zeros(5, 5, dtype=torch.bool)
    if "padding" in kinds:
        asks["key_padding_mask"] = peer_asks["key_padding_mask"] = padding_of([5, 3, 1], 5)
    if "mask" in kinds:
        asks["mask"] = half(5, 5)
        hidden = hidden | ~asks["mask"]
    if "causal" in kinds:
        asks["causal"] = True
        hidden = hidden | ~torch.ones(5, 5, dtype=torch.bool).tril()
    if hidden.any():
        peer_asks["attn_mask"] = hidden
    agree(
        ours.MultiHeadAttention(8, 2).to(dtype), peer_of(8, 2, dtype), [normal(3, 5, 8, dtype=dtype)], asks, peer_asks
    )


@BOTH
def test_a_mask_for_each_head(dtype):
    mask = half(3, 2, 5, 5)
    agree(
        ours.MultiHeadAttention(8, 2).to(dtype),
        peer_of(8, 2, dtype),
        [normal(3, 5, 8, dtype=dtype)],
        {"mask": mask},
        {"attn_mask": ~mask.flatten(0, 1)},
    )


def test_a_query_that_may_look_at_nothing_is_left_with_the_bias():
    layer = ours.MultiHeadAttention(8, 2)
    x = normal(2, 4, 8, dtype=torch.float32)
    out = layer(x, key_padding_mask=torch.tensor([[True] * 4, [False] * 4]))
    close(out[0].detach(), layer.out_proj.bias.detach().expand(4, 8))
    assert out.isfinite().all()


@BOTH
@pytest.mark.parametrize("padded", [False, True])
def test_cross_attention(padded, dtype):
    peer = peer_of(8, 2, dtype, kdim=6, vdim=6)
    inputs = [normal(3, 4, 8, dtype=dtype), normal(3, 5, 6, seed=1, dtype=dtype)]
    hidden = padding_of([5, 3, 1], 5)
    asks, peer_asks = ({"padding": hidden}, {"key_padding_mask": hidden}) if padded else ({}, {})
    agree(ours.CrossAttention(8, 6, 2).to(dtype), peer, inputs, asks, peer_asks)


def test_a_new_layer_is_drawn_as_the_peers_is():
    mine, peer = ours.MultiHeadAttention(64, 4), nn.MultiheadAttention(64, 4)
    for name, value in peer.state_dict().items():
        own = mine.state_dict()[name]
        assert own.shape == value.shape
        if value.ndim == 2:
            assert abs(own.std() / value.std() - 1) < 0.1
        elif name == "in_proj_bias":
            assert (own == 0).all()


@pytest.mark.parametrize("layer", [lambda: ours.MultiHeadAttention(8, 3), lambda: ours.CrossAttention(8, 6, 3)])
def test_heads_that_do_not_divide_are_refused(layer):
    with pytest.raises(ValueError, match="evenly"):
        layer()


# --- distances -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5])
def test_row_bias(n):
    table = normal(2 * n - 1, 3)
    bias = ours.relative_position_bias_1d(table, n)
    assert bias.shape == (3, n, n)
    assert all(torch.equal(bias[:, i, j], table[i - j + n - 1]) for i in range(n) for j in range(n))
    close(ours.relative_position_bias_2d(table, 1, n), bias)
    close(ours.relative_position_bias_2d(table, n, 1), bias)


def test_a_table_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="expected 7 rows"):
        ours.relative_position_bias_1d(torch.zeros(6, 2), 4)
    with pytest.raises(ValueError, match="expected 15 rows"):
        ours.relative_position_bias_2d(torch.zeros(6, 2), 2, 3)


# --- many tokens -----------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
def test_chunks_make_no_difference(chunk, dtype):
    same(
        lambda *a: ours.chunked_attention(*a, chunk),
        F.scaled_dot_product_attention,
        *tokens(2, 3, n=9, m=11, dtype=dtype),
    )


def test_a_chunk_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        ours.chunked_attention(*tokens(), chunk=0)


def test_8192_tokens_are_right_within_the_budget_that_all_weights_at_once_exceed_20_times():
    case = chunking.CHUNKED.speed.case(Rng(0))
    inputs = dict(case.inputs)
    assert inputs["q"].shape[-2] == inputs["k"].shape[-2] == 8192
    wanted = F.scaled_dot_product_attention(inputs["q"], inputs["k"], inputs["v"])
    torch.testing.assert_close(ours.chunked_attention(**inputs), wanted, rtol=0, atol=1e-5)
    given = sum(part.nbytes for part in inputs.values() if isinstance(part, torch.Tensor))
    budget = chunking.CHUNKED.memory.limit * given
    assert peak_bytes(case, ours.chunked_attention, CPU) < 0.6 * budget

    def naive(q, k, v, chunk=256):
        return ours.scaled_dot_product_attention(q, k, v)

    assert peak_bytes(case, naive, CPU) >= 20 * budget


@BOTH
def test_linear_attention(dtype):
    def by_weights(q, k, v):
        weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
        return weights / weights.sum(-1, keepdim=True) @ v

    same(ours.linear_attention, by_weights, *tokens(2, 3, dtype=dtype))
