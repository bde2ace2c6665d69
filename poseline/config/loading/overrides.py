"""Overrides as Hydra's users know them: `a.b=1`, `+a.b=1`, `~a.b`."""

from __future__ import annotations

from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poseline.errors import Problem

_ACCEPTED = "key=value, +key=value or ~key"


def apply(config: DictConfig, override: str) -> Problem | None:
    """Apply one override.

    `a.b=1` sets whether or not the key is there, since the schema knows which keys exist: unlike
    Hydra's, it is told of a wrong key with a did-you-mean. `+` and `++` are taken, too.

    Returns:
        What is wrong with it, or None.
    """
    if override.startswith("~"):
        return _delete(config, override)
    key, equals, value = override.lstrip("+").partition("=")
    key = key.strip()
    if not equals or not all(part.strip() for part in key.split(".")):
        return Problem(override, "no key=value", _ACCEPTED)
    parent, _, _ = key.rpartition(".")
    while parent:
        node = OmegaConf.select(config, parent, throw_on_resolution_failure=False)
        if node is not None and not OmegaConf.is_config(node):
            return Problem(override, f"{parent} is a value, not a section", "a key of a section")
        parent = parent.rpartition(".")[0]
    try:
        OmegaConf.update(config, key, read_value(value), merge=False, force_add=True)
    except yaml.YAMLError as error:
        return Problem(override, str(getattr(error, "problem", error)), "a YAML value")
    except (OmegaConfBaseException, TypeError, AttributeError, ValueError) as error:
        return Problem(override, str(error).splitlines()[0], _ACCEPTED)
    return None


def read_value(text: str) -> Any:
    """Read the right side of an override: YAML, with `{a:1, b:(1,2)}` as Hydra takes it."""
    stripped = text.strip()
    return yaml.safe_load(_as_yaml(stripped) if stripped[:1] in ("{", "[") else stripped)


def _delete(config: DictConfig, override: str) -> Problem | None:
    parent, _, key = override[1:].partition("=")[0].rpartition(".")
    node = OmegaConf.select(config, parent, throw_on_resolution_failure=False) if parent else config
    if isinstance(node, DictConfig) and key in node:
        del node[key]
        return None
    return Problem(override, "no such key in the file", _ACCEPTED)


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
        elif char in "}])":
            stack, awaits_key = stack[:-1], False
            made += '"' if char == ")" and "(" not in stack else ""
        elif char == ",":
            awaits_key = stack.endswith("{")
        elif char == ":" and awaits_key:
            made += "" if text[index + 1 : index + 2].isspace() else " "
            awaits_key = False
    return made
