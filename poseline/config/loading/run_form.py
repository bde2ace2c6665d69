"""The few fields that people change between runs, and how they win over a config."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from poseline import store
from poseline.config.loading import load
from poseline.config.models.benchmarking import Board
from poseline.config.models.config import Config
from poseline.config.models.general import General, Mlflow, OperationMode
from poseline.errors import ConfigError, PoselineError, Problem
from poseline.store.manifest import MANIFEST

_EMPTY = "empty: as the config says."
_ZERO = "0: as the config says."


class FormField(NamedTuple):
    """A field of the form, as pipelines and components take it."""

    parameter: inspect.Parameter
    """Its name, type and default."""
    says: str
    """What it is, for people."""
    key: str
    """The key of the config that it stands for; empty: `read` knows what it does."""


def _field(default: Any, says: str, key: str = "") -> Any:
    return field(default=default, metadata={"says": says, "key": key})


@dataclass(frozen=True)
class RunForm:
    """The fields that stand beside a config; empty text and 0 leave it as it is.

    The parameters of every pipeline, of `resolve` and of `finish` are made of them.
    """

    dataset: str = _field(
        "",
        "Where the pictures are, such as s3://bucket/folder: a COCO set as a tool exported it, a "
        "YOLO-pose set with its data.yaml, a set in YOLO Darknet format (with train and val "
        f"inside, or one folder), or one packed by `poseline dataset pack`; {_EMPTY}",
    )
    model: str = _field(
        "",
        "The model to start from, such as s3://bucket/model.h5 (.h5, .keras, .tflite, .onnx); "
        f"{_EMPTY}",
        "general.model_path",
    )
    keypoints: int = _field(
        0,
        "Keypoints of a pose: 13 or 17 for a person, 21 for a hand, 133 for a whole body; 0: as "
        "the config says, or else the set or the model. Others are defined in the config.",
        "dataset.keypoints",
    )
    alpha: float = _field(
        0.0,
        f"Width of the backbone, 0.35 (small, fast) to 1.4; {_ZERO}",
        "training.model.alpha",
    )
    input_size: int = _field(
        0, f"Height and width of the input in px, a multiple of 32 such as 192; {_ZERO}"
    )
    epochs: int = _field(0, f"Passes over the training set; {_ZERO}", "training.epochs")
    batch_size: int = _field(0, f"Pictures of one step; {_ZERO}", "training.batch_size")
    learning_rate: float = _field(0.0, f"Learning rate of the optimizer, such as 0.001; {_ZERO}")
    board: str = _field(
        "",
        f"The board that the model is meant for: {', '.join(typing.get_args(Board))}; {_EMPTY}",
        "benchmarking.board",
    )
    images: str = _field(
        "",
        f"The pictures to annotate, a folder such as s3://bucket/pictures or one picture; {_EMPTY}",
        "prediction.test_files_path",
    )

    @property
    def entered(self) -> dict[str, Any]:
        """Every field and its value."""
        return asdict(self)

    @classmethod
    def described(cls) -> dict[str, FormField]:
        """Return every field by its name, in order."""
        types = typing.get_type_hints(cls)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return {
            one.name: FormField(
                inspect.Parameter(one.name, kind, default=one.default, annotation=types[one.name]),
                one.metadata["says"],
                one.metadata["key"],
            )
            for one in fields(cls)
        }


_KEYS = {name: one.key for name, one in RunForm.described().items() if one.key} | {
    "quantizer": "quantization.quantizer",
    "granularity": "quantization.granularity",
}
"""Field of the form, or of a variant of a sweep, to the key that it stands for."""
_SPECIAL = tuple(name for name, one in RunForm.described().items() if not one.key)
Kind = Literal["coco", "yolo_pose", "packed", "yolo"]
"""Sets to convert, in COCO's or YOLO-pose's format, and sets to train on: packed, or YOLO Darknet's
pictures with labels beside them."""
_ANNOTATIONS = re.compile(r"keypoints|_annotations\.coco")
_INDEX, _DEEPEST = "shards.json", 3
_SET_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_SETS = ("training_path", "validation_path")

Form = Mapping[str, Any]
"""Fields and what was entered; empty text and 0 mean that the config decides."""


def read(text: str, mode: OperationMode, form: Form, *, look: bool = True) -> Config:
    """Return the config that a text and a form give together.

    Args:
        text: The config as YAML; JSON is YAML.
        mode: The mode; the text's own is replaced.
        form: What was entered; a dotted name is a key of the config.
        look: Find out the kind of the data set from its files; otherwise it is taken for a COCO
            set, which is enough to check the rest.

    Raises:
        ConfigError: Lists everything that is wrong.
        StoreError: The data set cannot be listed.
    """
    entered = {name: value for name, value in form.items() if value not in ("", 0, None)}
    unknown = [name for name in entered if name not in (*_KEYS, *_SPECIAL) and "." not in name]
    if unknown:
        accepted = ", ".join((*_SPECIAL, *_KEYS))
        raise ConfigError([Problem(name, "a field", accepted) for name in unknown], "the form")
    written = load.resolve(text)
    overrides = [
        f"{_KEYS.get(name, name)}={json.dumps(value)}"
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


def kind_of(names: Iterable[str]) -> Kind:
    """Tell what a data set is by the names of its files."""
    listed = [PurePosixPath(name) for name in names]
    if any(name.name == _INDEX for name in listed):
        return "packed"
    if any(name.parent.name == "" and name.name in _SET_FILES for name in listed) and any(
        "labels" in name.parts[:-1] for name in listed
    ):
        return "yolo_pose"
    annotations = [
        name
        for name in listed
        if name.suffix.lower() == ".json" and len(name.parts) <= _DEEPEST and name.name != MANIFEST
    ]
    named = any(_ANNOTATIONS.search(name.name.lower()) for name in annotations)
    labels = any(name.suffix.lower() == ".txt" for name in listed)
    return "coco" if named or (annotations and not labels) else "yolo"


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
    if kind_of(listed) in ("coco", "yolo_pose"):
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
