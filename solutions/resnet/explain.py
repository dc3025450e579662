"""Where a network looks."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


def grad_cam(
    model: nn.Module, layer: nn.Module, x: Float[Tensor, "N C H W"], classes: Int[Tensor, "N"] | None = None
) -> Float[Tensor, "N H W"]:
    """A map for each image of how much each place speaks for a class: `classes`, or the one
    with the largest logit.

    `layer` is a part of `model` whose output A is (N, K, h, w). Channel k has the weight
    αₖ, the mean over all places of the gradient of the class's logit with respect to Aₖ.
    The map ReLU(Σₖ αₖ Aₖ) is brought bilinearly to H × W, and then scaled for each image on
    its own so that its smallest value is 0 and its largest 1; a map that is the same
    everywhere becomes 0.

    The model is used in the mode that it is in. Its gradients and hooks are left as they
    were, and it may be frozen. Source: Selvaraju and others 2017. Peer: pytorch-grad-cam's
    `GradCAM`.
    """
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, inputs, output: kept.append(output))
    with torch.enable_grad():
        try:
            logits = model(x.detach().requires_grad_())
        finally:
            hook.remove()
        wanted = logits.argmax(dim=1) if classes is None else classes
        spoken = logits.gather(1, wanted[:, None]).sum()  # images don't mix, so each gets its own gradient
    (gradient,) = torch.autograd.grad(spoken, kept[-1])
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    maps = F.relu((alpha * kept[-1].detach()).sum(dim=1, keepdim=True))
    maps = F.interpolate(maps, x.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low), 0.0)
