"""LiteRT, ONNX and Keras models as MLflow's pyfunc."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow.pyfunc
import numpy as np

from poseline.models.metadata import sidecar_path
from poseline.runtime import open_model


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
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *runtime.input_shape))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, points, 3))]),
    )
    mlflow.pyfunc.save_model(
        str(out), python_model=str(Path(__file__).with_name("pose_model.py")),
        artifacts={"model": str(bundle)}, signature=signature,
        pip_requirements=["poseline[ml]"],
    )  # fmt: skip
    shutil.rmtree(bundle)
    return out
