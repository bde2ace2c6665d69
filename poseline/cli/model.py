"""Commands about a model file and the boards: summary, boards."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from poseline.terminal import Console

if TYPE_CHECKING:
    from poseline.boards.estimate import Cost

Json = Annotated[bool, Parameter(name="--json", negative="")]


def summary(model: Path, *, as_json: Json = False) -> None:
    """List the layers of a model with their numbers, shapes, parameters and MACC.

    For a Keras model, `training.frozen_layers` refers to these numbers. An operation of a .tflite
    or .onnx model includes the normalization and the activation that were folded into it.

    Example: `poseline summary saved_models/best_model.h5`

    Args:
        model: A .h5, .keras, .tflite or .onnx file.
        as_json: Print JSON for programs.
    """
    from poseline.boards.layers import read_layers
    from poseline.cli.model_tables import layers_table, totals, totals_in_words

    layers = read_layers(model)
    if as_json:
        found = {"model": str(model), **totals(layers), "layers": [asdict(one) for one in layers]}
        _print_json(found)
        return
    console = Console()
    console.print(layers_table(model.name, layers))
    console.print(totals_in_words(layers))


def boards(*, fits: Path | None = None, as_json: Json = False) -> None:
    """List the supported boards, or how a model fits on each.

    Example: `poseline boards --fits saved_models/quantized_models/quantized_model.tflite`

    Args:
        fits: A .tflite or .onnx model, or a Keras model, which is treated as float.
        as_json: Print JSON for programs.
    """
    from poseline.boards.table import BOARDS

    if fits is None:
        from poseline.cli.model_tables import boards_json, boards_table

        if as_json:
            _print_json(boards_json(BOARDS))
            return
        Console().print(boards_table(BOARDS))
        return
    from poseline.boards import estimate
    from poseline.cli.model_tables import fits_table

    cost = _cost(fits)
    verdicts = estimate.fits(cost)
    if as_json:
        figures = {
            "macc": cost.macc,
            "flash_kb": cost.flash_kb,
            "ram_kb": cost.ram_kb,
            "ram_source": cost.ram_source,
        }
        _print_json({"model": str(fits), **figures, "boards": [one.as_dict() for one in verdicts]})
        return
    Console().print(fits_table(fits.name, cost, verdicts))


def _cost(model: Path) -> Cost:
    """Return what a model costs, with the RAM that TFLM takes where it supports the model.

    A Keras model is converted to a float .tflite.

    Raises:
        ModelError: The file is missing, damaged or of another kind.
    """
    from poseline.boards.estimate import cost
    from poseline.boards.graph import read_graph
    from poseline.boards.layers import GRAPHS, check_model
    from poseline.boards.tflm import inspect
    from poseline.runtime.tflm import Arena

    check_model(model)
    if read := GRAPHS.get(model.suffix.lower()):
        found, arena = cost(read(model.read_bytes())), inspect(model)
        return found.with_arena(arena) if isinstance(arena, Arena) else found
    from poseline.models.loading import load_keras
    from poseline.quantization.keras_conversion import float_tflite

    return cost(read_graph(float_tflite(load_keras(model))))


def _print_json(content: object) -> None:
    Console(soft_wrap=True).print(json.dumps(content, indent=1))
