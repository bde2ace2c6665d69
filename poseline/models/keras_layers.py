"""The layers that an architecture names: built-in ones, without code, as this Keras knows them."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import keras

from poseline.errors import ModelError

_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_READS_FILES = {"StringLookup", "IntegerLookup", "TextVectorization"}
_RAW_OPERATIONS = {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"}
_MODELS = {"Functional", "Sequential", "Model"}
_PACKAGES = (
    "keras.activations",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.models",
    "keras.ops",
    "keras.regularizers",
    "keras.src.layers",
    "keras.src.models",
    "keras.src.ops",
)
_KERAS_2 = ("tf_keras", "keras.src.engine", "keras.engine")
_MAX_DEPTH = 100


def checked_config(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return an architecture without the keys that this Keras does not know and that do nothing.

    Args:
        path: The file, for messages.
        config: The architecture as the file has it; it is left as it is.

    Raises:
        ModelError: A layer carries code, reads files, or is not one of Keras'.
    """
    return dict(_checked(path, config, "of the model", 0))


def _checked(path: Path, value: Any, place: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ModelError(f"{path}: its architecture is nested over {_MAX_DEPTH} deep")
    if isinstance(value, list):
        return [_checked(path, item, place, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("class_name"), str):
        place = _layer_name(value) or place
        _check_class(path, value, place)
        value = _without_idle_keys(value)
    # A layer's call arguments and an initializer's are checked as the layers are.
    return {name: _checked(path, item, place, depth + 1) for name, item in value.items()}


def _layer_name(value: dict[str, Any]) -> str:
    inner = value.get("config")
    name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return str(name) if name else ""


def _check_class(path: Path, value: dict[str, Any], place: str) -> None:
    kind, package = value["class_name"], value.get("module")
    if kind in _CODE:
        raise ModelError(
            f"{path}: layer {place} is a {kind.strip('_')}, which carries code",
            "replace it by built-in layers; code from models is never run",
        )
    if kind in _READS_FILES:
        raise ModelError(
            f"{path}: layer {place} is a {kind}, which reads files", "save the model without it"
        )
    if kind in _RAW_OPERATIONS:
        operation = value["config"].get("function") if isinstance(value.get("config"), dict) else ""
        raise ModelError(
            f"{path}: layer {place} is TensorFlow's operation {operation or kind}, which Keras 3 "
            "does not load",
            "replace it by a layer of Keras, or convert the model to .tflite",
        )
    if isinstance(package, str) and package.startswith(_KERAS_2):
        raise ModelError(
            f"{path} was written by Keras 2 in its own form of .keras",
            "save it as .h5 with Keras 2, which is read",
        )
    registered = str(value.get("registered_name") or "")
    foreign = isinstance(package, str) and not _allowed(package, kind)
    is_layer = "inbound_nodes" in value or "build_config" in value
    if ">" in registered or foreign or (is_layer and not _layer_class(kind) and not package):
        raise ModelError(
            f"{path}: layer {place} is of the custom class "
            f"{registered or (f'{package}.{kind}' if package else kind)}, which is not known here",
            "replace it by built-in layers, or convert the model to .tflite or .onnx",
        )


def _allowed(package: str, kind: str) -> bool:
    if package == "builtins":
        return kind in ("function", "slice")
    inside = any(package == known or package.startswith(f"{known}.") for known in _PACKAGES)
    return inside or (package == "keras" and kind in (*_MODELS, "DTypePolicy", "KerasTensor"))


def _without_idle_keys(value: dict[str, Any]) -> dict[str, Any]:
    known, inner = _parameters(value["class_name"]), value.get("config")
    if not known or not isinstance(inner, dict):
        return value
    kept = {
        name: item
        for name, item in inner.items()
        if name in known or not (item in (None, False, []) or (name, item) == ("groups", 1))
    }
    return value | {"config": kept}


def _layer_class(kind: str) -> Any:
    found = getattr(keras.layers, kind, None) or getattr(keras.models, kind, None)
    return found if kind in (*_MODELS,) or inspect.isclass(found) else None


@cache
def _parameters(kind: str) -> frozenset[str]:
    """Return every argument that a built-in layer or one of its bases takes; empty: unknown."""
    found = getattr(keras.layers, kind, None)
    if not inspect.isclass(found) or kind in _MODELS:
        return frozenset()
    bases = [base for base in found.__mro__ if "__init__" in vars(base) and base is not object]
    return frozenset(
        name for base in bases for name in inspect.signature(vars(base)["__init__"]).parameters
    )
