"""Rows of label and value as a text table, an HTML table, and images as small HTML pictures."""

from __future__ import annotations

import textwrap
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Rows = Sequence[tuple[str, str]]
WIDTH = 110


def text_table(title: str, rows: Rows) -> str:
    """Title, then one indented row a line; long values are wrapped under themselves."""
    indent = max(len(label) for label, _ in rows) + 4
    lines = [
        textwrap.fill(
            value,
            WIDTH,
            initial_indent=f"  {label}".ljust(indent),
            subsequent_indent=" " * indent,
            break_long_words=False,
        )
        for label, value in rows
    ]
    return "\n".join([title, *lines])


def html_table(title: str, rows: Rows) -> str:
    """The same as a table with row headers; everything in it is escaped."""
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(label)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for label, value in rows
    )
    return f'<table><caption style="text-align:left">{escape(title)}</caption><tbody>{body}</tbody></table>'


def html_image(image: Float[Tensor, "C H W"], alt: str, width: int) -> str:
    """One image, 1 or 3 channels, 0..1, as an ``<img>`` that carries its pixels.

    Args:
        image: the picture.
        alt: what it shows, for those who can't see it.
        width: how wide it is drawn, in CSS pixels.
    """
    from PIL import Image

    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    file = BytesIO()
    picture.save(file, "PNG")
    shape = "image-rendering:pixelated;" if picture.width < width else ""
    data = b64encode(file.getvalue()).decode("ascii")
    return (
        f'<img alt="{escape(alt)}" title="{escape(alt)}" width="{width}" '
        f'style="display:inline;margin:2px;{shape}" src="data:image/png;base64,{data}">'
    )
