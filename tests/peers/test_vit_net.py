"""Blocks and whole vision transformers against timm, with its own weights; and weights under Hugging Face's names."""

import copy

import pytest
import torch
from torch import nn

import solutions.vit as ours
from tests.peers.comparing import BOTH, close, normal

timm = pytest.importorskip("timm", reason="timm is not installed")
transformer = pytest.importorskip("timm.models.vision_transformer", reason="timm is not installed")
layers = pytest.importorskip("timm.layers", reason="timm is not installed")

TRAINING = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def shaken(module, dtype):
    """A copy with weights as after some training."""
    module = copy.deepcopy(module).to(dtype)
    with torch.no_grad():
        for seed, value in enumerate(module.state_dict().values()):
            size = 0.3 if value.ndim == 1 else value[0].numel() ** -0.5
            value.add_(size * normal(*value.shape, seed=seed, dtype=dtype))
    return module


def near(got, wanted, loosely):
    """`close`; loosely: within 1e-4 of the largest number's size, for what went through many layers in float32."""
    if not loosely:
        return close(got, wanted)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4 * max(float(wanted.abs().max()), 1.0))
    return None


def agree(mine, peer, x, *, train, deep=False, loosely=False):
    """Outputs and all gradients agree. deep: compare gradients in float32 loosely; loosely: compare everything so."""
    mine, peer = mine.to(x.dtype).train(train), peer.train(train)
    mine.load_state_dict(peer.state_dict())
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    out, wanted = mine(leaves[0]), peer(leaves[1])
    near(out.detach(), wanted.detach(), loosely)
    back = normal(*wanted.shape, seed=9, dtype=x.dtype)
    parameters = [dict(net.named_parameters()) for net in (mine, peer)]
    assert parameters[0].keys() == parameters[1].keys()
    found, theirs = (
        torch.autograd.grad(result, [leaf, *(own[name] for name in parameters[0])], back)
        for result, leaf, own in zip((out, wanted), leaves, parameters, strict=True)
    )
    for got, other in zip(found, theirs, strict=True):
        near(got, other, loosely or (deep and x.dtype == torch.float32))


# --- parts -----------------------------------------------------------------------------------------------------------


@BOTH
@TRAINING
@pytest.mark.parametrize("shape", [(2, 5, 12), (1, 1, 12), (3, 2, 4, 12)], ids=str)
def test_mlp(shape, train, dtype):
    agree(ours.Mlp(12, 30), shaken(layers.Mlp(12, 30), dtype), normal(*shape, dtype=dtype), train=train)


@BOTH
@TRAINING
@pytest.mark.parametrize("heads", [1, 3, 12])
@pytest.mark.parametrize("tokens", [1, 7])
def test_self_attention(tokens, heads, train, dtype):
    peer = shaken(transformer.Attention(12, heads, qkv_bias=True), dtype)
    agree(ours.SelfAttention(12, heads), peer, normal(2, tokens, 12, dtype=dtype), train=train)


@BOTH
def test_weights_of_self_attention(dtype):
    """The peer's own weights, where it doesn't fuse them."""
    peer = shaken(transformer.Attention(12, 3, qkv_bias=True), dtype).eval()
    peer.fused_attn, found = False, []
    peer.attn_drop.register_forward_hook(lambda module, inputs, output: found.append(output))
    mine = ours.SelfAttention(12, 3).to(dtype)
    mine.load_state_dict(peer.state_dict())
    x = normal(2, 7, 12, dtype=dtype)
    wanted = peer(x)
    for out, weights in (mine(x, need_weights=True), (mine(x), found[0])):
        close(out.detach(), wanted.detach())
        close(weights.detach(), found[0].detach())


@BOTH
@TRAINING
@pytest.mark.parametrize("ratio", [4.0, 0.5, 2.6])
def test_block(ratio, train, dtype):
    peer = shaken(transformer.Block(12, 3, ratio, qkv_bias=True), dtype)
    for norm in (peer.norm1, peer.norm2):
        norm.eps = 1e-6  # as the peer's networks set it
    agree(ours.TransformerBlock(12, 3, ratio), peer, normal(2, 7, 12, dtype=dtype), train=train)


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="5 heads"):
        ours.SelfAttention(12, 5)


def test_dropped_branches_keep_their_mean():
    torch.manual_seed(0)
    block = ours.TransformerBlock(8, 2, drop_path=0.4).double()
    x = normal(1, 3, 8)
    with torch.no_grad():
        outs = block(x.expand(4000, -1, -1))
        first = x + block.attn(block.norm1(x))
        spread = outs.std(0) / 4000**0.5
        without_mlp = torch.stack([out for out in outs if torch.allclose(out, x[0])])
    assert 0.1 < len(without_mlp) / 4000 < 0.22  # 0.4²
    assert (outs.mean(0) - first[0]).abs().max() < 5  # the second branch is bounded
    assert spread.max() < 0.1
    assert torch.equal(block.eval()(x), block(x))


# --- whole networks --------------------------------------------------------------------------------------------------

