"""How unsure a network is: dropout left on, and asked several times."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def mc_dropout(
    model: nn.Module, x: Float[Tensor, "N C *S"], draws: int, seed: int = 0
) -> tuple[Float[Tensor, "N K *S"], Float[Tensor, "N *S"], Float[Tensor, "N *S"]]:
    """Ask a segmenter `draws` times with its dropout at work; give the mean of what it says, and how
    unsure it is.

    `model` gives logits (N, K, …): K = 1 stands for one foreground, whose probability is their
    sigmoid; with more, probabilities are the softmax over the K classes. Returned are

    mean          the mean over the draws of the probabilities
    entropy       −Σ p log p of the mean, over the classes (of one foreground: p and 1 − p), in nats
    information   entropy minus the mean of the draws' own entropies: the part of it that comes from
                  the draws' disagreement. At least 0.

    One pixel, two draws that say 0.9 and 0.1: mean 0.5, entropy log 2 = 0.693. Each draw for itself
    has 0.325, so information is 0.693 − 0.325 = 0.368. If both said 0.5, it would be 0.

    Only dropout layers (`nn.Dropout`, `Dropout1d`, `2d`, `3d`) work as in training; all others,
    batch norms above all, as in evaluation. Afterwards each module is in the mode that it was in,
    even if the model has failed. No gradients. Equal `seed`s give equal results; the global random
    state is left as it was. Raises ValueError unless draws ≥ 1. Source: Gal and Ghahramani 2016.
    """
    if draws < 1:
        raise ValueError(f"at least one draw is needed, got {draws}")
    modes = [(module, module.training) for module in model.modules()]
    total, own = torch.zeros(()), torch.zeros(())
    with torch.no_grad(), torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
        torch.manual_seed(seed)
        try:
            for module, _ in modes:
                module.training = isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d)
            for _ in range(draws):
                logits = model(x)
                binary = logits.shape[1] == 1
                p = logits.sigmoid() if binary else logits.softmax(dim=1)
                total = total.to(p) + p / draws
                both = torch.cat([p, 1 - p], dim=1) if binary else p
                own = own.to(p) + torch.special.entr(both).sum(dim=1) / draws
        finally:
            for module, mode in modes:
                module.training = mode
    both = torch.cat([total, 1 - total], dim=1) if binary else total
    entropy = torch.special.entr(both.clamp(0, 1)).sum(dim=1)
    return total, entropy, (entropy - own).clamp(min=0)
