"""Conversion against a plain copy of the same pictures, side by side in one run."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from poseline import log
from poseline.config.load import from_slice
from poseline.data import synthetic
from poseline.stages import convert

PICTURES = 2000


def main() -> None:
    log.configure("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = synthetic.generate(root / "coco", PICTURES, 1)
        start = time.perf_counter()
        shutil.copytree(source / "train", root / "copy")
        copied = PICTURES / (time.perf_counter() - start)
        config = from_slice({"dataset": {"keypoints": 17}, "conversion": {"path": "-"}})
        start = time.perf_counter()
        convert.run(config, {"source": source}, root / "out")
        converted = PICTURES / (time.perf_counter() - start)
    print(f"{'file copy':<14}{copied:8.0f} pictures/s")
    print(f"{'conversion':<14}{converted:8.0f} pictures/s")
    print(f"{'ratio':<14}{converted / copied:8.2f}")


if __name__ == "__main__":
    main()
