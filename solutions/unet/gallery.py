"""Pictures of what went wrong, worst first."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def failure_gallery(
    images: Float[Tensor, "N C H W"],
    true: Int[Tensor, "N H W"],
    predicted: Int[Tensor, "N H W"],
    scores: Float[Tensor, "N"],
    count: int = 8,
    columns: int = 4,
) -> None:
    """Draw the `count` cases with the lowest scores, the lowest first, with what is wrong in colour.

    Orange: missed, an object that got the label 0 or another one's. Blue: made up, background that
    got an object's label. Images are 0 to 1, grey (C = 1) or in colour (C = 3). nan counts as lowest.
    Of a score that is better when it is small, hand in the negative.
    """
    import matplotlib.pyplot as plt

    worst = scores.nan_to_num(nan=-torch.inf).argsort()[:count].tolist()
    rows = -(-len(worst) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 2.9 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for place, (axis, case) in enumerate(zip(axes.flat, worst, strict=False), start=1):
        missed = (true[case] > 0) & (predicted[case] != true[case])
        made_up = (true[case] == 0) & (predicted[case] > 0)
        shown = images[case].cpu().expand(3, -1, -1).clone()
        for wrong, colour in ((missed, (0.9, 0.4, 0.0)), (made_up, (0.0, 0.45, 0.9))):
            shown[:, wrong.cpu()] = 0.25 * shown[:, wrong.cpu()] + 0.75 * torch.tensor(colour)[:, None]
        axis.imshow(shown.clamp(0, 1).permute(1, 2, 0).numpy())
        axis.set_title(f"{place}. case {case}: {scores[case]:.2f}", fontsize=9)
    figure.suptitle("orange: missed    blue: made up", fontsize=9)
    plt.show()
