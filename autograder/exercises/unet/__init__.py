"""Specs of lesson 05."""

NUMBER = 5
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    *("conv_transpose2d", "upsample_bilinear", "fit_to"),
    *("DoubleConv", "UNet", "AttentionGate", "AttentionUNet", "train_cells"),
    *("soft_counts", "soft_dice_loss", "generalised_dice_loss", "tversky_loss", "focal_tversky_loss"),
    *("focal_loss", "dice_focal_loss", "signed_distance", "boundary_loss", "hausdorff_dt_loss"),
    *("huber_loss", "generalised_cross_entropy", "hard_pixel_loss", "train_vessels"),
    *("group_split", "flip_rotate", "sample_pair", "affine_pair", "elastic_deform", "PairedAugment"),
    *("tile_and_stitch", "mc_dropout", "unmix_stains", "stain_vectors", "normalise_stain", "train_roads"),
)
