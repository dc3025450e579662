"""Specs of lesson 04."""

NUMBER = 4
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "Mlp",
    "SelfAttention",
    "TransformerBlock",
    "VisionTransformer",
    "decay_groups",
    "ConvStem",
    "attention_rollout",
    "distillation_loss",
    "random_masking",
    "restore_masked",
    "masked_loss",
    "learn_from_teacher",
)
