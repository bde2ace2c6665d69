"""`${…}` in a config: what it may expand to is measured before it is expanded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poseline.config.loading.bounded_yaml import DEEPEST, LONGEST_REFERENCE, MOST_BYTES
from poseline.errors import Problem
from poseline.masking import remember

_ACCEPTED = "text, or ${…} of an existing key, ${now:…} or ${env:NAME,default}"
_FUNCTIONS = ("now", "env", "oc.env", "oc.decode")
_RECURSIVE = f"recursive references, or a chain of more than {DEEPEST}"
_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_FUNCTION = re.compile(r"\$\{\s*([^${}:'\"]*?)\s*:")
_PART = re.compile(r"[^.\[\]]+")
_ENVIRONMENT = re.compile(r"(?:oc\.)?env\s*:\s*(\w+)")

Place = tuple[str | int, ...]


def resolve(config: DictConfig) -> dict[str, Any]:
    """Return a config with all interpolations replaced.

    Raises:
        UnresolvedError: One refers to nothing or without end, or all of them to too much.
    """
    _register()
    _Measure(config).check()
    with readable():
        plain: Any = OmegaConf.to_container(config, resolve=True)
    return dict(plain)


@contextmanager
def readable() -> Iterator[None]:
    """Turn what OmegaConf raises into a `UnresolvedError`."""
    try:
        yield
    except (OmegaConfBaseException, RecursionError) as error:
        key = getattr(error, "full_key", None) or "<top>"
        found = _RECURSIVE if isinstance(error, RecursionError) else str(error)
        raise UnresolvedError(str(key), found.splitlines()[0]) from None


class UnresolvedError(Exception):
    """What is wrong with a reference, and the key that has it."""

    def __init__(self, key: str, found: str) -> None:
        super().__init__(found)
        self.problem = Problem(key, found, _ACCEPTED)


class _Measure:
    """Measures what a config expands to, each place once.

    Args:
        config: The config, not resolved.
    """

    def __init__(self, config: DictConfig) -> None:
        self._config = config
        self._data: Any = OmegaConf.to_container(config, resolve=False)
        self._sizes: dict[Place, int | None] = {}  # None: is being measured

    def check(self) -> None:
        """Measure all.

        Raises:
            UnresolvedError: It is larger than any config, or refers to itself.
        """
        self._size(self._data, (), 0)

    def _size(self, value: Any, place: Place, references: int) -> int:
        """Return the characters and values that a place expands to."""
        known = self._sizes.get(place, -1)
        if known is None or references > DEEPEST:
            raise _problem(place, _RECURSIVE)
        if known >= 0:
            return known
        self._sizes[place] = None
        if isinstance(value, dict):
            size = sum(self._size(v, (*place, k), references) for k, v in value.items())
        elif isinstance(value, list):
            size = sum(self._size(v, (*place, i), references) for i, v in enumerate(value))
        else:
            size = len(value) if isinstance(value, str) else 1
            if isinstance(value, str) and "${" in value:
                size += self._expansion(value, place, references)
        if size > MOST_BYTES:
            raise _problem(place, f"references that expand to {size:.2g} characters")
        self._sizes[place] = size + 1
        return size + 1

    def _expansion(self, text: str, place: Place, references: int) -> int:
        for name in _FUNCTION.findall(text):
            if name not in _FUNCTIONS:
                raise _problem(place, f"the unknown function {name}")
        size = sum(len(os.environ.get(name, "")) for name in _ENVIRONMENT.findall(text))
        return size + sum(
            self._size(value, target, references + 1)
            for target, value in self._targets(text, place)
        )

    def _targets(self, text: str, place: Place) -> Iterator[tuple[Place, Any]]:
        """Yield what a text refers to; a reference within another is replaced by what it says."""
        while match := _INNERMOST.search(text):
            before, said = text[: match.start()], ""
            if ":" not in match[1] and (found := self._follow(match[1], place)):
                yield found  # measured by then
                if before.count("${") > before.count("}"):  # it is part of another one's name
                    said = str(OmegaConf.select(self._config, ".".join(map(str, found[0]))))
            text = f"{before}{said}{text[match.end() :]}"
            if len(text) > LONGEST_REFERENCE or "${" in said:
                raise _problem(place, "a reference with a name that is not valid")

    def _follow(self, reference: str, place: Place) -> tuple[Place, Any] | None:
        """Return the place that a reference names and what stands there; None: there is none."""
        reference = reference.strip()
        dots = len(reference) - len(reference.lstrip("."))
        target: Place = place[: len(place) - dots] if dots else ()
        value = self._at(target)
        for part in _PART.findall(reference):
            target, value = self._section(target, value)
            key: str | int = int(part) if isinstance(value, list) and part.isdecimal() else part
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
            target = (*target, key)
        return target, value

    def _section(self, place: Place, value: Any) -> tuple[Place, Any]:
        """Return the section that a value stands for where it is a reference to one."""
        first = place
        for _ in range(DEEPEST):
            if not (isinstance(value, str) and "${" in value):
                return place, value
            match = _INNERMOST.fullmatch(value.strip())
            found = self._follow(match[1], place) if match else None
            if not found:
                break
            place, value = found
        raise _problem(first, "a section whose name is made of references")

    def _at(self, place: Place) -> Any:
        value = self._data
        for part in place:
            value = value[part]
        return value


def _problem(place: Place, found: str) -> UnresolvedError:
    return UnresolvedError(".".join(map(str, place)) or "<top>", found)


def _register() -> None:
    """Register `${now:…}` and `${env:…}`; every `now` of one config is the same moment."""
    moment = datetime.now()

    def now(pattern: str = "%Y_%m_%d_%H_%M_%S") -> str:
        return moment.strftime(pattern)

    def env(name: str, default: Any = None) -> Any:
        value = os.environ.get(name)
        if value is not None:
            remember(name, value)
            return value
        if default is None:
            raise ValueError(f"environment variable {name} is not set")
        return default

    OmegaConf.register_resolver("now", now, replace=True)
    for resolver in ("env", "oc.env"):
        OmegaConf.register_resolver(resolver, env, replace=True)
