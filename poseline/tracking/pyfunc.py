"""LiteRT, ONNX and Keras models as MLflow's pyfunc."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np

from poseline.models.metadata import sidecar_path
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


def save(model: Path, out: Path) -> Path:
    """Write an MLflow model that `mlflow.pyfunc.load_model` opens.

    Args:
        model: A model file; its sidecar goes along.
        out: Folder to make.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    runtime = open_model(model)
    bundle = out.with_name(f".{out.name}.bundle")
    (bundle / "model").mkdir(parents=True, exist_ok=True)
    shutil.copy2(model, bundle / "model")
    if sidecar_path(model).is_file():
        shutil.copy2(sidecar_path(model), bundle / "model")
    points = len(runtime.metadata.keypoints) if runtime.metadata else -1
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *runtime.input_shape), "pictures")]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, points, 3), "keypoints")]),
    )
    mlflow.pyfunc.save_model(
        str(out), python_model=PoseModel(), artifacts={"model": str(bundle)}, signature=signature,
        pip_requirements=["poseline[ml]"],
    )  # fmt: skip
    shutil.rmtree(bundle)
    return out
