"""What “from scratch” rules out, by topic: operators as PyTorch dispatches them, and dotted names past it."""

from __future__ import annotations

CONVOLUTION = (
    "aten::*conv[!e]*",  # not _convert_indices…, which sparse matrices need
    "aten::im2col",
    "aten::col2im",
    "mkldnn::*conv[!e]*",
    "torch.nn.functional.*conv*",
    "torch.nn.functional.unfold",
    "torch.nn.functional.fold",
    "torch.conv*",
    "torch.nn.*Conv*",
    "torch.nn.Unfold",
    "torch.nn.Fold",
    "numpy.lib.stride_tricks",
    "scipy.signal",
    "scipy.ndimage",
    "skimage",
    "sklearn",
    "cv2",
)

PADDING = (
    "aten::pad",
    "aten::*_pad_nd",
    "aten::reflection_pad*",
    "aten::replication_pad*",
    "torch.nn.functional.pad",
    "torch.nn.*Pad*d",
    "torchvision",
    "numpy.pad",
    "scipy.ndimage",
    "skimage",
    "cv2",
)

POOLING = (
    *CONVOLUTION,
    "aten::*pool*",
    "mkldnn::*pool*",
    "torch.*pool*",
    "torch.nn.functional.*pool*",
    "torch.nn.*Pool*",
)

AFFINE = ("torch.nn.functional.linear", "torch.nn.functional.bilinear", "torch.nn.*Linear", "aten::linear")

# Gradients by hand: no autograd, and no operator that is a gradient.
AUTOGRAD = (
    "torch.autograd",
    "torch.Tensor.backward",
    "torch.Tensor.requires_grad_",
    "torch.func",
    "torch.nn.grad",
    "aten::*_backward*",
)

RECTIFIERS = (
    "aten::*elu*",  # relu's kin, and celu, selu, elu: relu where their constants are large or small enough
    "aten::threshold*",
    "aten::hardtanh*",
    "aten::softplus*",
    "torch.nn.functional.*relu*",
    "torch.nn.functional.threshold*",
    "torch.nn.*ReLU*",
    "torch.nn.Threshold",
)

TANH = (
    "aten::*tanh*",
    "aten::*sigmoid*",
    "aten::sinh*",
    "aten::cosh*",
    # each of these has a sigmoid or tanh in it
    *("aten::*softmax*", "aten::silu*", "aten::*glu*", "aten::mish*", "aten::gelu*"),
    *("aten::*lstm*", "aten::*gru*", "aten::*rnn*", "mkldnn::*rnn*"),
    "aten::tan*",  # of an imaginary number
    "torch.nn.functional.*tanh*",
    "torch.nn.functional.*sigmoid*",
    "torch.nn.*Tanh*",
    "torch.nn.*Sigmoid*",
    "numpy.tanh",
    "math.tanh",
    "scipy",
)

LOG_SOFTMAX = (
    "aten::*log_softmax*",
    "aten::*logsumexp*",
    "aten::*logcumsumexp*",
    "aten::*attention*",  # some give the logarithm of their sums besides
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

# The course's own data. Its `device` is everybody's.
DATA = (
    *("p2v_data.digits*", "p2v_data.fashion*", "p2v_data.cifar*", "p2v_data.photograph*", "p2v_data.dataset"),
    *("p2v_data.read_idx", "p2v_data.idx", "p2v_data.fetch", "p2v_data.download", "p2v_data.store", "p2v_data.split"),
    *("p2v_data.catalogue", "p2v_data.data_folder", "p2v_data.[*]"),
)
