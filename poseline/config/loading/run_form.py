"""The few fields that people change between runs, and how they win over a config."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from poseline import store
from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.config.models.general import General, Mlflow, OperationMode
from poseline.errors import ConfigError, PoselineError, Problem

_FIELDS = {
    "keypoints": "dataset.keypoints",
    "alpha": "training.model.alpha",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "board": "benchmarking.board",
    "model": "general.model_path",
    "images": "prediction.test_files_path",
    "quantizer": "quantization.quantizer",
    "granularity": "quantization.granularity",
}
"""Field of the form, or of a variant of a sweep, to the key that it stands for."""
_SPECIAL = ("dataset", "input_size", "learning_rate")
_ANNOTATIONS = re.compile(r"(annotations/)?person_keypoints[^/]*\.json")
_INDEX = "shards.json"
_SETS = ("training_path", "validation_path")

Form = Mapping[str, Any]
"""Fields and what was entered; empty text and 0 mean that the config decides."""


def read(text: str, mode: OperationMode, form: Form, *, look: bool = True) -> Config:
    """Return the config that a text and a form give together.

    Args:
        text: The config as YAML; JSON is YAML.
        mode: The mode; the text's own is replaced.
        form: What was entered; a dotted name is a key of the config.
        look: Look into the data set to tell of what kind it is; otherwise it is taken for a COCO
            set, which is enough to check the rest.

    Raises:
        ConfigError: Lists everything that is wrong.
        StoreError: The data set cannot be listed.
    """
    entered = {name: value for name, value in form.items() if value not in ("", 0, None)}
    unknown = [name for name in entered if name not in (*_FIELDS, *_SPECIAL) and "." not in name]
    if unknown:
        accepted = ", ".join((*_SPECIAL, *_FIELDS))
        raise ConfigError([Problem(name, "a field", accepted) for name in unknown], "the form")
    written = load.resolve(text)
    overrides = [
        f"{_FIELDS.get(name, name)}={json.dumps(value)}"
        for name, value in entered.items()
        if name not in _SPECIAL
    ]
    if size := entered.get("input_size"):
        overrides.append(f"training.model.input_shape={json.dumps([size, size, 3])}")
    if rate := entered.get("learning_rate"):
        overrides.append(f"training.optimizer.{_optimizer(written)}.learning_rate={rate}")
    if uri := entered.get("dataset"):
        uri = str(uri).rstrip("/")
        names = store.listing(uri) if look else ["person_keypoints.json"]
        overrides += _dataset(uri, names, written)
    return load.parse(text, overrides, mode=mode)


def salvaged(text: str) -> Config:
    """Return what can be read of a config that is wrong: where its run is tracked."""
    try:
        data = load.resolve(text)
        return Config(
            mlflow=Mlflow.model_validate(data.get("mlflow") or {}),
            general=General(project_name=str((data.get("general") or {}).get("project_name"))),
        )
    except (PoselineError, ValueError, AttributeError):
        return Config()


def kind_of(names: Iterable[str]) -> str:
    """Tell what a data set is by the names of its files: `coco`, `packed` or `yolo`."""
    listed = list(names)
    if any(posixpath.basename(name) == _INDEX for name in listed):
        return "packed"
    return "coco" if any(_ANNOTATIONS.fullmatch(name) for name in listed) else "yolo"


def _optimizer(written: Mapping[str, Any]) -> str:
    """Return the name of the config's optimizer; it may be text or a mapping of one."""
    training = written.get("training") or {}
    optimizer = training.get("optimizer") if isinstance(training, Mapping) else None
    if isinstance(optimizer, Mapping) and optimizer:
        return str(next(iter(optimizer)))
    return str(optimizer or "Adam")


def _dataset(uri: str, names: Iterable[str], written: Mapping[str, Any]) -> list[str]:
    """Return the overrides by which a set of any kind takes the place of what a config names."""
    listed = list(names)
    dataset = written.get("dataset") or {}
    there = [key for key in _SETS if isinstance(dataset, Mapping) and key in dataset]
    if kind_of(listed) == "coco":
        return [f"conversion.path={json.dumps(uri)}", *(f"~dataset.{key}" for key in there)]
    parts = {name.split("/", 1)[0] for name in listed if "/" in name}
    sets = {"training_path": f"{uri}/train" if "train" in parts else uri}
    if "val" in parts:
        sets["validation_path"] = f"{uri}/val"
    return [
        *(f"dataset.{key}={json.dumps(value)}" for key, value in sets.items()),
        *(f"~dataset.{key}" for key in there if key not in sets),
        *(["~conversion"] if "conversion" in written else []),
    ]
