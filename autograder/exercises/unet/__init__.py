"""Specs of lesson 05."""

NUMBER = 5
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    # d: scores
    "label_counts",
    "iou",
    "dice",
    "pixel_accuracy",
    "mean_iou",
    "mask_border",
    "surface_distances",
    "hausdorff",
    "average_surface_distance",
    "hd95_per_class",
    "score_card",
)
