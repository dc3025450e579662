"""What “from scratch” rules out in part a, beyond `autograder.exercises.forbidden` and the lessons before."""

from __future__ import annotations

from autograder.exercises.forbidden import CONVOLUTION

LIBRARIES = ("timm", "transformers", "torchvision", "monai", "torch.hub", "einops")

SHUFFLES = (
    "aten::*pixel_*shuffle*",
    "aten::*channel_shuffle*",
    "torch.pixel_*",
    "torch.nn.functional.pixel_*",
    "torch.nn.Pixel*",
)
CUTTING = (*CONVOLUTION, *SHUFFLES, *LIBRARIES)

# nn.Conv2d may hold weights, so its name is allowed; the operators are not.
CALLED_CONVOLUTION = (*(name for name in CONVOLUTION if name != "torch.nn.*Conv*"), *SHUFFLES, *LIBRARIES)

GELU = (
    "aten::*gelu*",
    "torch.nn.functional.*gelu*",
    "torch._C._nn.gelu*",
    "torch.nn.GELU",
    "torch._refs",
    "torch._decomp",
    *LIBRARIES,
)