SMALL = {"dim": 24, "depth": 3, "heads": 3, "image_size": 32, "patch_size": 8, "num_classes": 7}
THEIRS = {"embed_dim": 24, "depth": 3, "num_heads": 3, "img_size": 32, "patch_size": 8, "num_classes": 7}
TOKEN = pytest.mark.parametrize("token", [True, False], ids=["class token", "mean"])


def pooled(token):
    """The peer's words for a network with or without a class token."""
    return {} if token else {"class_token": False, "global_pool": "avg"}


@BOTH
@TRAINING
@TOKEN
@pytest.mark.parametrize("size", [(32, 32), (48, 24), (16, 40)], ids=str)
def test_small_networks_at_their_own_and_other_sizes(size, token, train, dtype):
    peer = shaken(transformer.VisionTransformer(**THEIRS, **pooled(token), dynamic_img_size=True), dtype)
    mine = ours.VisionTransformer(**SMALL, class_token=token)
    resized = size != (32, 32)  # which the peer does in float32
    agree(mine, peer, normal(2, 3, *size, dtype=dtype), train=train, deep=True, loosely=resized)


@TOKEN
def test_other_sizes_in_float64(token):
    """To the last digits, with positions that were resized beforehand."""
    size, extra = (48, 24), int(token)
    peer = shaken(transformer.VisionTransformer(**THEIRS | {"img_size": size}, **pooled(token)), torch.float64)
    mine = ours.VisionTransformer(**SMALL, class_token=token).double()
    first, places = mine.pos_embed.detach().split([extra, 16], dim=1)
    picture = places.reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
    picture = nn.functional.interpolate(picture, (6, 3), mode="bicubic", antialias=True)
    with torch.no_grad():
        peer.pos_embed.copy_(torch.cat([first, picture.flatten(2).transpose(1, 2)], dim=1))
    mine.load_state_dict(peer.state_dict() | {"pos_embed": mine.pos_embed.detach()})
    x = normal(2, 3, *size)
    close(mine(x).detach(), peer(x).detach())


def test_other_channels_and_ratios():
    peer = transformer.VisionTransformer(**THEIRS, in_chans=1, mlp_ratio=2.5)
    mine = ours.VisionTransformer(**SMALL, in_channels=1, mlp_ratio=2.5)
    agree(mine, shaken(peer, torch.float64), normal(2, 1, 32, 32), train=True)


@TOKEN
@pytest.mark.parametrize(
    ("size", "dtype"), [("tiny", torch.float64), ("tiny", torch.float32), ("small", torch.float32)]
)
def test_published_sizes(size, token, dtype):
    """With gradients, at 224 × 224, where published weights are at home."""
    torch.manual_seed(1)
    peer = timm.create_model(f"vit_{size}_patch16_224", **pooled(token)).to(dtype)
    mine = ours.VisionTransformer(**ours.VIT_SIZES[size], class_token=token)
    agree(mine, peer, normal(1, 3, 224, 224, dtype=dtype), train=True, deep=True)


def test_base_at_another_size():
    torch.manual_seed(2)
    peer = timm.create_model("vit_base_patch16_224", dynamic_img_size=True).eval()
    mine = ours.VisionTransformer(**ours.VIT_SIZES["base"]).eval()
    mine.load_state_dict(peer.state_dict())
    x = normal(1, 3, 160, 192, dtype=torch.float32)
    with torch.no_grad():
        close(mine(x), peer(x))


def test_published_weights_of_another_resolution_fit_after_resampling():
    """What is done once, when a checkpoint is loaded, gives what is done at every call."""
    mine = ours.VisionTransformer(**SMALL).eval()
    large = ours.VisionTransformer(**SMALL | {"image_size": 48}).eval()
    weights = mine.state_dict()
    weights["pos_embed"] = layers.resample_abs_pos_embed(weights["pos_embed"], [6, 6], [4, 4])
    large.load_state_dict(weights)
    x = normal(2, 3, 48, 48, dtype=torch.float32)
    with torch.no_grad():
        close(mine(x), large(x))


def test_first_weights_are_as_large_as_the_peers():
    """The peer cuts its normal distribution off at ±2, a hundred std, and now and then holds a weight of 2; two std
    take 12 % off the std."""
    torch.manual_seed(3)
    mine, peer = ours.VisionTransformer(), timm.create_model("vit_tiny_patch16_224")
    for name, wanted in peer.state_dict().items():
        got = mine.state_dict()[name]
        if name == "cls_token" or wanted.ndim == 1:
            assert (got - wanted).abs().max() < (1e-4 if "patch" not in name else 0.1), name
        elif name == "patch_embed.proj.weight":
            assert 0.97 < got.std() / wanted.std() < 1.03
        else:
            assert 0.86 < got.std() / wanted.clamp(-0.1, 0.1).std() < 0.9, name
            assert got.abs().max() <= 0.04


@TOKEN
def test_rates_of_dropped_paths_are_the_peers(token):
    peer = transformer.VisionTransformer(**THEIRS, **pooled(token), drop_path_rate=0.3)
    mine = ours.VisionTransformer(**SMALL, class_token=token, drop_path=0.3)
    wanted = [getattr(block.drop_path1, "drop_prob", 0.0) for block in peer.blocks]
    assert [block.drop.p for block in mine.blocks] == pytest.approx(wanted)
    assert ours.VisionTransformer(**SMALL | {"depth": 1}, drop_path=0.3).blocks[0].drop.p == 0


