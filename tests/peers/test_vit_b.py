"""Notebook 04b against timm and torch: values and gradients; and what masked autoencoding promises."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import solutions.vit as ours
from tests.peers.comparing import BOTH, close, normal, same

# --- parameter groups ------------------------------------------------------------------------------------------------


def small(**options):
    sizes = {"dim": 16, "depth": 2, "heads": 2, "image_size": 16, "patch_size": 4, "num_classes": 3}
    return ours.VisionTransformer(**{**sizes, **options})


def by_rate(groups):
    return {group["weight_decay"]: [id(parameter) for parameter in group["params"]] for group in groups}


@pytest.mark.parametrize("frozen", [[], ["blocks.0"], ["patch_embed", "blocks", "norm"]], ids=len)
def test_groups_are_timms(frozen):
    optim = pytest.importorskip("timm.optim", reason="timm is not installed")
    model = small()
    for name in frozen:
        model.get_submodule(name).requires_grad_(False)
    wanted = optim.param_groups_weight_decay(model, 0.3, no_weight_decay_list=("cls_token", "pos_embed"))
    assert by_rate(ours.decay_groups(model, 0.3)) == by_rate(wanted)


def test_groups_of_timms_own_model_are_what_it_asks_for():
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, pretrained=False)
    assert model.no_weight_decay() >= {"pos_embed", "cls_token"}
    wanted = timm.optim.param_groups_weight_decay(model, 0.05, no_weight_decay_list=model.no_weight_decay())
    assert by_rate(ours.decay_groups(model)) == by_rate(wanted)


def test_groups_go_into_an_optimiser_and_only_matrices_shrink():
    model = small()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimiser = torch.optim.AdamW(ours.decay_groups(model, 0.5), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in model.named_parameters():
        shrinks = name.endswith("weight") and parameter.ndim > 1
        torch.testing.assert_close(parameter.detach(), before[name] * (0.95 if shrinks else 1))


# --- the stem --------------------------------------------------------------------------------------------------------


def stem_of_torch(in_channels, dim, halvings, dtype):
    layers, before = [], in_channels
    for width in [dim // 2**k for k in range(halvings)][::-1]:
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Conv2d(dim, dim, 1)).to(dtype)


@BOTH
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("sizes", [(3, 16, 4), (1, 6, 2), (2, 5, 1)], ids=str)
def test_the_stem_is_its_layers_in_a_row(sizes, train, dtype):
    mine, peer = ours.ConvStem(*sizes).to(dtype), stem_of_torch(*sizes, dtype)
    assert [p.shape for p in mine.state_dict().values()] == [p.shape for p in peer.state_dict().values()]
    mine.load_state_dict(dict(zip(mine.state_dict(), peer.state_dict().values(), strict=True)))
    mine.train(train)
    peer.train(train)
    side = mine.patch_size
    images = normal(3, sizes[0], 3 * side, 2 * side, dtype=dtype)
    leaves = [images.clone().requires_grad_() for _ in range(2)]
    out, wanted = mine(leaves[0]), peer(leaves[1])
    rows = wanted.permute(0, 2, 3, 1).flatten(1, 2)
    close(out.detach(), rows.detach())
    back = normal(*rows.shape, seed=9, dtype=dtype)
    found = torch.autograd.grad(out, [leaves[0], *mine.parameters()], back)
    for got, right in zip(found, torch.autograd.grad(rows, [leaves[1], *peer.parameters()], back), strict=True):
        close(got, right)


def test_the_stem_stands_for_the_patch_embedding():
    model = small(patch_size=4, image_size=16)
    model.patch_embed = ours.ConvStem(3, 16, halvings=2)
    logits = model(normal(2, 3, 16, 16, dtype=torch.float32))
    assert logits.shape == (2, 3)
    assert model(normal(2, 3, 24, 8, dtype=torch.float32)).shape == (2, 3)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.patch_embed.parameters())


def test_channels_double_from_the_papers_24_to_192():
    widths = [layer.out_channels for layer in ours.ConvStem().body if isinstance(layer, nn.Conv2d)]
    assert widths == [24, 48, 96, 192]
    assert ours.ConvStem()(torch.zeros(1, 3, 224, 224)).shape == (1, 196, 192)


def test_stems_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="width of 12"):
        ours.ConvStem(3, 12, halvings=4)
    with pytest.raises(ValueError, match="0 halvings"):
        ours.ConvStem(3, 12, halvings=0)
    with pytest.raises(ValueError, match="16 × 18 pixels"):
        ours.ConvStem(3, 8, halvings=2)(torch.zeros(1, 3, 16, 18))


# --- rollout ---------------------------------------------------------------------------------------------------------


def shares(depth, *shape, dtype):
    return [normal(*shape, shape[-1], seed=seed, dtype=dtype).mul(2).softmax(-1) for seed in range(depth)]


@BOTH
@pytest.mark.parametrize("residual", [0.5, 0.1])
def test_rollout_is_a_product_of_matrices(residual, dtype):
    weights = shares(4, 2, 3, 6, dtype=dtype)
    steps = [residual * torch.eye(6, dtype=dtype) + (1 - residual) * block.mean(1) for block in weights]
    flow = ours.attention_rollout(weights, residual)
    for image in range(2):
        close(flow[image], torch.linalg.multi_dot([step[image] for step in reversed(steps)]))
    close(flow.sum(-1), torch.ones(2, 6, dtype=dtype))


def test_rollout_where_all_is_shortcut_or_one_token_is_looked_at():
    weights = shares(3, 1, 2, 4, dtype=torch.float64)
    close(ours.attention_rollout(weights, 1.0)[0], torch.eye(4, dtype=torch.float64))
    to_first = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    to_first[..., 0] = 1
    flow = ours.attention_rollout([to_first] * 3)[0]
    close(flow[:, 0], torch.tensor([1, 7 / 8, 7 / 8, 7 / 8], dtype=torch.float64))


def test_rollout_of_a_transformers_own_weights():
    model = small()
    weights = ours.attention_weights(model, normal(2, 3, 16, 16, dtype=torch.float32))
    flow = ours.attention_rollout([block.detach() for block in weights])
    assert flow.shape == (2, 17, 17)
    close(flow.sum(-1), torch.ones(2, 17))


def test_rollout_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one block"):
        ours.attention_rollout([])


# --- distillation ----------------------------------------------------------------------------------------------------


def of_torch(logits, distilled, teacher, labels, hard, alpha, temperature):
    if hard:
        lacking = F.cross_entropy(distilled, teacher.argmax(1))
    else:
        q = (distilled / temperature).log_softmax(1)
        p = (teacher / temperature).log_softmax(1)
        lacking = F.kl_div(q, p, reduction="batchmean", log_target=True) * temperature**2
    return (1 - alpha) * F.cross_entropy(logits, labels) + alpha * lacking


@BOTH
@pytest.mark.parametrize("asks", [(True, 0.5, 3.0), (False, 0.5, 3.0), (False, 0.9, 0.5), (True, 0.2, 7.0)], ids=str)
def test_distillation(asks, dtype):
    teacher, labels = 3 * normal(5, 4, seed=2, dtype=dtype), torch.tensor([0, 3, 1, 1, 2])
    same(
        lambda a, b: ours.distillation_loss(a, b, teacher, labels, *asks),
        lambda a, b: of_torch(a, b, teacher, labels, *asks),
        normal(5, 4, dtype=dtype),
        normal(5, 4, seed=1, dtype=dtype),
    )


def test_the_square_keeps_gradients_as_large_as_they_were():
    teacher, labels = normal(6, 5, seed=2), torch.zeros(6, dtype=torch.long)

    def gradient(temperature):
        distilled = normal(6, 5, seed=1).requires_grad_()
        loss = ours.distillation_loss(distilled, distilled, teacher, labels, False, 1.0, temperature)
        return torch.autograd.grad(loss, distilled)[0].norm()

    assert 0.9 < gradient(20.0) / gradient(40.0) < 1.1
    closest = (normal(6, 5, seed=1) - teacher) / 5 / 6
    hot = (closest - closest.mean(1, keepdim=True)).norm()  # for high temperatures: differences of centred logits
    assert abs(gradient(200.0) / hot - 1) < 0.02


def test_no_gradient_goes_into_the_teacher():
    teacher = normal(3, 4, seed=2).requires_grad_()
    logits = normal(3, 4).requires_grad_()
    for hard in (True, False):
        loss = ours.distillation_loss(logits, logits, teacher, torch.tensor([0, 1, 2]), hard)
        assert torch.autograd.grad(loss, teacher, allow_unused=True) == (None,)


def test_a_teacher_who_is_quite_sure_gives_no_nan():
    sure = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = ours.distillation_loss(sure, sure, -sure, torch.tensor([1]), hard=False, temperature=1.0)
    loss.backward()
    assert math.isfinite(loss.item())
    assert sure.grad.isfinite().all()


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        ours.distillation_loss(*[torch.zeros(1, 2)] * 3, torch.zeros(1, dtype=torch.long), temperature=0.0)


# --- masking ---------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("keep", [1, 3, 9])
def test_what_is_kept_comes_back_to_its_place(keep, dtype):
    tokens, noise = normal(4, 9, 5, dtype=dtype), normal(4, 9, seed=1, dtype=dtype)
    token = normal(1, 1, 5, seed=2, dtype=dtype)
    kept, mask, order = ours.random_masking(tokens, noise, keep)
    back = ours.restore_masked(kept, token, order)
    close(back, torch.where(mask[..., None] == 1, token, tokens))
    assert (mask.sum(1) == 9 - keep).all()
    assert mask.dtype == dtype
    smallest = noise.topk(keep, largest=False)
    close(kept, torch.stack([row[chosen] for row, chosen in zip(tokens, smallest.indices, strict=True)]))
    assert torch.equal(order.sort(1).values, torch.arange(9).expand(4, 9))


def test_every_token_is_hidden_as_often_as_any_other():
    noise = torch.rand(4000, 16, generator=torch.Generator().manual_seed(0))
    _, mask, _ = ours.random_masking(torch.zeros(4000, 16, 1), noise, 4)
    assert ((mask.mean(0) - 0.75).abs() < 0.04).all()  # five times the deviation of such a mean


def test_more_than_all_tokens_are_refused():
    for keep in (0, 6):
        with pytest.raises(ValueError, match="1 to 5"):
            ours.random_masking(torch.zeros(1, 5, 2), torch.zeros(1, 5), keep)


@BOTH
@pytest.mark.parametrize("normalise", [True, False])
def test_masked_loss_is_the_error_of_the_hidden(normalise, dtype):
    patches, mask = normal(3, 7, 6, seed=1, dtype=dtype), (normal(3, 7, seed=2, dtype=dtype) > 0).to(dtype)

    def of_the_hidden(predicted):
        wanted = patches[mask == 1]
        if normalise:
            wanted = F.layer_norm(wanted, (6,), eps=1e-6 * 5 / 6) * math.sqrt(5 / 6)  # its variance is divided by p
        return F.mse_loss(predicted[mask == 1], wanted)

    same(lambda x: ours.masked_loss(x, patches, mask, normalise), of_the_hidden, normal(3, 7, 6, dtype=dtype))


# --- the autoencoder -------------------------------------------------------------------------------------------------


def autoencoder(**options):
    torch.manual_seed(0)
    return ours.MaskedAutoencoder(small(in_channels=1), dim=16, depth=1, heads=2, **options)


def stripes(count):
    """Images of 16 × 16 with waves across, of four widths, anywhere."""
    phase = torch.rand(count, 1, generator=torch.Generator().manual_seed(1)) * 2 * torch.pi
    waves = (torch.arange(16) * (1 + torch.arange(count)[:, None] % 4) * 0.4 + phase).sin()
    return waves[:, None, None, :].expand(-1, 1, 16, -1).contiguous()


def noises(count, seed=0):
    return torch.rand(count, 16, generator=torch.Generator().manual_seed(seed))


def test_hidden_patches_never_reach_the_encoder():
    model, images, noise = autoencoder(), stripes(3).requires_grad_(), noises(3)
    predicted, mask = model.draw(images, noise)
    assert (mask.sum(1) == 12).all()
    (gradient,) = torch.autograd.grad(predicted.square().sum(), images)
    seen = ours.patchify(gradient, 4).abs().sum(-1) > 0
    assert torch.equal(seen, mask == 0)
    lengths = []
    model.encoder.blocks[0].register_forward_hook(lambda _, inputs, __: lengths.append(inputs[0].shape[1]))
    model(images, noise)
    assert lengths == [1 + 4]  # the class token and a quarter of 16 patches
    other = ours.unpatchify(ours.patchify(images, 4) + 9 * mask[..., None], 4, (4, 4))
    close(model.draw(other, noise)[0].detach(), predicted.detach())


def test_what_was_learned_is_learned_for_every_part():
    model = autoencoder()
    model(stripes(4), noises(4)).backward()
    unused = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert unused == {"encoder.head.weight", "encoder.head.bias"}


def test_the_loss_falls():
    model, images = autoencoder(ratio=0.5), stripes(16)
    optimiser = torch.optim.AdamW(ours.decay_groups(model), lr=3e-3)
    losses = []
    for step in range(80):
        loss = model(images, noises(16, seed=step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_an_encoder_without_a_class_token_is_refused():
    with pytest.raises(ValueError, match="class token"):
        ours.MaskedAutoencoder(small(class_token=False))
