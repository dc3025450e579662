"""Vision transformers in recipes: weights from files, parameter groups, DeiT's second answer."""

import pytest
import timm
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.optim import param_groups_layer_decay

from solutions.recipes import RecipeError
from solutions.recipes import transformers as ours
from solutions.recipes.imagenet import imagenet_teacher
from solutions.recipes.retinamnist_hybrid import network as hybrid
from solutions.recipes.transformers import DistilledTransformer, sized_vit, vit_groups
from solutions.recipes.weights import pretrained_vit, read_state, refuse_weights
from solutions.resnet import ResNet
from solutions.vit import VIT_SIZES, interpolate_pos_embed

TINY = {"dim": 32, "depth": 2, "heads": 2}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A ViT-tiny that is tiny indeed."""
    monkeypatch.setitem(VIT_SIZES, "tiny", TINY)


def hugging_face(state):
    """The state under Hugging Face's names."""
    found = {}
    for name, value in state.items():
        kind = name.rpartition(".")[2]
        if name in ("cls_token", "pos_embed"):
            found[f"vit.embeddings.{'cls_token' if name == 'cls_token' else 'position_embeddings'}"] = value
        elif name.startswith("patch_embed"):
            found[f"vit.embeddings.patch_embeddings.projection.{kind}"] = value
        elif name.startswith("blocks"):
            _, layer, inner = name.split(".", 2)
            place = f"vit.encoder.layer.{layer}."
            if inner.startswith("attn.qkv"):
                for part, values in zip(("query", "key", "value"), value.chunk(3), strict=True):
                    found[f"{place}attention.attention.{part}.{kind}"] = values
                continue
            theirs = {
                "norm1": "layernorm_before",
                "norm2": "layernorm_after",
                "attn.proj": "attention.output.dense",
                "mlp.fc1": "intermediate.dense",
                "mlp.fc2": "output.dense",
            }[inner.rpartition(".")[0]]
            found[f"{place}{theirs}.{kind}"] = value
        else:
            found[{"norm": "vit.layernorm", "head": "classifier"}[name.rpartition(".")[0]] + f".{kind}"] = value
    return found


def given(tmp_path, state, name="weights.pt"):
    torch.save(state, tmp_path / name)
    return str(tmp_path / name)


def test_weights_under_timm_s_and_hugging_face_s_names(tmp_path):
    state = sized_vit("tiny", 32, 3, 0.0).state_dict()
    x = torch.randn(2, 3, 32, 32)
    expected = pretrained_vit(given(tmp_path, state), "tiny", 32, 3, 0.0).eval()(x)
    for content in (hugging_face(state), {"model": state}, {"state_dict": hugging_face(state)}):
        found = pretrained_vit(given(tmp_path, content), "tiny", 32, 3, 0.0).eval()(x)
        torch.testing.assert_close(found, expected)


def test_hugging_face_s_without_a_head(tmp_path):
    state = sized_vit("tiny", 32, 3, 0.0).state_dict()
    bare = {name.removeprefix("vit."): value for name, value in hugging_face(state).items() if "classifier" not in name}
    bare["pooler.dense.weight"] = torch.zeros(32, 32)
    model = pretrained_vit(given(tmp_path, bare), "tiny", 32, 3, 0.0)
    assert torch.equal(model.blocks[1].mlp.fc2.weight, state["blocks.1.mlp.fc2.weight"])
    assert model.head.out_features == 3


def test_weights_of_safetensors(tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    state = sized_vit("tiny", 32, 3, 0.0).state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    model = pretrained_vit(str(tmp_path / "weights.safetensors"), "tiny", 32, 3, 0.0)
    assert torch.equal(model.head.weight, state["head.weight"])
    (tmp_path / "weights.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(RecipeError, match="can't be read"):
        read_state(tmp_path / "weights.safetensors")


def test_timm_s_own_network_gives_the_same_answers(tmp_path):
    peer = timm.create_model("vit_tiny_patch16_224", img_size=32, embed_dim=32, depth=2, num_heads=2, num_classes=3)
    model = pretrained_vit(given(tmp_path, peer.state_dict()), "tiny", 32, 3, 0.1)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model.eval()(x), peer.eval()(x), rtol=1e-4, atol=1e-5)


def test_other_sizes_and_other_kinds(tmp_path):
    state = sized_vit("tiny", 32, 3, 0.0).state_dict()
    before = {name: value.clone() for name, value in state.items()}
    model = pretrained_vit(given(tmp_path, state), "tiny", 64, 5, 0.0)
    assert torch.equal(model.pos_embed, interpolate_pos_embed(before["pos_embed"], (4, 4)))
    assert model.head.out_features == 5
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 5)
    assert torch.equal(model.blocks[0].attn.qkv.weight, before["blocks.0.attn.qkv.weight"])


