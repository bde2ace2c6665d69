"""The text of a config: YAML, bounded, with the line of every key."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from poseline.config.loading.bounded_yaml import (
    DEEPEST,
    LONGEST_KEY,
    MOST_BYTES,
    MOST_NODES,
    MOST_REFERENCES,
    LimitError,
    build,
    compose,
    refers,
)
from poseline.config.loading.validation_errors import MOST_PROBLEMS
from poseline.errors import ConfigError, Problem

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True)
class Source:
    """A config as it is written.

    Attributes:
        data: What it says, before overrides and interpolation.
        lines: Dotted path of each key to its line, from 1.
    """

    data: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int | None:
        """Return the line of a key, or of the nearest one above it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return None


def read_file(path: Path) -> str:
    """Return the text of a config file.

    Raises:
        ConfigError: It is not there, no file, cannot be read, is too large, or is not UTF-8.
    """
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
        if kind:
            raise _unreadable(path, kind)
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a file may grow, or say that it is empty
        if len(content) > MOST_BYTES:
            raise _unreadable(path, f"more than {MOST_BYTES / 1e6:g} MB")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        utf_16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
        found = "UTF-16" if utf_16 else f"a file that is not text, from byte {error.start} on"
        raise _unreadable(path, found) from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except ValueError as error:  # NUL in a path
        raise _unreadable(path, str(error)) from None


def read_text(text: str, source: str) -> Source:
    """Read YAML.

    Aliases are bounded by what they expand to, and a key that is written twice is an error.

    Raises:
        ConfigError: The text is not a YAML mapping, or is larger or deeper than any config.
    """
    try:
        root = compose(text)
        if root is None:
            return Source({})
        if not isinstance(root, yaml.MappingNode):
            found = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
            raise ConfigError([Problem("<top>", found, "a mapping of sections")], source)
        walk = _Walk()
        walk.visit(root, "", 0)
        if walk.problems:
            raise ConfigError(walk.problems, source)
        return Source(plain(build(root)), walk.lines)
    except yaml.YAMLError as error:
        raise ConfigError([yaml_problem(error, source)], source) from None


def read_value(text: str) -> Any:
    """Read one YAML value, bounded as a config is.

    Raises:
        yaml.YAMLError: It is none.
    """
    root = compose(text)
    if root is not None:
        walk = _Walk()
        walk.visit(root, "", 0)
        if walk.problems:
            raise LimitError(problem=walk.problems[0].found)
    return plain(build(root))


def yaml_problem(error: yaml.YAMLError, source: str) -> Problem:
    """Return what a YAML error says, with its location."""
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else source
    found = getattr(error, "problem", None) or str(error).splitlines()[0]
    if isinstance(error, LimitError) or "nesting depth" in found:  # the latter is libyaml's
        line = mark.line + 1 if mark else None
        return Problem("<top>", found, "a config of normal size", line=line)
    return Problem(place, f"a syntax error ({found})", "valid YAML")


def plain(value: Any) -> Any:
    """Return data whose keys are text and whose parts are no part twice, as aliases make them."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class _Walk:
    """Counts what the YAML expands to, notes lines, and finds keys that are written twice."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._nodes = self._references = 0

    def visit(self, node: yaml.Node, path: str, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            if not self.problems or self.problems[-1].path != "<top>":
                self.problems.append(
                    Problem("<top>", "aliases or nesting without end", "a config of normal size")
                )
            return
        if isinstance(node, yaml.ScalarNode):
            self._references += refers(node.value, node.start_mark.line + 1)
            if self._references > MOST_REFERENCES:
                raise LimitError(problem=f"more than {MOST_REFERENCES} references")
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, f"{path}.{index}", depth + 1)
        elif isinstance(node, yaml.MappingNode):
            for dotted, value in self._keys(node, path):
                self.visit(value, dotted, depth + 1)

    def _keys(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or len(key.value) > LONGEST_KEY:
                place, accepted = path or "<top>", f"names of at most {LONGEST_KEY} characters"
                self.problems.append(
                    Problem(place, "a key that is not a name", accepted, line=line)
                )
                continue
            name = key.value
            dotted = f"{path}.{name}".lstrip(".")
            if name in seen and name != "<<" and len(self.problems) < MOST_PROBLEMS:
                found = f"the key twice, first in line {seen[name]}"
                self.problems.append(Problem(dotted, found, "each key once", line=line))
            seen.setdefault(name, line)
            self.lines.setdefault(dotted, line)
            yield dotted, value


def _unreadable(path: Path, found: str) -> ConfigError:
    return ConfigError([Problem(str(path), found, "a UTF-8 YAML file")], "the command line")
