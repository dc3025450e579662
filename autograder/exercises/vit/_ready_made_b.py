"""What “from scratch” rules out in notebook b: libraries that have these functions whole."""

from __future__ import annotations

LIBRARIES = ("timm", "transformers", "torchvision", "monai", "captum", "kornia", "lightly")
