"""The artifacts of a task: what KFP hands over, and what its UI shows of them."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from poseline import store
from poseline.errors import StoreError
from poseline.stages.result import StageResult
from poseline.store.manifest import write_atomic
from poseline.tasks.parameters import Json

if TYPE_CHECKING:
    from poseline.models.metadata import ModelMetadata

_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[^/]+-\d{4}(-\d\d){5}-\d+")


class Artifact(Protocol):
    """What KFP hands to a task for an artifact.

    Attributes:
        path: Where it is, or is to be written, in this pod.
        uri: Where KFP keeps it.
        metadata: What its UI shows.
    """

    path: str
    uri: str
    metadata: Json


class Place:
    """A folder that is not an artifact of its own, beside one that is."""

    def __init__(self, path: str, uri: str) -> None:
        self.path, self.uri, self.metadata = path, uri, dict[str, Any]()


def uri_of(artifact: Artifact) -> str:
    """Return an artifact's URI as the store knows it: MinIO and SeaweedFS speak S3."""
    return re.sub(r"^minio://", "s3://", artifact.uri)


def is_remote(artifact: Artifact) -> bool:
    """Return whether KFP keeps an artifact in an S3 store."""
    return uri_of(artifact).startswith("s3://")


def chain_of(artifact: Artifact) -> str:
    """Return what ties the runs of a chain together: the run's id where KFP states it."""
    if known := os.environ.get("POSELINE_CHAIN_ID"):
        return known
    if found := _RUN.search(artifact.uri):
        return found[0]
    return hashlib.sha256(artifact.uri.rpartition("/")[0].encode()).hexdigest()[:16]


def run_folder(artifact: Artifact) -> str:
    """Return the URI of the folder in which KFP keeps all artifacts of the run."""
    uri = uri_of(artifact)
    found = _RUN.search(uri)
    return uri[: found.end()] if found else uri.rpartition("/")[0]


def leave_note(artifact: Artifact, name: str, text: str) -> None:
    """Leave a text among the artifacts of a run, for another of its tasks.

    Args:
        artifact: One of the run.
        name: Name of the file.
        text: What it says.

    Raises:
        StoreError: It cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        write_atomic(file, text)
        store.publish(file, f"{run_folder(artifact)}/{name}")


def left_note(artifact: Artifact, name: str) -> str | None:
    """Return what `leave_note` left in the run of an artifact; None: nothing that is text."""
    try:
        return store.fetch(f"{run_folder(artifact)}/{name}").read_text(encoding="utf-8")
    except (StoreError, OSError, ValueError):
        return None


def model_in(artifact: Artifact) -> str:
    """Return the model file in an artifact.

    Raises:
        StoreError: There is none.
    """
    result = StageResult.load(Path(artifact.path))
    if "model" not in result.files:
        raise StoreError(f"{artifact.uri} holds no model", "run the task that made it again")
    return str(result.files["model"])


def model_shown(model: Path) -> Json:
    """Return what the UI shows of a model: framework, size, input, keypoints, quantization."""
    from poseline.models.file import size_kb
    from poseline.models.metadata import read_metadata

    formats = {".h5": "Keras", ".keras": "Keras", ".tflite": "LiteRT", ".onnx": "ONNX"}
    shown: Json = {
        "framework": formats.get(model.suffix, model.suffix),
        "size_kb": round(size_kb(model), 1),
        "file": model.name,
    }
    if found := read_metadata(model):
        shown |= {
            "architecture": found.name,
            "input_shape": "x".join(map(str, found.input_shape)),
            "keypoints": len(found.keypoints),
            "quantization": _quantization(found),
        }
    return shown


def _quantization(found: ModelMetadata) -> str:
    if found.calibrated is None:
        return "none"
    known = "" if found.calibrated else ", on random data: its accuracy says nothing"
    return f"int8, input {found.input_dtype}, output {found.output_dtype}{known}"


def show(metrics: Artifact, result: StageResult) -> None:
    """Put figures where KFP compares runs: floats alone, since it tracks them itself."""
    finite = {name: float(v) for name, v in result.metrics.items() if math.isfinite(v)}
    metrics.metadata.update(finite)  # KFP refuses NaN, and the task with it
    # KFP's local cache forgets a task of which an artifact has no file.
    write_atomic(Path(metrics.path), json.dumps(finite, indent=1, sort_keys=True))
