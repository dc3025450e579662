"""Specs of lesson 05."""

NUMBER = 5
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    # a: solutions/unet.md
    "conv_transpose2d",
    "upsample_bilinear",
    "fit_to",
    "DoubleConv",
    "UNet",
    "AttentionGate",
    "AttentionUNet",
    # e: solutions/unet_e.md
    "choose_threshold",
    "dilate",
    "erode",
    "open_mask",
    "close_mask",
    "connected_components",
    "fill_holes",
    "remove_small",
    "keep_largest",
    "add_noise",
    "median_filter",
    "clean_up",
    # f: solutions/unet_f.md
    "group_split",
    "flip_rotate",
    "sample_pair",
    "affine_pair",
    "elastic_deform",
    "PairedAugment",
    "tile_and_stitch",
    "mc_dropout",
    "unmix_stains",
    "stain_vectors",
    "normalise_stain",
    "EncoderUNet",
)
