"""Pictures that a command draws, where the user says."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from poseline.errors import StoreError
from poseline.store.manifest import write_atomic
from poseline.store.ownership import MARK, check_file

_SUFFIXES = (".png", ".jpg", ".jpeg")


def check_picture(path: Path, *, inputs: Iterable[Path] = (), overwrite: bool = False) -> Path:
    """Return the real path of a picture that is to be drawn, once it may be.

    Args:
        path: The picture.
        inputs: What it is drawn from.
        overwrite: Replace a file that poseline did not make.

    Raises:
        StoreError: Its suffix is not that of a picture, or something else is there.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise StoreError(
            f"{path} does not have the name of a picture", f"end it with {', '.join(_SUFFIXES)}"
        )
    return check_file(path, inputs=inputs, overwrite=overwrite)


def write_picture(path: Path, array: Any, *, durable: bool = True) -> None:
    """Write a picture whole or not at all, with our mark in it.

    Args:
        path: From `check_picture`.
        array: (h, w, 3) uint8 RGB.
        durable: As `write_atomic` takes it.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    content = io.BytesIO()
    if path.suffix.lower() == ".png":
        info = PngInfo()
        info.add_text("Software", MARK.decode())
        Image.fromarray(array).save(content, "PNG", pnginfo=info)
    else:
        Image.fromarray(array).save(content, "JPEG", quality=92, comment=MARK)
    write_atomic(path, content.getvalue(), durable=durable)


def write_figure(path: Path, figure: Any, dpi: int = 110) -> None:
    """Write a figure of Matplotlib as `write_picture` writes a picture."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    write_picture(path, np.asarray(canvas.buffer_rgba())[..., :3].copy())
