"""What “from scratch” rules out where the transformer is put together, beside `autograder.exercises.forbidden`."""

from __future__ import annotations

from autograder.exercises.attention._ready_made import MULTI_HEAD

MODELS = ("timm", "transformers", "torchvision.models", "torchvision.ops", "torch.hub", "monai", "xformers")
TRANSFORMER = (*MULTI_HEAD, *MODELS)
