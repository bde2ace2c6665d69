"""Overrides as Hydra's users know them: `a.b=1`, `+a.b=1`, `~a.b`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poseline.config.loading.bounded_yaml import (
    DEEPEST,
    LONGEST_KEY,
    MOST_BYTES,
    MOST_REFERENCES,
    LimitError,
)
from poseline.config.loading.yaml_source import read_value as read_yaml
from poseline.errors import ConfigError, Problem

_ACCEPTED = "key=value, +key=value or ~key"
SOURCE = "the overrides"
_MOST, _SHOWN = 1000, 80


def apply_all(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """Apply overrides in their order.

    Raises:
        ConfigError: One or more of them are wrong, or they are more than any command line has.
    """
    length = sum(map(len, overrides))
    references = sum(one.count("${") for one in overrides)
    if len(overrides) > _MOST or length > MOST_BYTES or references > MOST_REFERENCES:
        found = f"{len(overrides):,} of {length:,} characters with {references:,} references"
        accepted = f"at most {_MOST} of {MOST_BYTES / 1e6:g} MB, {MOST_REFERENCES} references"
        raise ConfigError([Problem("overrides", found, accepted)], SOURCE)
    wrong = [problem for one in overrides if (problem := apply(config, one))]
    if wrong:
        raise ConfigError(wrong, SOURCE)
    return config


def apply(config: DictConfig, override: str) -> Problem | None:
    """Apply one override.

    `a.b=1` sets whether or not the key is there, since the schema knows which keys exist: unlike
    Hydra's, it answers a wrong key with a did-you-mean. `+` and `++` are taken, too.

    Returns:
        What is wrong with it, or None.
    """
    shown = override if len(override) <= _SHOWN else f"{override[:_SHOWN]}…"
    name, equals, value = override.partition("=")
    deletes = name.startswith("~")
    key = (name[1:] if deletes else name.lstrip("+")).strip()
    parts = key.split(".")
    if not (equals or deletes):
        return Problem(shown, "a word without `=`", _ACCEPTED)
    if not all(part.strip() for part in parts):
        return Problem(shown, "an empty key", _ACCEPTED)
    if len(parts) > DEEPEST or len(max(parts, key=len)) > LONGEST_KEY:
        return Problem(shown, "a key that no config has", _ACCEPTED)
    try:
        return _delete(config, key, shown) if deletes else _set(config, key, value, shown)
    except yaml.YAMLError as error:
        return Problem(shown, str(getattr(error, "problem", None) or error), "a YAML value")
    except (OmegaConfBaseException, TypeError, AttributeError, ValueError, LookupError) as error:
        return Problem(shown, (str(error).splitlines() or [""])[0], _ACCEPTED)


def _set(config: DictConfig, key: str, value: str, shown: str) -> Problem | None:
    parent, _, _ = key.rpartition(".")
    while parent:
        node = OmegaConf.select(config, parent, throw_on_resolution_failure=False)
        if node is not None and not OmegaConf.is_config(node):
            return Problem(shown, f"{parent} is a value, not a section", "a key of a section")
        parent = parent.rpartition(".")[0]
    OmegaConf.update(config, key, read_value(value), merge=False, force_add=True)
    return None


def read_value(text: str) -> Any:
    """Read the right side of an override: YAML, with `{a:1, b:(1,2)}` as Hydra takes it."""
    stripped = text.strip()
    return read_yaml(_as_yaml(stripped) if stripped[:1] in ("{", "[") else stripped)


def _delete(config: DictConfig, path: str, shown: str) -> Problem | None:
    parent, _, key = path.rpartition(".")
    node = OmegaConf.select(config, parent, throw_on_resolution_failure=False) if parent else config
    if isinstance(node, DictConfig) and key in node:
        del node[key]
        return None
    return Problem(shown, "no such key in the file", _ACCEPTED)


def _as_yaml(text: str) -> str:
    """Put the space that YAML wants after a key's colon in braces, and quotes around tuples."""
    made, quote, stack, awaits_key = "", "", "", False
    for index, char in enumerate(text):
        if char == "(" and not quote and "(" not in stack:
            made += '"'
        made += char
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{[(":
            stack, awaits_key = stack + char, char == "{"
            if len(stack) > DEEPEST:
                raise LimitError(problem=f"nesting deeper than {DEEPEST} levels")
        elif char in "}])":
            stack, awaits_key = stack[:-1], False
            made += '"' if char == ")" and "(" not in stack else ""
        elif char == ",":
            awaits_key = stack.endswith("{")
        elif char == ":" and awaits_key:
            made += "" if text[index + 1 : index + 2].isspace() else " "
            awaits_key = False
    return made
