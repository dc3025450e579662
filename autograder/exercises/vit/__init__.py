"""Specs of lesson 04."""

NUMBER = 4
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "patchify",
    "unpatchify",
    "PatchEmbed",
    "sincos_2d",
    "add_positions",
    "interpolate_pos_embed",
    "layer_norm",
    "layer_norm_backward",
    "gelu",
    "Mlp",
    "SelfAttention",
    "TransformerBlock",
    "VisionTransformer",
    "from_hugging_face",
    "impute",
    "note_tokens",
    "TabularTokens",
    "ConcatFusion",
    "CrossAttentionFusion",
    "quadratic_weighted_kappa",
    "permutation_importance",
    "train_eye_grader",
)
