"""Weights out of files: what is in them, and under whose names."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from solutions.recipes.choices import PATCH
from solutions.recipes.recipe import RecipeError, Settings
from solutions.recipes.transformers import sized_vit
from solutions.vit import VIT_SIZES, VisionTransformer, from_hugging_face, interpolate_pos_embed

WRAPPERS = ("model", "state_dict")  # what published checkpoints put around their weights


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of torch's or, if it ends so, of safetensors.

    Raises:
        RecipeError: it can't be read, or holds no `state_dict`.
    """
    try:
        content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise RecipeError(
            f"{path} can't be read ({why}). Expected a file that holds a state_dict, written by torch.save, "
            "or one that ends in .safetensors. Was it fetched in full?"
        ) from error
    for name in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise RecipeError(
            f"{path} holds no state_dict, which is a dict of names and tensors. Write one:   "
            "torch.save(model.state_dict(), FILE)"
        )
    return dict(content)


def _torch(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)


def _safetensors(path: Path) -> object:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise RecipeError(
            f"{path} asks for safetensors, which isn't installed. Run:   pip install safetensors"
        ) from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def refuse_weights(settings: Settings) -> None:
    """Raises RecipeError where a run that begins with a vision transformer's weights isn't told which."""
    weights = settings["weights"]
    if not weights:
        raise RecipeError(
            f"{settings['recipe']} begins with a vision transformer's weights. Give their file:   --weights FILE\n"
            "It holds a state_dict with timm's names or Hugging Face's; docs/recipes.md says how to get one. Or begin "
            "with random weights, which will reach far less:   --weights none"
        )
    if weights != "none" and not Path(weights).is_file():
        raise RecipeError(f"--weights: there is no file {weights}. Give its path from here, or in full.")


def pretrained_vit(weights: str, network: str, image_size: int, classes: int, drop_path: float) -> VisionTransformer:
    """A vision transformer with weights from a file, for images of `image_size` and so many classes.

    Positions are interpolated where the weights come from another size. The head is kept if it has as many classes, and
    begins anew if not. A distillation token is left out: the class token's answer stays.

    Args:
        weights: the file, or "none" for a random start.
        network: "tiny", "small" or "base".
        image_size: of the images to come.
        classes: of the images to come.
        drop_path: of the last block.

    Raises:
        RecipeError: the file can't be read, or its weights don't fit.
    """
    model = sized_vit(network, image_size, classes, drop_path)
    if weights == "none":
        return model
    values = _under_our_names(read_state(Path(weights)), weights)
    _refuse_misfit(values, network, weights)
    grid = (image_size // PATCH, image_size // PATCH)
    own = model.state_dict()
    if len(values.get("head.weight", ())) != classes:
        values |= {name: own[name] for name in ("head.weight", "head.bias")}
    try:
        values["pos_embed"] = interpolate_pos_embed(values["pos_embed"], grid)
        model.load_state_dict(values)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).splitlines()[:2])
        raise RecipeError(f"The weights in {weights} don't fit ViT-{network}/{PATCH}: {said} …") from error
    return model


def _under_our_names(values: dict[str, Tensor], path: str) -> dict[str, Tensor]:
    """The weights under timm's names, which are ours."""
    if "embeddings.cls_token" in values:  # Hugging Face's ViTModel, which has no head
        values = {f"vit.{name}": value for name, value in values.items() if not name.startswith("pooler.")}
    if "vit.embeddings.cls_token" in values:
        try:
            return from_hugging_face(values)
        except ValueError as error:
            raise RecipeError(f"{path} looks like Hugging Face's, but {error}.") from error
    if "class_token" in values:
        raise RecipeError(
            f"The weights in {path} have torchvision's names. Expected timm's (blocks.0.attn.qkv.weight) or Hugging "
            "Face's (vit.encoder.layer.0.…); docs/recipes.md says how to get a file of these."
        )
    if "dist_token" in values:
        values = {name: value for name, value in values.items() if not name.startswith(("dist_token", "head_dist"))}
        values["pos_embed"] = torch.cat([values["pos_embed"][:, :1], values["pos_embed"][:, 2:]], dim=1)
    return values


def _refuse_misfit(values: dict[str, Tensor], network: str, path: str) -> None:
    """What `load_state_dict` would say too, but in numbers."""
    needed = {"cls_token", "pos_embed", "patch_embed.proj.weight", "norm.weight"}
    missing = sorted(needed - values.keys())
    if missing:
        raise RecipeError(
            f"{path} has no {missing[0]}; it begins with {', '.join(list(values)[:3])}. Expected the weights of a "
            "vision transformer with a class token, under timm's names or Hugging Face's."
        )
    width, _, *patch = values["patch_embed.proj.weight"].shape
    fits = [name for name, sizes in VIT_SIZES.items() if sizes["dim"] == width]
    if fits != [network]:
        what = f"give   --network {fits[0]}" if fits else f"expected {', '.join(VIT_SIZES)}"
        raise RecipeError(f"The weights in {path} have tokens of {width} numbers, not those of ViT-{network}: {what}.")
    if patch != [PATCH, PATCH]:
        raise RecipeError(f"The weights in {path} have patches of {patch[0]} pixels. Expected {PATCH}.")
