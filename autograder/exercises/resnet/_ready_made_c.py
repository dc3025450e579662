"""What “from scratch” rules out in part c, beyond `autograder.exercises.forbidden`."""

from __future__ import annotations

SCORES = ("sklearn", "torchmetrics", "torcheval", "ignite", "monai", "imblearn")
SAMPLERS = ("sklearn", "imblearn", "torch.utils.data", "torchsampler")
BINARY_LOSSES = (
    "aten::*binary_cross_entropy*",
    "aten::*log_sigmoid*",
    "aten::*softplus*",
    "aten::*soft_margin*",
    "torch.nn.functional.binary_cross_entropy*",
    "torch.nn.functional.*softplus*",
    "torch.nn.functional.logsigmoid",
    "torch.nn.functional.*soft_margin*",
    "torch.nn.BCE*",
    "torch.nn.LogSigmoid",
    "torch.nn.Softplus",
    "torch.nn.*SoftMargin*",
    "torch.distributions",
    "torchvision.ops",
    "sklearn",
    "monai",
)
EXPLAINERS = ("pytorch_grad_cam", "captum", "torchcam", "torchray", "monai")
CALIBRATORS = ("netcal", "sklearn", "torchmetrics", "torcheval", "relplot", "uncertainty_calibration", "calibration")
