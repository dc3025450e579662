"""What “from scratch” rules out in part a, beyond `autograder.exercises.forbidden`."""

from __future__ import annotations

NORMS = (
    "aten::*batch_norm*",
    "aten::*layer_norm*",
    "aten::*group_norm*",
    "aten::*instance_norm*",
    "torch.*batch_norm*",
    "torch.*layer_norm*",
    "torch.*group_norm*",
    "torch.*instance_norm*",
    "torch.nn.functional.*_norm",
    "torch.nn.*Norm*",
    "torch.nn.modules.batchnorm",
    "torch._refs._normalize",
    "torch._refs",
    "torch._decomp",
    "sklearn",
)
NETWORKS = ("torchvision", "timm", "torch.hub", "monai", "transformers")
FUSING = (
    "torch.nn.utils.fusion",
    "torch.nn.utils.fuse_conv_bn*",
    "torch.ao",
    "torch.quantization",
    "torch.fx.experimental.optimization",  # of torch.fx no more: torch's own operators call parts of it
)
COUNTERS = ("torch.utils.flop_counter", "thop", "fvcore", "ptflops", "torchinfo", "torchsummary", "torch.profiler")
