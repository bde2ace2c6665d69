"""A stage inside of a KFP component: artifacts in, artifacts out.

KFP itself is not imported: an artifact is anything with a path, a URI and metadata.
"""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from poseline import log
from poseline.config.chain import Step
from poseline.config.config import Stage
from poseline.config.load import from_slice
from poseline.errors import ModelError, StoreError
from poseline.models.metadata import read_metadata
from poseline.stages.result import StageResult
from poseline.stages.task import run_task
from poseline.store.manifest import Manifest


class Artifact(Protocol):
    """What is used of a KFP artifact."""

    path: str
    uri: str
    metadata: dict[str, Any]


class Metrics(Artifact, Protocol):
    """What is used of a KFP Metrics artifact."""

    def log_metric(self, metric: str, value: float) -> None:
        """Record a figure."""


def run(
    stage: Stage,
    config: str,
    inputs: Mapping[str, str | Artifact],
    result: Artifact,
    *,
    name: str = "",
    metrics: Metrics | None = None,
    page: Artifact | None = None,
    **options: Any,
) -> StageResult:
    """Run a stage and describe what it made such that KFP's UI shows it.

    Args:
        stage: The stage.
        config: The stage's slice as JSON.
        inputs: Name to URI or artifact; empty URIs are left out.
        result: Artifact whose path becomes the stage's output folder.
        name: The step's name where it is not the stage's.
        metrics: Gets the stage's figures.
        page: Gets the stage's pictures as one HTML page.
        options: Further arguments of the stage.
    """
    log.configure()
    local = {key: _location(value) for key, value in inputs.items() if value != ""}
    step = Step(name or stage, stage)
    done = run_task(step, from_slice(json.loads(config)), local, Path(result.path), **options)
    result.metadata.update(describe(done))
    if metrics is not None:
        for key, figure in done.metrics.items():
            metrics.log_metric(key, float(figure))
    if page is not None:
        Path(page.path).write_text(_page(done), encoding="utf-8")
    return done


def model_in(folder: Path) -> Path:
    """Return the model file of a stage's output folder, or the path itself where it is a file.

    Raises:
        ModelError: The folder has no model.
    """
    if folder.is_file():
        return folder
    try:
        return folder / Manifest.read(folder).roles["model"]
    except (StoreError, KeyError):
        raise ModelError(f"{folder} holds no model", "give it the output of train, quantize or "
                         "fetch_model") from None  # fmt: skip


def describe(result: StageResult) -> dict[str, Any]:
    """Return the metadata that KFP's UI shows for a stage's artifact; strings and floats."""
    found: dict[str, Any] = {"stage": result.stage}
    found |= {key: round(value, 6) for key, value in result.metrics.items()}
    model = result.files.get("model")
    if model and model.is_file():
        found["size_kb"] = round(model.stat().st_size / 1024, 1)
        found["framework"] = {".tflite": "LiteRT", ".onnx": "ONNX"}.get(model.suffix, "Keras")
        if metadata := read_metadata(model):
            found["input_shape"] = "×".join(map(str, metadata.input_shape))
            found["quantization"] = f"{metadata.input_dtype} → {metadata.output_dtype}"
            found["model_type"] = metadata.model_type
    return found


def _location(value: str | Artifact) -> str:
    if isinstance(value, str):
        return value
    return str(model_in(Path(value.path)))


def _page(result: StageResult) -> str:
    """Return a page of a stage's figures and pictures, with nothing from outside of it."""
    rows = "".join(
        f"<tr><td>{html.escape(key)}</td><td>{value:.6g}</td></tr>"
        for key, value in result.metrics.items()
    )
    pictures = [p for p in result.files.values() if p.suffix in (".png", ".jpg") and p.is_file()]
    shown = "".join(
        f'<figure><img src="data:image/{"png" if p.suffix == ".png" else "jpeg"};base64,'
        f'{base64.b64encode(p.read_bytes()).decode()}"><figcaption>{html.escape(p.stem)}'
        "</figcaption></figure>"
        for p in pictures
    )
    style = "body{font:14px sans-serif}img{max-width:100%}td{padding:2px 12px 2px 0}"
    return (
        f"<!doctype html><meta charset=utf-8><style>{style}</style>"
        f"<h2>{html.escape(result.stage)}</h2><table>{rows}</table>{shown}"
    )


def chain_id() -> str:
    """Return the id that ties the stages of one chain together across pods.

    It comes from the environment and not from a parameter, since a parameter that differs in
    every run would empty KFP's cache.
    """
    return os.environ.get("POSELINE_CHAIN_ID", "")
