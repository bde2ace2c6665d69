"""The code of the MLflow models that poseline logs: MLflow runs this file to load one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.models import set_model

from poseline.config.models.config import Config
from poseline.config.models.preprocessing import Rescaling
from poseline.runtime import open_model
from poseline.runtime.decode import decode_heatmaps
from poseline.runtime.pose_decoder import Decoder


class PoseModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model file with its sidecar; pictures in, keypoints out."""

    def load_context(self, context: Any) -> None:
        """Open the model."""
        folder = Path(context.artifacts["model"])
        self._runtime = open_model(next(p for p in folder.iterdir() if p.suffix != ".json"))
        metadata = self._runtime.metadata
        self._rescaling = Rescaling()
        self._decoder: Decoder | None = None
        if metadata:
            self._rescaling = Rescaling(scale=metadata.scale, offset=metadata.offset)
            self._points = len(metadata.keypoints)
            config = {"general": {"model_type": metadata.model_type}}
            self._decoder = Decoder(self._runtime, Config.model_validate(config), metadata.points)

    # The type states for MLflow that the signature says what goes in.
    def predict(self, context, model_input: np.ndarray, params=None):  # type: ignore[no-untyped-def]
        """Return keypoints.

        Args:
            context: MLflow's.
            model_input: (N, H, W, C) uint8 pictures of the model's size.
            params: Not used.

        Returns:
            (N, K, 3) float32: x and y as shares of the input, confidence; of the surest person,
            NaN where none is seen. A model without a sidecar: decoded heatmaps, or else its first
            output as it is.
        """
        del context, params
        rescaling = self._rescaling
        images = np.asarray(model_input, np.float32) * rescaling.scale + rescaling.offset
        outputs = self._runtime.predict(images.astype(np.float32))
        if self._decoder is None:
            first = outputs[0]
            return decode_heatmaps(first) if first.ndim == 4 else first
        nobody = np.full((self._points, 3), np.nan, np.float32)
        return np.stack(
            [
                found.keypoints[int(np.argmax(found.scores))] if len(found.scores) else nobody
                for found in self._decoder.decode(outputs)
            ]
        ).astype(np.float32)


set_model(PoseModel())
