"""Specs of lesson 05."""

NUMBER = 5
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "ResidualUNet",
    "NestedUNet",
    "deep_supervision_loss",
    "SeparableConv2d",
    "FCN",
)
