"""A small task with real images, for comparing ways to learn with few labels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

import p2v_data

PHOTOGRAPHS = (
    *("astronaut", "brick", "camera", "chelsea", "china", "coffee"),
    *("flower", "grass", "gravel", "hubble", "ihc", "rocket"),
)


def photo_patches(
    each: int, half: str, seed: int = 0, size: int = 48
) -> tuple[Float[Tensor, "N 1 size size"], Int[Tensor, "N"]]:
    """Grey patches of `size` × `size` pixels from the left or right `half` of each of the 12
    photographs, `each` of them a photograph, with the photograph's number as label, mixed.

    Places, quarter turns and mirroring are random by `seed`. Each patch is brought to mean 0
    and, unless it is flat, to standard deviation 1/3, then cut off at ±1: neither colour nor
    brightness gives the answer away. Left and right are a twentieth of the width apart, so
    that no pixel is in both.
    """
    generator = torch.Generator().manual_seed(seed)

    def pick(most: int) -> int:
        return int(torch.randint(most, (), generator=generator))

    patches, labels = [], []
    for label, name in enumerate(PHOTOGRAPHS):
        photograph = p2v_data.photograph(name).mean(dim=0)
        height, width = photograph.shape
        part = photograph[:, : width * 19 // 40] if half == "left" else photograph[:, width * 21 // 40 :]
        for _ in range(each):
            top, left = pick(height - size + 1), pick(part.shape[1] - size + 1)
            patch = part[top : top + size, left : left + size].rot90(pick(4))
            patches.append(patch.flip(1) if pick(2) else patch)
            labels.append(label)
    x = torch.stack(patches)[:, None]
    x = (x - x.mean((2, 3), keepdim=True)) / (3 * x.std((2, 3), keepdim=True).clamp(min=0.02))
    order = torch.randperm(len(x), generator=generator)
    return x.clamp(-1, 1)[order], torch.tensor(labels)[order]
