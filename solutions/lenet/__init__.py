"""Lesson 01: convolution to a trained LeNet, from scratch."""

from solutions.lenet.layers import conv2d, conv2d_backward, pad2d, unfold2d

__all__ = ["conv2d", "conv2d_backward", "pad2d", "unfold2d"]
