"""SavedModel folders, converted and run by LiteRT."""

from __future__ import annotations

import tempfile
from pathlib import Path

from poseline.models.probe import check_first_inference
from poseline.models.saved_model import saved_model_tflite
from poseline.runtime.base import own_metadata
from poseline.runtime.litert import LiteRTRuntime


class SavedModelRuntime(LiteRTRuntime):
    """The float model of a SavedModel's serving signature."""

    format = "saved_model"

    def __init__(self, path: Path, threads: int = 1) -> None:
        with tempfile.TemporaryDirectory() as folder:
            converted = Path(folder) / f"{path.name}.tflite"
            converted.write_bytes(saved_model_tflite(path))
            check_first_inference(converted)
            super().__init__(converted, threads)
        self.metadata = own_metadata(path, self.input_shape, self.output_shapes)
