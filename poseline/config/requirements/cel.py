"""The parts that requirements are written of in the Common Expression Language.

`$config` stands for the config, wherever it is in what is checked.
"""

from __future__ import annotations

from poseline.config.models.config import CHAINS, Stage


def modes(stage: Stage) -> str:
    """Return CEL for the list of the modes that have a stage."""
    return f"[{', '.join(repr(mode) for mode, stages in CHAINS.items() if stage in stages)}]"


def has(path: str) -> str:
    """Return CEL for whether a dotted path is set."""
    parts = path.split(".")
    steps = [f"has($config.{'.'.join(parts[: end + 1])})" for end in range(len(parts))]
    return f"({' && '.join(steps)})"


def get(path: str, default: str) -> str:
    """Return CEL for the value of a dotted path, or for its default."""
    return f"({has(path)} ? $config.{path} : {default!r})"


def matches(path: str, pattern: str) -> str:
    """Return CEL for whether the text of a dotted path has a part that a pattern matches."""
    text = pattern.replace("\\", "\\\\").replace("$", "$$")
    return f"$config.{path}.matches('{text}')"
