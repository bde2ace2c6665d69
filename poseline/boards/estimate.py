"""What a model costs on a board, computed and not measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from poseline.boards.arena import arena_bytes
from poseline.boards.graph import Graph
from poseline.boards.table import BOARDS, BoardFacts

RUNTIME_FLASH_KB, RUNTIME_RAM_KB = 60, 16
"""What the inference library and its tables add; a rating, not a measurement."""
FLOAT_SLOWDOWN = 3.0
"""Cycles of a float multiply-accumulate against an int8 one; a rating."""
LATENCY_FACTOR = 2.0
"""The latency is right within this factor, up and down."""


@dataclass(frozen=True)
class Cost:
    """A model's cost on any board: multiply-accumulates, KB of flash and RAM; estimates."""

    macc: int
    flash_kb: float
    ram_kb: float
    is_float: bool


@dataclass(frozen=True)
class Fit:
    """Whether a model fits on a board, and how fast it would run.

    Attributes:
        board: Name of the board.
        verdict: `internal`, `external` (needs the board's own memory chips) or `no`.
        reason: The verdict in words.
        flash_margin_kb: Internal flash that is left; negative where it lacks.
        ram_margin_kb: Internal RAM that is left; negative where it lacks.
        latency_ms: Time of an inference in ms; an estimate.
        latency_low_ms: Lower end of its error.
        latency_high_ms: Upper end of its error.
    """

    board: str
    verdict: str
    reason: str
    flash_margin_kb: float
    ram_margin_kb: float
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def cost(graph: Graph) -> Cost:
    """Return what a model costs, whatever the board."""
    wide = [t.size for t in graph.tensors if t.constant and len(t.shape) == 4]
    counts = [_count(t.shape) for t in graph.tensors if t.constant and len(t.shape) == 4]
    return Cost(
        macc=graph.macc,
        flash_kb=graph.weight_bytes / 1024 + RUNTIME_FLASH_KB,
        ram_kb=arena_bytes(graph) / 1024 + RUNTIME_RAM_KB,
        is_float=sum(wide) > 2 * sum(counts),
    )


def fits(model: Cost) -> list[Fit]:
    """Return the verdict for each of the boards."""
    return [fit(model, facts) for facts in BOARDS]


def fit(model: Cost, facts: BoardFacts) -> Fit:
    """Return the verdict for one board."""
    flash, ram = facts.flash_kb - model.flash_kb, facts.ram_kb - model.ram_kb
    slow = FLOAT_SLOWDOWN if model.is_float else 1.0
    latency = model.macc * slow / (facts.macc_per_cycle * facts.mhz * 1e3)
    verdict, reason = _verdict(model, facts)
    return Fit(
        facts.name, verdict, reason, round(flash, 1), round(ram, 1), round(latency, 2),
        round(latency / LATENCY_FACTOR, 2), round(latency * LATENCY_FACTOR, 2),
    )  # fmt: skip


def _verdict(model: Cost, facts: BoardFacts) -> tuple[str, str]:
    needs = {"flash": (model.flash_kb, facts.flash_kb, facts.external_flash_kb),
             "RAM": (model.ram_kb, facts.ram_kb, facts.external_ram_kb)}  # fmt: skip
    lacking: list[str] = []
    outside: list[str] = []
    for kind, (need, internal, external) in needs.items():
        if need <= internal:
            continue
        words = f"{kind}: needs {need:,.0f} KB, {internal:,} KB inside"
        (outside if need <= external else lacking).append(words)
    if lacking:
        return "no", "; ".join(lacking)
    if outside and not facts.is_processor:
        return "external", "; ".join(outside) + ", external memory holds it"
    return "internal", "runs from DDR" if facts.is_processor else "fits into the chip"


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
