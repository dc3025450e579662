"""What “from scratch” rules out, by topic: operators as PyTorch dispatches them, and dotted names past it."""

from __future__ import annotations

CONVOLUTION = (
    "aten::*conv*",
    "aten::im2col",
    "aten::col2im",
    "mkldnn::*conv*",
    "torch.nn.functional.*conv*",
    "torch.conv*",
    "torch.nn.Conv*",
    "scipy.signal",
    "scipy.ndimage",
    "skimage",
    "cv2",
)
