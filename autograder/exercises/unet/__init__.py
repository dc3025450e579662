"""Specs of lesson 05."""

NUMBER = 5
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "conv_transpose2d",
    "upsample_bilinear",
    "fit_to",
    "DoubleConv",
    "UNet",
    "AttentionGate",
    "AttentionUNet",
    "ResidualUNet",
    "NestedUNet",
    "deep_supervision_loss",
    "SeparableConv2d",
    "FCN",
)
