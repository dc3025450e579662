"""Lesson 03: attention, over channels and places of a feature map, and between tokens.

Notebook a: `channels` and `places`, and a `study` of where they pay. Notebook b: `attend`, `heads`, `positions` and
`long`, and a network that does a `lookup`.
"""

from solutions.attention.attend import attention_backward, attention_entropy, scaled_dot_product_attention
from solutions.attention.channels import ChannelAttention, ECABlock, SEBlock
from solutions.attention.heads import CrossAttention, MultiHeadAttention, attention_maps, merge_heads, split_heads
from solutions.attention.long import chunked_attention, linear_attention
from solutions.attention.lookup import Finder, train_finder
from solutions.attention.places import CBAM, NonLocalBlock, SpatialAttention
from solutions.attention.positions import relative_position_bias_1d, relative_position_bias_2d
from solutions.attention.study import PlacedNet, ResidualStage, train_arm, train_pointed

__all__ = [
    "CBAM",
    "ChannelAttention",
    "CrossAttention",
    "ECABlock",
    "Finder",
    "MultiHeadAttention",
    "NonLocalBlock",
    "PlacedNet",
    "ResidualStage",
    "SEBlock",
    "SpatialAttention",
    "attention_backward",
    "attention_entropy",
    "attention_maps",
    "chunked_attention",
    "linear_attention",
    "merge_heads",
    "relative_position_bias_1d",
    "relative_position_bias_2d",
    "scaled_dot_product_attention",
    "split_heads",
    "train_arm",
    "train_finder",
    "train_pointed",
]
