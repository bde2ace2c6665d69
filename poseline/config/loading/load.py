"""From a YAML file and overrides to a checked `Config`, or to every problem at once."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from pydantic import BaseModel, ValidationError

from poseline.config.loading import overrides as changes
from poseline.config.loading import presets, zoo_layout
from poseline.config.loading.interpolation import UnresolvedError, readable
from poseline.config.loading.interpolation import resolve as resolve_references
from poseline.config.loading.validation_errors import MOST_PROBLEMS, problems_of, without_pieces
from poseline.config.loading.yaml_source import Source, plain, read_file, read_text
from poseline.config.models.base import Section
from poseline.config.models.config import Config
from poseline.config.models.general import General, HydraRun, OperationMode
from poseline.config.requirements.checks import missing
from poseline.errors import ConfigError, Problem
from poseline.masking import leaves, masked

_LEAST_WRITTEN_OUT = 1e-20  # below it, the zeros are harder to read than an exponent
_MOST_FILES = 1000  # that are looked through for a name that is near
_ATTEMPTS = 5  # to read the rest of a config without what is wrong, so as to check that, too
_MEANT = re.compile(r"did you mean `([^`]+)`")
_PLACEHOLDER = re.compile(r"<(?!unnamed>)[^<>]+>|\?\?\?")


def load(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    mode: OperationMode | None = None,
    preset: bool = True,
) -> Config:
    """Read, resolve and check a config file.

    Args:
        path: The YAML file.
        overrides: Dotted `key=value` changes as Hydra reads them: `a.b=1` sets, `+a.b=1` adds,
            `~a.b` deletes.
        mode: Replaces the file's `operation_mode`.
        preset: Whether `training.preset` adds what is left out.

    Returns:
        The config, complete with defaults.

    Raises:
        ConfigError: Anything is wrong with the file or the overrides; lists all of it.
    """
    with suppress(OSError, ValueError):  # what else is wrong with it is found when it is read
        if not path.exists():
            problem = Problem(str(path), "no such file", "a YAML file", _near(path))
            raise ConfigError([problem], "the command line")
    config = parse(read_file(path), overrides, mode=mode, source=str(path), preset=preset)
    return _named(config, path.stem)


def _named(config: Config, name: str) -> Config:
    """Return a config whose project is named after its file, where it has no name of its own."""
    if config.general.project_name != General().project_name:
        return config
    general = config.general.model_copy(update={"project_name": name})
    return config.model_copy(update={"general": general})


def parse(
    text: str,
    overrides: Sequence[str] = (),
    *,
    mode: OperationMode | None = None,
    source: str = "config",
    preset: bool = True,
) -> Config:
    """Read, resolve and check the text of a config; as `load`."""
    written = read_text(text, source)
    overrides = zoo_layout.own_overrides(overrides, written.data)
    data = _resolved(written, overrides, source)
    if mode:
        data["operation_mode"] = mode
    try:
        return check(data, source=source, preset=preset)
    except ConfigError as error:
        keys = [override.lstrip("+").partition("=")[0].strip() for override in overrides]
        typed = [problem for problem in error.problems if _is_overridden(problem, keys)]
        found = [
            problem if problem in typed else replace(problem, line=written.line(problem.path))
            for problem in error.problems
        ]
        raise ConfigError(found, changes.SOURCE if typed == found else source) from None


def check(data: dict[str, Any], *, source: str = "config", preset: bool = True) -> Config:
    """Validate resolved data against the schema and against what its mode requires.

    Args:
        data: The config.
        source: What a message calls it.
        preset: Whether `training.preset` adds what is left out.

    Raises:
        ConfigError: Lists every problem with its dotted path.
    """
    layout = zoo_layout.read(data)
    read = layout.data
    problems = [*layout.problems, *islice(_unfit(data), MOST_PROBLEMS)]

    def report(found: Iterable[Problem]) -> None:
        named = [layout.named(problem) for problem in found]
        problems.extend([p for p in named if not _is_reported(p.path, problems)])

    for _ in range(_ATTEMPTS):
        try:
            config = Config.model_validate(read)
        except ValidationError as error:
            found = problems_of(error, Config, read)
            report(found)
            for problem in found:
                read = _without(read, problem.path.split(".")) or read
            if error.error_count() > MOST_PROBLEMS:
                break
            continue
        if not _is_reported("operation_mode", problems):  # of an unknown mode nothing is known
            report(missing(config))
        break
    if problems:
        raise ConfigError(_without_consequences(without_pieces(problems)), source)
    return presets.completed(config) if preset else config


def resolve(text: str, overrides: Sequence[str] = (), *, source: str = "config") -> dict[str, Any]:
    """Read YAML, apply overrides, and resolve `${…}`: references, `${now:…}`, `${env:…}`.

    Raises:
        ConfigError: The text is not a YAML mapping, or something in it cannot be resolved.
    """
    written = read_text(text, source)
    return _resolved(written, zoo_layout.own_overrides(overrides, written.data), source)


def find_config(folder: Path, name: str) -> Path:
    """Return the file that `--config-path` and `--config-name` mean; the suffix may be missing."""
    for candidate in (folder / name, folder / f"{name}.yaml", folder / f"{name}.yml"):
        with suppress(OSError):  # a name that is too long
            if candidate.is_file():
                return candidate
    return folder / name


def dump(config: BaseModel) -> str:
    """Return a config as YAML that `load` reads back to the same config, but for its secrets.

    What came from the environment is written as `${env:NAME}`; user information and signatures in
    URIs are hidden.
    """
    shown = masked(config.model_dump(mode="json"))
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes small and large numbers as people read them, without an exponent."""

    def represent_float(self, data: float) -> yaml.ScalarNode:
        """Return a number's node; part of PyYAML's protocol."""
        node = super().represent_float(data)
        if "e" in node.value and _LEAST_WRITTEN_OUT < abs(data) < 1 / _LEAST_WRITTEN_OUT:
            node.value = f"{Decimal(repr(data)):f}"
            node.value += "" if "." in node.value else ".0"
        return node


