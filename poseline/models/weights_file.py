"""The weights in a .h5 or .keras file by the names of their layers, without its architecture.

Nothing of a file is run or built: a model with layers of its author's gives its weights, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from poseline.errors import ModelError
from poseline.models.file import first_line, model_format
from poseline.models.keras_file import checked_file

Tensors = Sequence[Any]
"""The tensors of a layer, in the order of its `weights`; read when they are asked for."""


@contextmanager
def opened_weights(
    path: Path, layers: Iterable[tuple[str, str]] = ()
) -> Iterator[Mapping[str, Tensors]]:
    """Open the weights of a file.

    Args:
        path: A model as .h5 or .keras, or weights alone as .h5.
        layers: Class and name of each layer of the model that the weights are for; files of weights
            alone that early versions of Keras 3 wrote name no layers, and theirs are then counted.

    Yields:
        Name of each layer that has weights to its tensors, as long as the file is open.

    Raises:
        ModelError: The file is missing, damaged, holds no weights, or refers to other files.
    """
    if model_format(path) != "keras":
        raise ModelError(f"{path} holds no weights of Keras", "give a .h5 or .keras file")
    with checked_file(path) as (file, config):
        try:
            counted = _counted(_layers_of(config) if config else layers)
            found = _by_group(file) if _is_legacy(file) else _by_variables(file, counted)
        except (KeyError, ValueError, TypeError, AttributeError, OSError) as error:
            raise ModelError(
                f"{path} cannot be loaded: {first_line(error)}", "save the weights again"
            ) from None
        if not found:
            raise ModelError(f"{path} holds no weights", "give a model, or weights as .h5")
        yield found


def _root(file: Any) -> Any:
    return file.get("model_weights", file)


def _is_legacy(file: Any) -> bool:
    root = _root(file)
    return "layer_names" in root.attrs or "layer_names0" in root.attrs


def _by_group(file: Any) -> dict[str, Tensors]:
    """Read the layout of .h5 models: a group a layer; a model within the model is one, too."""
    found: dict[str, list[Any]] = {}
    root = _root(file)
    for layer in _texts(root, "layer_names"):
        names = _texts(root[layer], "weight_names")
        owners = [name.split("/")[-2] if "/" in name else layer for name in names]
        nested = len(set(owners)) > 1
        for name, owner in zip(names, owners, strict=True):
            found.setdefault(owner if nested else layer, []).append(_tensor(root[layer][name]))
    return dict(found)


def _texts(group: Any, name: str) -> list[str]:
    """Return a list of names, which is cut into several attributes where it is long."""
    parts = [name] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs and parts != [name]:
        parts.append(f"{name}{len(parts)}")
    texts = [text for part in parts for text in group.attrs[part]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _by_variables(file: Any, counted: Mapping[str, str]) -> dict[str, Tensors]:
    """Read the layout of .keras files: `layers/conv2d_3/vars/0`, the layer's name beside it."""
    found: dict[str, Tensors] = {}

    def visit(place: str, entry: Any) -> None:
        owner, _, last = place.rpartition("/")
        if last != "vars" or owner.startswith("optimizer") or not len(entry):
            return
        own = owner.rpartition("/")[2]
        name = str(entry.attrs.get("name") or counted.get(own, own))
        found[name] = [_tensor(entry[number]) for number in sorted(entry, key=int)]

    file.visititems(visit)
    return found


def _tensor(entry: Any) -> Any:
    if not isinstance(entry, h5py.Dataset) or not np.issubdtype(entry.dtype, np.number):
        raise ValueError(f"{entry.name} holds no numbers")
    return entry


def _layers_of(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    inner = config.get("config")
    entries = inner.get("layers", []) if isinstance(inner, Mapping) else []
    return [(str(e["class_name"]), str(e["config"]["name"])) for e in entries]


def _counted(layers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the names that Keras 3 gives layers in its files, each to the layer's own name.

    They are the class in snake case with a number from the second on: `conv2d`, `conv2d_1`.
    """
    counts: dict[str, int] = {}
    names = {}
    for kind, name in layers:
        plain = re.sub(r"\W+", "", kind)
        plain = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", plain)
        snake = re.sub("([a-z])([A-Z])", r"\1_\2", plain).lower()
        count = counts.get(snake, 0)
        names[f"{snake}_{count}" if count else snake] = name
        counts[snake] = count + 1
    return names