def test_weights_of_every_block():
    """What `attention_weights` shows is what the blocks look at."""
    torch.manual_seed(4)
    peer = transformer.VisionTransformer(**THEIRS).eval()
    mine = ours.VisionTransformer(**SMALL).eval()
    mine.load_state_dict(peer.state_dict())
    found = []
    for block in peer.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda module, inputs, output: found.append(output))
    x = normal(2, 3, 32, 32, dtype=torch.float32)
    with torch.no_grad():
        peer(x)
        shown = ours.attention_weights(mine, x)
    assert len(shown) == len(found) == 3
    for got, wanted in zip(shown, found, strict=True):
        close(got, wanted)


# --- Hugging Face ----------------------------------------------------------------------------------------------------

# Read off the files that `save_pretrained` writes, so by somebody else's hand than the reference's table.
PUBLISHED = {
    "cls_token": "vit.embeddings.cls_token",
    "pos_embed": "vit.embeddings.position_embeddings",
    "patch_embed.proj.weight": "vit.embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "vit.embeddings.patch_embeddings.projection.bias",
    "norm.weight": "vit.layernorm.weight",
    "norm.bias": "vit.layernorm.bias",
    "head.weight": "classifier.weight",
    "head.bias": "classifier.bias",
}
PUBLISHED_BLOCK = {
    "norm1.weight": ["layernorm_before.weight"],
    "norm1.bias": ["layernorm_before.bias"],
    "norm2.weight": ["layernorm_after.weight"],
    "norm2.bias": ["layernorm_after.bias"],
    "attn.proj.weight": ["attention.output.dense.weight"],
    "attn.proj.bias": ["attention.output.dense.bias"],
    "mlp.fc1.weight": ["intermediate.dense.weight"],
    "mlp.fc1.bias": ["intermediate.dense.bias"],
    "mlp.fc2.weight": ["output.dense.weight"],
    "mlp.fc2.bias": ["output.dense.bias"],
    "attn.qkv.weight": [f"attention.attention.{part}.weight" for part in ("query", "key", "value")],
    "attn.qkv.bias": [f"attention.attention.{part}.bias" for part in ("query", "key", "value")],
}


def as_published(state):
    """timm's weights under Hugging Face's names, in the order of the alphabet, as files hold them."""
    found = {}
    for name, value in state.items():
        if name in PUBLISHED:
            found[PUBLISHED[name]] = value
            continue
        _, number, inner = name.split(".", 2)
        parts = PUBLISHED_BLOCK[inner]
        for part, piece in zip(parts, value.chunk(len(parts)), strict=True):
            found[f"vit.encoder.layer.{number}.{part}"] = piece
    return dict(sorted(found.items()))


@pytest.mark.parametrize("depth", [1, 12])
def test_weights_under_hugging_faces_names(depth):
    peer = transformer.VisionTransformer(**THEIRS | {"depth": depth}).eval()
    theirs = as_published(peer.state_dict())
    kept = {name: value.clone() for name, value in theirs.items()}
    found = ours.from_hugging_face(theirs)
    assert set(found) == set(peer.state_dict())
    assert all(torch.equal(found[name], value) for name, value in peer.state_dict().items())
    assert list(theirs) == list(kept)
    assert all(torch.equal(theirs[name], value) for name, value in kept.items())
    mine = ours.VisionTransformer(**SMALL | {"depth": depth}).eval()
    mine.load_state_dict(found)
    x = normal(2, 3, 32, 32, dtype=torch.float32)
    with torch.no_grad():
        close(mine(x), peer(x))


@pytest.mark.parametrize(
    "name",
    [
        "vit.pooler.dense.weight",
        "encoder.layer.0.output.dense.weight",
        "vit.encoder.layer.0.attention.attention.scale",
        "vit.layers.0.attention.q_proj.weight",
        "distillation_classifier.weight",
    ],
)
def test_a_name_that_is_not_theirs_is_refused(name):
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        ours.from_hugging_face({name: torch.zeros(2, 2)})


@BOTH
def test_hugging_faces_own_network(dtype, tmp_path):
    """Through the file that it writes; its names in memory are others since version 5."""
    hugging_face = pytest.importorskip("transformers", reason="transformers is not installed")
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 96}
    config = hugging_face.ViTConfig(**sizes, image_size=32, patch_size=8, num_labels=7)
    peer = shaken(hugging_face.ViTForImageClassification(config), dtype).eval()
    peer.save_pretrained(tmp_path)
    mine = ours.VisionTransformer(**SMALL).to(dtype).eval()
    mine.load_state_dict(ours.from_hugging_face(safetensors.load_file(tmp_path / "model.safetensors")))
    for part in mine.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = config.layer_norm_eps
    x = normal(2, 3, 32, 32, dtype=dtype)
    with torch.no_grad():
        close(mine(x), peer(pixel_values=x).logits)
