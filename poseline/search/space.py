"""From a search space to the overrides of one candidate."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.config.models.general import OperationMode
from poseline.config.models.search import Parameter, Search
from poseline.errors import ConfigError, Problem

if TYPE_CHECKING:
    import optuna

_FIXED = ("search", "hydra", "mlflow", "general.project_name", "operation_mode", "gate", "export")
"""What is the same in all trials."""
MODE: OperationMode = "chain_tqeb"


def settings_of(config: Config) -> Search:
    """Return the section of a config.

    Raises:
        ConfigError: There is none, or nothing varies in it.
    """
    if config.search is None or not config.search.space:
        problem = Problem("search.space", "nothing", "keys of the config, and what each may be")
        raise ConfigError([problem])
    return config.search


def base(path: Path, overrides: Sequence[str]) -> Config:
    """Read the config of a search.

    Raises:
        ConfigError: It is wrong; or a key of the space, or one of its values, is.
    """
    config = load.load(path, overrides, mode=MODE)
    settings = settings_of(config)
    problems = [
        *_unlike_a_search(config),
        *(problem for key in settings.space for problem in _unfit(path, overrides, key, settings)),
    ]
    if problems:
        raise ConfigError(problems, str(path))
    return config


def check(text: str) -> None:
    """Check the text of a search's config, as `base` does a file.

    Raises:
        ConfigError: As `base`.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, encoding="utf-8")
        base(path, [])


def suggest(trial: optuna.Trial, space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return what a trial gives each key; Optuna stores choices as the text of their JSON."""
    found: dict[str, Any] = {}
    for key, one in space.items():
        if one.choices:
            texts = [json.dumps(choice) for choice in one.choices]
            found[key] = json.loads(trial.suggest_categorical(key, texts))
        elif one.low is not None and one.high is not None:
            found[key] = trial.suggest_float(key, one.low, one.high, step=one.step, log=one.log)
    return found


def own(config: Config, space: Mapping[str, Parameter]) -> dict[str, Any] | None:
    """Return what a config gives each key itself, as Optuna stores it; None: the space lacks it.

    A range with steps has it where it is one of them.
    """
    found: dict[str, Any] = {}
    written = config.model_dump(mode="json")
    for key, one in space.items():
        value: Any = written
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if one.choices:
            texts = {json.dumps(choice) for choice in one.choices}
            if (stored := json.dumps(value)) not in texts:
                return None
            found[key] = stored
        elif _is_in(value, one):
            found[key] = float(value)
        else:
            return None
    return found


def _is_in(value: Any, one: Parameter) -> bool:
    if one.low is None or one.high is None or not isinstance(value, int | float):
        return False
    steps = (value - one.low) / one.step if one.step else 0.0
    return one.low <= value <= one.high and math.isclose(steps, round(steps), abs_tol=1e-6)


def read(params: Mapping[str, Any], space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return what Optuna has stored of a trial as values of the config."""
    return {
        key: json.loads(value) if key in space and space[key].choices else value
        for key, value in params.items()
    }


def overriding(values: Mapping[str, Any]) -> list[str]:
    """Return values as overrides of a config."""
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def words(values: Mapping[str, Any]) -> str:
    """Return values in a few words: `alpha 0.35, input_shape [192, 192, 3]`."""
    return ", ".join(f"{key.rpartition('.')[2]} {_short(value)}" for key, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _unlike_a_search(config: Config) -> list[Problem]:
    backends = config.benchmarking.backends if config.benchmarking else ()
    if "estimate" in backends:
        return []
    return [Problem("benchmarking.backends", str(list(backends)), "estimate among them")]


def _unfit(path: Path, overrides: Sequence[str], key: str, settings: Search) -> list[Problem]:
    """Return what is wrong with a key of the space, by trying the ends of its range."""
    place = f"search.space.{key}"
    if any(key == fixed or key.startswith(f"{fixed}.") for fixed in _FIXED):
        return [Problem(place, key, "a key that may differ between trials")]
    one = settings.space[key]
    tried = one.choices or (one.low, one.high)
    for value in tried:
        try:
            load.load(path, [*overrides, *overriding({key: value})], mode=MODE)
        except ConfigError as error:
            inner = error.problems[0]
            return [Problem(place, str(value), inner.accepted, inner.hint or inner.path)]
    return []
