"""In which numbers a network is trained: half of the bits where the device is quick with them."""

from contextlib import AbstractContextManager, nullcontext

import torch

from p2v_data import UserError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def chosen(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The numbers to multiply in; weights stay float32.

    "auto" takes bfloat16 on a CUDA device that computes with it, float16 on an older one, and float32 elsewhere.

    Raises UserError for another word.
    """
    if wanted in PRECISIONS:
        return PRECISIONS[wanted]
    if wanted != "auto":
        raise UserError(f"precision {wanted!r} is unknown. Expected auto, {', '.join(PRECISIONS)}.")
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def mixed(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Inside of it, products are formed in `dtype`; what needs more digits stays float32."""
    return nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype=dtype)


def scaler(device: torch.device, dtype: torch.dtype) -> torch.amp.GradScaler:
    """Keeps small gradients from becoming 0: float16 ends at 6e-8. Does nothing for the others."""
    return torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
