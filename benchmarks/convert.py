"""Conversion against a plain copy of the same pictures."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

from _rates import compare

from poseline import log
from poseline.config.loading.load import from_slice
from poseline.data.synthetic.generate import generate
from poseline.stages import convert

PICTURES = 1000


def main() -> None:
    log.configure("WARNING")
    config = from_slice({"dataset": {"keypoints": 17}, "conversion": {"path": "-"}})
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = generate(root / "coco", PICTURES, 1)

        def copy() -> int:
            shutil.copytree(source / "train", root / f"copy{next(numbers)}")
            return PICTURES

        def conversion() -> int:
            convert.run(config, {"source": source}, root / f"out{next(numbers)}")
            return PICTURES

        compare("COCO to YOLO", {"file copy": copy, "conversion": conversion})


if __name__ == "__main__":
    main()
