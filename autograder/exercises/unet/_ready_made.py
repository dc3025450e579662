"""What “from scratch” rules out in lesson 05, by topic, beside `autograder.exercises.forbidden`."""

from __future__ import annotations

NETWORKS = ("monai", "segmentation_models_pytorch", "torchvision.models", "torch.hub", "timm", "kornia", "nnunetv2")
LOSSES = ("monai", "segmentation_models_pytorch", "kornia", "torchvision.ops", "torchmetrics", "ignite")
SCORES = (
    "monai",
    "surface_distance",
    "medpy",
    "sklearn",
    "torchmetrics",
    "torcheval",
    "ignite",
    "seg_metrics",
    "miseval",
)
IMAGES = ("scipy.ndimage", "skimage", "cv2", "kornia", "monai", "cc3d", "edt", "mahotas", "SimpleITK", "itk")
AUGMENTERS = ("albumentations", "torchvision", "torchio", "batchgenerators", "imgaug", "volumentations", *IMAGES)

MASKS_OF_THE_COURSE = tuple(
    f"p2v_data.{name}*"
    for name in ("nuclei", "roads", "vessels", "mask", "folder_of_masks", "painted", "countryside", "retina", "fetch")
)