def test_a_distillation_token_is_left_out(tmp_path):
    state = DistilledTransformer("tiny", 32, 3, 0.0).state_dict()
    model = pretrained_vit(given(tmp_path, state), "tiny", 32, 3, 0.0)
    assert torch.equal(model.pos_embed[:, 0], state["pos_embed"][:, 0])
    assert torch.equal(model.pos_embed[:, 1:], state["pos_embed"][:, 2:])
    assert torch.equal(model.head.weight, state["head.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {"class_token": state["cls_token"]}, "have torchvision's names. Expected timm's"),
        (lambda state: {name: state[name] for name in ("head.weight", "norm.weight")}, "has no cls_token; it begins"),
        (lambda state: state | {"pos_embed": torch.zeros(1, 7, 32)}, "don't fill a grid"),
        (lambda state: state | {"head.extra": torch.zeros(1)}, "don't fit ViT-tiny/16: .*head.extra"),
        (
            lambda state: state | {"patch_embed.proj.weight": torch.zeros(32, 3, 8, 8)},
            "patches of 8 pixels. Expected 16",
        ),
        (lambda state: state | {"patch_embed.proj.weight": torch.zeros(768, 3, 16, 16)}, "give   --network base"),
        (lambda state: state | {"patch_embed.proj.weight": torch.zeros(48, 3, 16, 16)}, "tokens of 48 numbers"),
        (
            lambda state: {"vit.embeddings.cls_token": 1 * state["cls_token"], "vit.odd": state["cls_token"]},
            "Face's, but",
        ),
        (lambda state: [1, 2], "holds no state_dict"),
        (lambda state: {"settings": 3}, "holds no state_dict"),
    ],
)
def test_weights_that_don_t_fit(tmp_path, change, message):
    path = given(tmp_path, change(sized_vit("tiny", 32, 3, 0.0).state_dict()))
    with pytest.raises(RecipeError, match=message):
        pretrained_vit(path, "tiny", 32, 3, 0.0)


def test_which_weights_is_asked_before_anything_is_read(tmp_path):
    for weights, message in (("", "Give their file:   --weights FILE"), (str(tmp_path / "no.pt"), "there is no file")):
        with pytest.raises(RecipeError, match=message):
            refuse_weights({"weights": weights, "recipe": "imagenet-vit-tuned"})
    refuse_weights({"weights": "none", "recipe": "imagenet-vit-tuned"})


def named_groups(model, groups):
    names = {id(value): name for name, value in model.named_parameters()}
    return {names[id(value)]: group for group in groups for value in group["params"]}


def test_rates_and_decay_are_timm_s():
    peer = timm.create_model("vit_tiny_patch16_224", img_size=32, embed_dim=32, depth=3, num_heads=2, num_classes=3)
    theirs = named_groups(peer, param_groups_layer_decay(peer, 0.05, peer.no_weight_decay(), layer_decay=0.5))
    model = ours.VisionTransformer(32, 3, 2, image_size=32, num_classes=3)
    found = named_groups(model, vit_groups(model, 1.0, 0.5, 0.05))
    assert set(found) == set(theirs) == {name for name, _ in model.named_parameters()}
    for name, group in found.items():
        assert group["lr"] == pytest.approx(theirs[name]["lr_scale"]), name
        assert group["weight_decay"] == theirs[name]["weight_decay"], name


@pytest.mark.parametrize(
    "model", [DistilledTransformer("tiny", 32, 3, 0.0), hybrid(5, "none")], ids=["distilled", "hybrid"]
)
def test_all_parameters_are_in_one_group(model):
    groups = vit_groups(model, 1.0, 0.7, 0.05)
    assert len(named_groups(model, groups)) == sum(len(group["params"]) for group in groups)
    assert set(named_groups(model, groups)) == {name for name, _ in model.named_parameters()}
    free = {name for name, group in named_groups(model, groups).items() if group["weight_decay"] == 0}
    assert {name for name, value in model.named_parameters() if name.endswith("_token") or value.ndim < 2} <= free


def test_the_second_answer_is_timm_s():
    peer = VisionTransformerDistilled(img_size=32, embed_dim=32, depth=2, num_heads=2, num_classes=3)
    model = DistilledTransformer("tiny", 32, 3, 0.0)
    model.load_state_dict(peer.state_dict())
    peer.set_distilled_training(True)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model.train()(x), peer.train()(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.eval()(x), peer.eval()(x), rtol=1e-4, atol=1e-5)
    assert model(torch.randn(1, 3, 64, 48)).shape == (1, 3)


def test_a_teacher_must_know_the_same_kinds(tmp_path):
    word = f"resnet18={given(tmp_path, ResNet(18, 3).state_dict())}"
    assert imagenet_teacher(word, 3).fc.out_features == 3
    with pytest.raises(RecipeError, match=r"don't fit a ResNet-18: .* for 4 classes"):
        imagenet_teacher(word, 4)
    with pytest.raises(RecipeError, match="knows 1,000 kinds, and these pictures are of 3"):
        imagenet_teacher("resnet18", 3)


def test_the_hybrid_sees_with_the_weights_it_is_given(tmp_path):
    state = ResNet(18).state_dict()
    model = hybrid(5, given(tmp_path, state))
    assert torch.equal(model.patch_embed.body[6][0].conv1.weight, state["layer3.0.conv1.weight"])
    assert model.embed(torch.randn(1, 3, 224, 224)).shape == (1, 197, 256)
