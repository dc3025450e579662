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

LOG_SOFTMAX = (
    "aten::*log_softmax*",
    "aten::*logsumexp*",
    "aten::*logcumsumexp*",
    "torch.nn.functional.log_softmax",
    "torch.nn.LogSoftmax",
    "torch.special.log_softmax",
    "torch.distributions",
    "scipy.special",
)

CROSS_ENTROPY = (
    *LOG_SOFTMAX,
    "aten::*nll_loss*",
    "aten::*cross_entropy*",
    "torch.nn.functional.nll_loss",
    "torch.nn.functional.cross_entropy",
    "torch.nn.NLLLoss*",
    "torch.nn.CrossEntropyLoss",
)

INITIALISERS = ("torch.nn.init",)

OPTIMISERS = ("torch.optim", "aten::_fused_*", "torch._fused_*")

TRAINERS = ("lightning", "pytorch_lightning", "ignite", "skorch", "fastai")

METRICS = ("sklearn", "torchmetrics", "torcheval", "ignite")
