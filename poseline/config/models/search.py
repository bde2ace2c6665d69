"""`search`: which keys of the config vary, what is sought, and what a board allows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Number, Section
from poseline.config.models.constraints import Rule, unit

Objective = Literal["oks", "latency_ms", "flash_kb", "ram_kb"]


class Parameter(Section):
    """What a key may be: one of `choices`, or a number from `low` to `high`."""

    rules = (
        Rule(
            "either `choices`, or `low` and `high`",
            lambda p: (
                bool(p.choices) != (p.low is not None and p.high is not None)
                and (p.low is None) == (p.high is None)
            ),
        ),
        Rule(
            "`low` below `high`",
            lambda p: p.low is None or p.high is None or p.low < p.high,
            "!has(self.low) || !has(self.high) || self.low < self.high",
        ),
        Rule(
            "`log` from a `low` above 0 on, and without `step`",
            lambda p: not p.log or (p.step is None and (p.low or 0) > 0),
            "!has(self.log) || !self.log || !has(self.step) && has(self.low) && self.low > 0.0",
        ),
    )

    choices: Annotated[tuple[Any, ...], Field(max_length=32)] = ()
    """Values to choose from, as the key takes them."""
    low: Number | None = None
    """Smallest number."""
    high: Number | None = None
    """Largest number."""
    step: Annotated[Number, Field(gt=0)] | None = None
    """Distance of two numbers; not set: any number between."""
    log: bool = False
    """Whether numbers are drawn by their logarithm."""


class Limits(Section):
    """What a candidate must keep to; one that by its estimate does not is not trained."""

    board_fit: bool = True
    """It fits on `benchmarking.board`, with the board's own memory chips."""
    flash_kb: Annotated[Number, Field(gt=0), unit("KB")] | None = None
    """Most flash."""
    ram_kb: Annotated[Number, Field(gt=0), unit("KB")] | None = None
    """Most RAM."""
    latency_ms: Annotated[Number, Field(gt=0), unit("ms")] | None = None
    """Longest inference on the board."""


class Search(Section):
    """A search for the best models that a board can run, by Optuna."""

    rules = (
        Rule(
            "`oks` among the `objectives`, each once",
            lambda s: "oks" in s.objectives and len(set(s.objectives)) == len(s.objectives),
            "!has(self.objectives) || 'oks' in self.objectives",
        ),
    )

    space: Annotated[dict[str, Parameter], Field(max_length=64)] = Field(default_factory=dict)
    """Keys of the config by their dotted path, and what each may be. Mandatory in a search."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=4)] = (
        "oks",
        "latency_ms",
    )
    """What is sought: the highest OKS of the int8 model, the lowest of the others."""
    limits: Limits = Limits()
    """What every candidate must keep to."""
    trials: Annotated[Integer, Field(ge=1, le=100_000)] = 20
    """Candidates that are trained, those that are pruned included."""
    workers: Annotated[Integer, Field(ge=1, le=256)] = 1
    """Trials at a time: processes here, tasks in a cluster."""
    minutes: Annotated[Number, Field(gt=0, le=1_000_000), unit("min")] | None = None
    """When no further trial is started; not set: never."""
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    """How the next candidate is chosen."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """How poor trainings are found early, by the `val_oks` of their epochs."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] | None = None
    """Seed of the sampler; the same candidates with one worker. Not set: another one each time."""
    storage: str | None = None
    """URL of a database that searches share, such as postgresql://…; not set: a file beside the
    trials."""
    name: str | None = None
    """Name of the study in the storage; not set: `general.project_name`."""
