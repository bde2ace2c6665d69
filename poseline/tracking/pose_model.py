"""The code of the MLflow models that poseline logs: MLflow runs this file to load one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.models import set_model

from poseline.runtime import open_model


class PoseModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model file with its sidecar; pictures in, keypoints out."""

    def load_context(self, context: Any) -> None:
        """Open the model."""
        self._runtime = open_model(Path(context.artifacts["model"]) / "model" / self._file(context))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Return keypoints.

        Args:
            context: MLflow's.
            model_input: (N, H, W, C) pictures of the model's size, values in [0, 255].
            params: Not used.

        Returns:
            (N, K, 3) float32: x, y as shares of the input, confidence, for a heatmap model; else
            the model's first output.
        """
        del context, params
        from poseline.runtime.decode import decode_heatmaps

        metadata = self._runtime.metadata
        scale, offset = (metadata.scale, metadata.offset) if metadata else (1 / 127.5, -1.0)
        outputs = self._runtime.predict(np.asarray(model_input, np.float32) * scale + offset)[0]
        if outputs.ndim != 4:
            return outputs
        return decode_heatmaps(outputs, (metadata and metadata.decoding) or "argmax")

    @staticmethod
    def _file(context: Any) -> str:
        folder = Path(context.artifacts["model"]) / "model"
        return next(p.name for p in folder.iterdir() if p.suffix != ".json")


set_model(PoseModel())
