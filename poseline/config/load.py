"""From a YAML file and overrides to a checked `Config`, or to every problem at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from poseline.config.config import Config
from poseline.config.general import HydraRun, OperationMode
from poseline.config.problems import problems_of
from poseline.config.requirements import missing
from poseline.errors import ConfigError, Problem


def load(path: Path, overrides: Sequence[str] = (), *, mode: OperationMode | None = None) -> Config:
    """Read, resolve and check a config file.

    Args:
        path: The YAML file.
        overrides: Dotted `key=value` changes as Hydra reads them: `a.b=1` sets, `+a.b=1` adds,
            `~a.b` deletes.
        mode: Replaces the file's `operation_mode`.

    Returns:
        The config, complete with defaults.

    Raises:
        ConfigError: Anything is wrong with the file or the overrides; lists all of it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            [Problem(str(path), "no such file", "a YAML file", _near(path))], "the command line"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), str(error), "a UTF-8 YAML file")]) from None
    return parse(text, overrides, mode=mode, source=str(path))


def parse(
    text: str,
    overrides: Sequence[str] = (),
    *,
    mode: OperationMode | None = None,
    source: str = "config",
) -> Config:
    """Read, resolve and check the text of a config; as `load`."""
    data = resolve(text, overrides, source=source)
    if mode:
        data["operation_mode"] = mode
    return check(data, source=source)


def check(data: dict[str, Any], *, source: str = "config") -> Config:
    """Validate resolved data against the schema and against what its mode requires.

    Raises:
        ConfigError: Lists every problem with its dotted path.
    """
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Config, data), source) from None
    if problems := missing(config):
        raise ConfigError(problems, source)
    return config


def from_slice(data: dict[str, Any]) -> Config:
    """Rebuild a config from a stage's slice; nothing outside of the slice is required.

    Raises:
        ConfigError: The slice does not fit the schema.
    """
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Config, data), "the stage's config") from None


def resolve(text: str, overrides: Sequence[str] = (), *, source: str = "config") -> dict[str, Any]:
    """Read YAML, apply overrides, and resolve `${…}`: references, `${now:…}`, `${env:…}`.

    Raises:
        ConfigError: The text is no YAML mapping, or something in it cannot be resolved.
    """
    _register_resolvers()
    try:
        loaded = OmegaConf.create(text) if text.strip() else OmegaConf.create({})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else source
        found = getattr(error, "problem", None) or str(error)
        raise ConfigError([Problem(place, found, "valid YAML")], source) from None
    if not isinstance(loaded, DictConfig):
        raise ConfigError([Problem("<top>", "a list", "a mapping of sections")], source)
    # Hydra's default has a ${now:…} of its own to resolve.
    merged = OmegaConf.merge({"hydra": {"run": {"dir": HydraRun().dir}}}, loaded)
    assert isinstance(merged, DictConfig)  # noqa: S101  both are
    loaded = merged
    for override in overrides:
        _apply(loaded, override)
    try:
        plain = OmegaConf.to_container(loaded, resolve=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "<top>"
        message = str(error).splitlines()[0]
        raise ConfigError(
            [Problem(key, message, "an existing key, ${now:…} or ${env:NAME,default}")], source
        ) from None
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def find_config(folder: Path, name: str) -> Path:
    """Return the file that `--config-path` and `--config-name` mean; the suffix may be missing."""
    for candidate in (folder / name, folder / f"{name}.yaml", folder / f"{name}.yml"):
        if candidate.is_file():
            return candidate
    return folder / name


def dump(config: BaseModel) -> str:
    """Return a config as YAML that `load` reads back to the same config."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _apply(config: DictConfig, override: str) -> None:
    accepted = "key=value, +key=value or ~key"
    if override.startswith("~"):
        parent, _, key = override[1:].rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        if not isinstance(node, DictConfig) or key not in node:
            raise ConfigError([Problem(override, "no such key", accepted)], "the overrides")
        del node[key]
        return
    key, equals, value = override.lstrip("+").partition("=")
    if not equals or not key.strip():
        raise ConfigError([Problem(override, "no key=value", accepted)], "the overrides")
    try:
        OmegaConf.update(config, key.strip(), yaml.safe_load(value), force_add=True)
    except (yaml.YAMLError, OmegaConfBaseException, TypeError, AttributeError) as error:
        raise ConfigError([Problem(override, str(error), accepted)], "the overrides") from None


_NOW = datetime.now()


def _register_resolvers() -> None:
    def now(pattern: str = "%Y_%m_%d_%H_%M_%S") -> str:
        return _NOW.strftime(pattern)

    def env(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ValueError(f"environment variable {name} is not set")
        return value

    OmegaConf.register_resolver("now", now, replace=True)
    OmegaConf.register_resolver("env", env, replace=True)


def _near(path: Path) -> str:
    names: Iterable[str] = ()
    if path.parent.is_dir():
        names = [p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(path.name, list(names), n=1)
    return f"did you mean {path.parent / close[0]}?" if close else ""
