"""Pipelines that can be run: those that are installed, and files that were compiled."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from poseline.config.models.config import CHAINS
from poseline.config.models.general import OperationMode
from poseline.errors import ConfigError, Problem

GROUP = "poseline.pipelines"
"""Entry points: name of a pipeline to what KFP's SDK has made of it."""
COMPILER = "poseline.compiler"
"""Entry point: the function from such a pipeline to the text of its package."""


def package(pipeline: str) -> str:
    """Return the package of a pipeline by its name, or of a compiled file.

    Raises:
        ConfigError: The pipeline does not exist, or KFP's SDK is not installed.
    """
    if pipeline.endswith((".yaml", ".yml")):
        try:
            return Path(pipeline).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = Problem(pipeline, str(error), "a compiled pipeline")
            raise ConfigError([problem], "the command line") from None
    loaded = _loaded(pipeline)
    (compiler,) = entry_points(group=COMPILER)
    return cast(str, compiler.load()(loaded))


def names() -> list[str]:
    """Return the names of the pipelines that are installed."""
    return sorted(entry_points(group=GROUP).names)


def describe(pipeline: str) -> tuple[str, str]:
    """Return the name of a pipeline in Kubeflow, and in a line what it does."""
    loaded = _loaded(pipeline)
    return str(loaded.name), (loaded.description or "").strip().split("\n")[0]


def mode_of(pipeline: str) -> OperationMode | None:
    """Return the mode that a pipeline is of; None: it is of none alone."""
    name = Path(pipeline).stem
    return next((mode for mode in CHAINS if mode == name), None)


def _loaded(pipeline: str) -> Any:
    found = tuple(entry_points(group=GROUP, name=pipeline))
    if not found:
        accepted = f"{', '.join(names())}, or a compiled pipeline's file"
        raise ConfigError([Problem("pipeline", repr(pipeline), accepted)], "the command line")
    try:
        return found[0].load()
    except ModuleNotFoundError as error:
        problem = Problem(str(error.name), "not installed", "poseline[pipelines]")
        remedy = "pip install 'poseline[pipelines]', or give a compiled pipeline's file"
        raise ConfigError([problem], "this environment", remedy) from None
