"""LiteRT, ONNX and Keras models as MLflow's pyfunc."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from poseline.models.metadata import read_metadata, sidecar_path
from poseline.runtime import open_model
from poseline.tracking import client


def save(model: Path, out: Path) -> Path:
    """Write an MLflow model that `mlflow.pyfunc.load_model` opens where poseline is installed.

    It takes uint8 pictures (N, H, W, C) of the model's size, and returns keypoints (N, K, 3).

    Args:
        model: A .h5, .keras, .tflite or .onnx file; its sidecar goes along.
        out: Folder to make.

    Returns:
        `out`.

    Raises:
        ModelError: Its sidecar is damaged, or a model without one cannot be opened.
    """
    client.prepare()
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    metadata = read_metadata(model)  # there is no need to load what was made this minute
    shape = metadata.input_shape if metadata else open_model(model).input_shape
    folder = out.with_name(f".{out.name}.files") / "model"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        shutil.copy2(model, folder)
        if metadata:
            shutil.copy2(sidecar_path(model), folder)
        points = len(metadata.keypoints) if metadata else -1
        pictures, keypoints = (-1, *shape), (-1, points, 3)
        mlflow.pyfunc.save_model(
            str(out),
            python_model=str(Path(__file__).with_name("pose_model.py")),
            artifacts={"model": str(folder)},
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype(np.uint8), pictures)]),
                outputs=Schema([TensorSpec(np.dtype(np.float32), keypoints)]),
            ),
            input_example=np.full((1, *shape), 127, np.uint8),
            pip_requirements=["poseline[ml]"],
        )
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    return out
