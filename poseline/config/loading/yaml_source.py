"""The text of a config: YAML, bounded, with the line of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poseline.errors import ConfigError, Problem

_LONGEST = 1_000_000
_MOST_NODES = 20_000
_DEEPEST = 32


@dataclass(frozen=True)
class Source:
    """A config as it is written.

    Attributes:
        data: What it says, before overrides and interpolation.
        lines: Dotted path of each key to its line, from 1.
    """

    data: DictConfig
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
        ConfigError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise ConfigError([Problem(str(path), "more than 1 MB", "a config's YAML file")])
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError([Problem(str(path), found or "", "a UTF-8 YAML file")]) from None


def read_text(text: str, source: str) -> Source:
    """Read YAML.

    Aliases are bounded by what they expand to, and a key that is written twice is an error.

    Raises:
        ConfigError: The text is no YAML mapping, or is larger or deeper than any config.
    """
    if len(text) > _LONGEST:
        raise ConfigError([Problem("<top>", "more than 1 MB", "a config")], source)
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is None:
            return Source(OmegaConf.create({}))
        if not isinstance(root, yaml.MappingNode):
            found = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
            raise ConfigError([Problem("<top>", found, "a mapping of sections")], source)
        walk = _Walk()
        walk.visit(root, "", 0)
        if walk.problems:
            raise ConfigError(walk.problems, source)
        data: Any = OmegaConf.create(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else source
        found = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError([Problem(place, found, "valid YAML")], source) from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "<top>"
        message = str(error).splitlines()[0]
        raise ConfigError(
            [Problem(key, message, "text or ${…}", "", walk.lines.get(key))], source
        ) from None
    except RecursionError:
        raise ConfigError(
            [Problem("<top>", "deeper than any config", "a config")], source
        ) from None
    return Source(data, walk.lines)


class _Walk:
    """Counts what the YAML expands to, notes lines, and finds keys that are written twice."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def visit(self, node: yaml.Node, path: str, depth: int) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > _DEEPEST:
            if not self.problems or self.problems[-1].path != "<top>":
                self.problems.append(
                    Problem("<top>", "aliases or nesting without end", "a config of normal size")
                )
            return
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, f"{path}.{index}", depth + 1)
        elif isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                dotted = f"{path}.{name}".lstrip(".")
                if name in seen and name != "<<":
                    found = f"the key twice, first in line {seen[name]}"
                    self.problems.append(Problem(dotted, found, "each key once", line=line))
                seen.setdefault(name, line)
                self.lines.setdefault(dotted, line)
                self.visit(value, dotted, depth + 1)
