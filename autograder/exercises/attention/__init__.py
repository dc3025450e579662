"""Specs of lesson 03."""

NUMBER = 3
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "SEBlock",
    "ECABlock",
    "ChannelAttention",
    "SpatialAttention",
    "CBAM",
    "NonLocalBlock",
    "train_pointed",
    "scaled_dot_product_attention",
    "attention_backward",
    "attention_entropy",
    "split_heads",
    "merge_heads",
    "MultiHeadAttention",
    "attention_maps",
    "CrossAttention",
    "relative_position_bias_1d",
    "relative_position_bias_2d",
    "chunked_attention",
    "linear_attention",
    "train_finder",
)
