"""Data for the course: each loader returns images with where they come from; importing this is quick."""

from p2v_data.cifar import cifar10
from p2v_data.dataset import ImageDataset, Provenance, Split
from p2v_data.device import cores, device, threads
from p2v_data.digits import digits, digits_8x8
from p2v_data.errors import DataDamagedError, DataMissingError, DeviceError, FetchError, UserError
from p2v_data.eyes import EyeDataset, EyeSplit, Feature, eyes
from p2v_data.fashion import fashion
from p2v_data.flowers import flowers
from p2v_data.idx import read_idx
from p2v_data.mask_folders import Cut, Layout, folder_of_masks
from p2v_data.masks import MaskDataset, MaskSplit, judged, outlined
from p2v_data.nuclei import NucleiImage, nuclei, nuclei_image
from p2v_data.photographs import photograph, photograph_provenance, photographs
from p2v_data.pneumonia import pneumonia
from p2v_data.puzzles import marked_digits, pointed_digits
from p2v_data.recorded import recorded
from p2v_data.roads import roads
from p2v_data.store import CatalogueRow, catalogue, data_folder, fetch
from p2v_data.vessels import vessels

__all__ = [
    "CatalogueRow",
    "Cut",
    "DataDamagedError",
    "DataMissingError",
    "DeviceError",
    "EyeDataset",
    "EyeSplit",
    "Feature",
    "FetchError",
    "ImageDataset",
    "Layout",
    "MaskDataset",
    "MaskSplit",
    "NucleiImage",
    "Provenance",
    "Split",
    "UserError",
    "catalogue",
    "cifar10",
    "cores",
    "data_folder",
    "device",
    "digits",
    "digits_8x8",
    "eyes",
    "fashion",
    "fetch",
    "flowers",
    "folder_of_masks",
    "judged",
    "marked_digits",
    "nuclei",
    "nuclei_image",
    "outlined",
    "photograph",
    "photograph_provenance",
    "photographs",
    "pneumonia",
    "pointed_digits",
    "read_idx",
    "recorded",
    "roads",
    "threads",
    "vessels",
]