_Dumper.add_representer(float, _Dumper.represent_float)


def normal_form(config: Config) -> dict[str, Any]:
    """Return a config as a custom resource and Helm values hold it: without what is not set."""
    return _set_alone(config)


def _set_alone(section: Section) -> dict[str, Any]:
    fields, data = type(section).model_fields, section.model_dump(mode="json")
    made: dict[str, Any] = {}
    for name, value in data.items():
        inner = getattr(section, name)
        if value is None and (name not in fields or fields[name].default is None):
            continue
        if isinstance(inner, Section):
            made[name] = _set_alone(inner)
        elif isinstance(inner, tuple) and all(isinstance(item, Section) for item in inner):
            made[name] = [_set_alone(item) for item in inner]
        elif isinstance(inner, dict) and all(isinstance(it, Section) for it in inner.values()):
            made[name] = {key: _set_alone(item) for key, item in inner.items()}
        else:
            made[name] = value
    return made


def _resolved(written: Source, overrides: Sequence[str], source: str) -> dict[str, Any]:
    try:
        with readable():
            loaded = OmegaConf.create(_with_hydra(written.data))
        changes.apply_all(loaded, overrides)
        return {key: plain(value) for key, value in resolve_references(loaded).items()}
    except UnresolvedError as error:
        raise ConfigError(
            [replace(error.problem, line=written.line(error.problem.path))], source
        ) from None


def _with_hydra(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with Hydra's directory of a run, which has a `${now:…}` of its own."""
    hydra, default = data.get("hydra"), {"dir": HydraRun().dir}
    if hydra is None:
        return data | {"hydra": {"run": default}}
    run = hydra.get("run") if isinstance(hydra, dict) else default
    if run is None or (isinstance(run, dict) and not run.get("dir")):
        return data | {"hydra": hydra | {"run": (run or {}) | default}}
    return data


def _unfit(data: Any) -> Iterator[Problem]:
    """Find what no key accepts: placeholders that were left, and numbers that are none."""
    for path, value in leaves(data):
        if isinstance(value, float) and not math.isfinite(value):
            yield Problem(path, str(value), "a finite number")
        elif isinstance(value, str) and _PLACEHOLDER.fullmatch(value.strip()):
            yield Problem(path, repr(value), "your own value", "this is a placeholder")


def _is_reported(path: str, problems: Iterable[Problem]) -> bool:
    """Return whether a problem of this key, or of what it is in or has in it, is listed."""
    return any(
        f"{path}.".startswith(f"{p.path}.") or f"{p.path}.".startswith(f"{path}.") for p in problems
    )


def _without(data: Any, path: Sequence[str]) -> Any:
    """Return data without what a path names, or where it is not there, without what it is in."""
    if not isinstance(data, dict) or path[0] not in data:
        return None
    inner = _without(data[path[0]], path[1:]) if len(path) > 1 else None
    return {
        key: inner if key == path[0] else value
        for key, value in data.items()
        if key != path[0] or inner is not None
    }


def _without_consequences(problems: list[Problem]) -> list[Problem]:
    """Leave out what is missing because its key is mistyped, which is a problem of its own."""
    meant = {
        ".".join((*problem.path.split(".")[:-1], found[1]))
        for problem in problems
        if (found := _MEANT.search(problem.hint))
    }
    return [one for one in problems if not (one.found == "nothing" and one.path in meant)]


def _is_overridden(problem: Problem, keys: Iterable[str]) -> bool:
    """Return whether the key of a problem comes from an override."""
    return any(problem.path == key or problem.path.startswith(f"{key}.") for key in keys)


def _near(path: Path) -> str:
    names: list[str] = []
    with suppress(OSError, ValueError):
        files = islice(path.parent.iterdir(), _MOST_FILES)
        names = [p.name for p in files if p.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else ""
