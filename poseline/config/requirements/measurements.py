"""What measures a model, and the limits on its figures: a benchmark's needs, and the gate's."""

from __future__ import annotations

from poseline.config.models.config import CHAINS, Config, Stage
from poseline.config.requirements.cel import has, modes
from poseline.config.requirements.requirement import Requirement, needed

_LIMITS: dict[str, Stage] = {
    "min_oks": "evaluate",
    "max_oks_drop": "evaluate",
    "board_fit": "benchmark",
    "max_latency_ms": "benchmark",
}
_GATED = f"$mode in [{', '.join(repr(m) for m, stages in CHAINS.items() if len(stages) > 1)}]"


def _measured(limit: str) -> Requirement:
    """Return the requirement that a limit of the gate is set only where its figure is measured."""
    stage = _LIMITS[limit]
    message, estimated = f"only in a chain with the stage {stage}", "true"
    if stage == "benchmark":
        message += ", its backends with estimate"
        backends = "benchmarking.backends"
        estimated = f"(!{has(backends)} || 'estimate' in $config.{backends})"

    def found(config: Config) -> str | None:
        value = config.gated and getattr(config.gate, limit)
        backends = config.benchmarking.backends if config.benchmarking else ("estimate",)
        known = stage in config.stages and (stage != "benchmark" or "estimate" in backends)
        return None if known or value is False or value is None else str(value)

    path = f"gate.{limit}"
    unset = f" || !$config.{path}" if limit == "board_fit" else ""
    return Requirement(
        path,
        message,
        found,
        f"!({_GATED}) || !{has(path)}{unset} || $mode in {modes(stage)} && {estimated}",
    )


MEASURES: tuple[Requirement, ...] = (
    needed(
        "benchmark",
        "benchmarking.board",
        "the name of a board",
        lambda c: c.benchmarking is not None,
        "has($config.benchmarking)",
    ),
    *map(_measured, _LIMITS),
)
