"""One thing that must hold of a config in its mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from poseline.config.models.config import Config, Stage
from poseline.config.requirements.cel import modes


@dataclass(frozen=True)
class Requirement:
    """What must hold of a config in its mode.

    Attributes:
        path: The key that is to be changed.
        message: What is accepted.
        found: Returns what was found where that is wrong, else None.
        cel: The same check in CEL; true where it holds. Empty where CEL does not see the key: what
            a schema preserves as unknown is hidden from it.
    """

    path: str
    message: str
    found: Callable[[Config], str | None]
    cel: str = ""


def needed(
    stage: Stage, path: str, what: str, given: Callable[[Config], bool], cel: str
) -> Requirement:
    """Return the requirement that something is set where the mode has a stage."""
    return Requirement(
        path,
        f"{what}; the mode needs it",
        lambda config: "nothing" if stage in config.stages and not given(config) else None,
        f"!($mode in {modes(stage)}) || {cel}",
    )
