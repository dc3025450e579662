"""Planes of values as small PNG images, carried in the page itself."""

from __future__ import annotations

import base64
import struct
import zlib

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 96  # pixels a side; larger planes are reduced by the largest value in each patch
HEAT = ((12, 12, 32), (92, 26, 110), (196, 60, 74), (246, 146, 40), (252, 246, 180))  # dark to bright, even in grey
NOT_A_NUMBER = (255, 0, 255)


def data_uri(values: Tensor, low: float, high: float, *, heat: bool = False) -> str:
    """A plane (H, W) as a PNG data URI: `low` is darkest, `high` brightest, NaN magenta."""
    values = reduced(values.to(torch.float64))
    odd = values.isnan()
    span = high - low if high > low else 1.0
    level = ((values.nan_to_num(nan=low, posinf=high, neginf=low) - low) / span).clamp(0.0, 1.0)
    pixels = _coloured(level) if heat else (255 * level).round().to(torch.uint8).unsqueeze(-1).repeat(1, 1, 3)
    pixels[odd] = torch.tensor(NOT_A_NUMBER, dtype=torch.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(pixels)).decode("ascii")


def reduced(values: Tensor) -> Tensor:
    """At most `LARGEST` values a side."""
    step = -(-max(values.shape) // LARGEST)
    if step <= 1:
        return values
    return F.max_pool2d(values[None], step, ceil_mode=True)[0]


def _coloured(level: Tensor) -> Tensor:
    """Levels 0 … 1 to colours between the stops of `HEAT`."""
    stops = torch.tensor(HEAT, dtype=torch.float64)
    place = level * (len(HEAT) - 1)
    below = place.floor().long().clamp(max=len(HEAT) - 2)
    share = (place - below).unsqueeze(-1)
    return ((1 - share) * stops[below] + share * stops[below + 1]).round().to(torch.uint8)


def _png(pixels: Tensor) -> bytes:
    """An RGB image (H, W, 3) of bytes as a PNG file."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\x00" + bytes(row.flatten().tolist()) for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(rows, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
