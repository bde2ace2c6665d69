"""Weights that a new model starts from: those of a file whose layers have its names and shapes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from poseline.data.keypoints import KeypointSet
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.models.backbone import is_backbone
from poseline.models.imagenet import imagenet_weights
from poseline.models.metadata import read_metadata
from poseline.models.movenet import HEAD
from poseline.models.weights_file import Tensors, opened_weights

Outcome = Literal["loaded", "shape differs", "missing", "other keypoints"]
IMAGENET = "imagenet"
_log = get_logger(__name__)


@dataclass(frozen=True)
class LayerTransfer:
    """What became of one layer of a model.

    Attributes:
        layer: Its name.
        outcome: Whether its weights were loaded, or why they stay as they were drawn.
        shapes: Shapes of its weights.
        given: Shapes in the file; empty where it has none.
    """

    layer: str
    outcome: Outcome
    shapes: str
    given: str = ""


def load_pretrained(
    model: keras.Model, weights: str, alpha: float, points: KeypointSet
) -> list[LayerTransfer]:
    """Load the weights of every layer that a file has by the same name and in the same shapes.

    Args:
        model: A new model on MobileNetV2; changed in place.
        weights: `imagenet`, which must fit the whole backbone, or the path of a model or of
            weights, which may fit in part.
        alpha: The model's width multiplier.
        points: Its keypoints; the head of a model with others is not taken.

    Returns:
        What became of each layer that has weights, in the model's order.

    Raises:
        ModelError: The weights cannot be had, or nothing of them fits; says what to do.
    """
    if weights == IMAGENET:
        path = imagenet_weights(alpha, _pictures_of(model))
        remedy = f"remove {path} to download it again"
    else:
        path = Path(weights)
        remedy = (
            "give weights of MobileNetV2 of this width, or a model that was built on it, or set "
            "training.model.pretrained_weights to None"
        )
    metadata = read_metadata(path)
    others = metadata is not None and not metadata.points.fits(points)
    try:
        with opened_weights(path, _layers_of(model)) as given:
            transfer = transfer_weights(model, given, without=HEAD if others else ())
    except ModelError as error:
        raise ModelError(f"pretrained_weights: {error.message}", error.remedy or remedy) from None
    counts = {kind: sum(t.outcome == kind for t in transfer) for kind in _KINDS}
    whole = all(t.outcome == "loaded" for t in transfer if is_backbone(t.layer))
    if counts["loaded"] <= counts["shape differs"] or (weights == IMAGENET and not whole):
        raise ModelError(
            f"{path} does not fit MobileNetV2 with alpha {alpha:g}; of its {len(transfer)} layers: "
            + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count),
            remedy,
        )
    found = {kind.replace(" ", "_"): count for kind, count in counts.items() if count}
    _log.info("pretrained weights", file=str(path), layers=len(transfer), **found)
    return transfer


_KINDS: tuple[Outcome, ...] = ("loaded", "shape differs", "missing", "other keypoints")


def transferred_csv(transfer: list[LayerTransfer]) -> str:
    """Return what became of each layer as CSV."""
    lines = [f"{t.layer},{t.outcome},{t.shapes},{t.given}" for t in transfer]
    return "\n".join(["layer,outcome,shapes,shapes in the file", *lines]) + "\n"


def transfer_weights(
    model: keras.Model, given: Mapping[str, Tensors], without: Collection[str] = ()
) -> list[LayerTransfer]:
    """Give each layer of a model the weights of its name, where they have its shapes.

    Args:
        model: Changed in place.
        given: Name of a layer to its tensors.
        without: Layers that depend on the keypoints and stay as they are.

    Returns:
        What became of each layer that has weights, in the model's order.
    """
    found = []
    for layer in model.layers:
        if not layer.weights:
            continue
        tensors = given.get(layer.name, ())
        shapes, there = _shapes(layer.weights), _shapes(tensors)
        outcome: Outcome = "loaded" if shapes == there else "shape differs"
        if not tensors:
            outcome = "missing"
        elif layer.name in without:
            outcome = "other keypoints"
        elif outcome == "loaded":
            layer.set_weights([np.asarray(tensor, np.float32) for tensor in tensors])
        found.append(LayerTransfer(layer.name, outcome, shapes, there))
    return found


def _shapes(tensors: Tensors) -> str:
    """Return shapes as text, such as `3x3x16x1` or `16 16 16 16`."""
    return " ".join("x".join(map(str, tensor.shape)) for tensor in tensors)


def _layers_of(model: keras.Model) -> Iterator[tuple[str, str]]:
    return ((type(layer).__name__, layer.name) for layer in model.layers)


def _pictures_of(model: keras.Model) -> tuple[Any, ...]:
    return tuple(model.input_shape[1:])
