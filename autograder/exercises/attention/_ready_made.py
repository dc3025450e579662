"""What “from scratch” rules out in this lesson, beside `autograder.exercises.forbidden`."""

from __future__ import annotations

ATTENTION = (
    "aten::*scaled_dot_product*",
    "aten::*flash_attention*",
    "aten::*efficient_attention*",
    "aten::*multi_head_attention*",
    "aten::*transformer_encoder*",
    "torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch.nn.MultiheadAttention",
    "torch.nn.Transformer*",
    "torch.nn.attention",
    "torch.ao.nn",
    "torchvision.models",
    "timm",
    "transformers",
    "xformers",
    "monai",
)

# Who has built scaled_dot_product_attention may take torch's, under all names that it is dispatched to.
BUILT = ("dot_product", "flash_attention", "efficient_attention")
MULTI_HEAD = tuple(name for name in ATTENTION if not any(part in name for part in BUILT))

GATES = ("torchvision.ops", "torchvision.models", "timm", "monai")

# The puzzles' own makers, and the digits that they are made of.
PUZZLES = ("p2v_data.puzzles", "p2v_data.pointed_digits*", "p2v_data.marked_digits*")
