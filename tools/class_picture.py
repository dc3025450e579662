"""Takes the README's picture of a class report anew, of a made-up class.

    python tools/class_picture.py

A real screenshot of the page, written to docs/pictures/. Needs Chromium and playwright, as tests/browser does.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from pictures import PICTURES, ROOT, small_enough  # puts the repository on the path
from PIL import Image

from autograder import class_report
from tests.autograder.class_samples import LESSON, full_class
from tests.browser.lab import browser_page

NAME = "class-report"
SIZE = (1440, 960)


def main() -> None:
    """Makes the class, writes its page, and photographs the top of it."""
    with tempfile.TemporaryDirectory() as folder, browser_page(*SIZE, scale=1.5) as page:
        done = class_report.write(full_class(Path(folder)), LESSON)
        page.goto(done.page.as_uri())
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = PICTURES / f"{NAME}.png"
    target.write_bytes(small_enough(picture))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
