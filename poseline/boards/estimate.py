"""What a model costs on a board, computed and not measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from poseline.boards.arena import arena_bytes
from poseline.boards.base import Finding
from poseline.boards.calibration import calibration
from poseline.boards.graph import Graph, read_graph
from poseline.boards.onnx_graph import read_onnx
from poseline.boards.published import Work
from poseline.boards.table import BOARDS, BoardFacts
from poseline.boards.tflm import inspect
from poseline.config.models.config import Config
from poseline.names import LATENCY_MS_ESTIMATE, MEASURED_IN_TFLM
from poseline.runtime.tflm import Arena

RUNTIME_FLASH_KB, RUNTIME_RAM_KB = 108, 30
"""What ST's inference library and its tables add: published for MobileNetV2 on an STM32H7, with
58 to 193 KB and 14 to 70 KB for other networks."""
CHANNEL_SCALE_BYTES = 5
"""What a channel with a scale of its own adds to the C model: a float and an int8 zero point."""
RAM_ERROR = 1.31
"""Largest factor, up and down, between the activations by this plan and the ones that ST publishes
for 15 models (tests/boards/test_estimate.py); ST's tool computes some operations in place."""
TFLM_MORE_KB = 32, 65
"""How much more than this estimate TFLM's arena took, KB: alpha 0.2 at 96 px, 0.35 at 128 and 192,
0.5 at 128. The activations were the same; TFLM's structures, measured with 64-bit pointers, took 62
to 95 KB where ST's runtime is rated at 30."""
FLASH_NOTE = (
    "ST's tool puts the weights and their scales into flash, not the file with its names, graph "
    "and 64-bit zero points: flash may be below the file's size. TFLM keeps the file whole."
)
FLOAT_SLOWDOWN, FLOAT_ERROR = 3.0, 2.0
"""Time of a float model against its int8 twin, and the further error of that: a rating. Nothing
was published to calibrate it on."""


@dataclass(frozen=True)
class Cost:
    """A model's cost on any board: multiply-accumulates, KB of flash and RAM.

    All are estimates, but for the RAM where TFLM was asked.
    """

    macc: int
    flash_kb: float
    ram_kb: float
    work: Work
    is_float: bool
    per_channel: bool
    ram_source: str = "estimate"

    def with_arena(self, arena: Arena) -> Cost:
        """Return the cost with the RAM that TFLM was seen to take."""
        return replace(self, ram_kb=arena.total / 1024, ram_source=MEASURED_IN_TFLM)


@dataclass(frozen=True)
class Fit:
    """Whether a model fits on a board, and how fast it would run.

    Attributes:
        board: Name of the board.
        verdict: `internal`, `external` (needs the board's own memory chips) or `no`.
        reason: The verdict in words.
        flash_margin_kb: Internal flash that is left, or a processor's storage; negative where it
            lacks.
        ram_margin_kb: Internal RAM that is left, or a processor's DDR; negative where it lacks.
        latency_ms: Time of an inference in ms; an estimate.
        latency_low_ms: Lower end of its error.
        latency_high_ms: Upper end of its error.
        core: What runs it.
        points: Published times that the latency is calibrated on.
    """

    board: str
    verdict: str
    reason: str
    flash_margin_kb: float
    ram_margin_kb: float
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    core: str
    points: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class Estimate:
    """Every board at once, computed from the model's graph."""

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:
        """See `Backend.measure`."""
        if config.benchmarking is None:
            raise ValueError("the config has no benchmarking")
        read = read_onnx if model.suffix.lower() == ".onnx" else read_graph
        found = cost(read(model.read_bytes()))
        planned_kb = found.ram_kb
        arena = inspect(model) if "tflm" in config.benchmarking.backends else None
        if isinstance(arena, Arena):
            found = found.with_arena(arena)
        verdicts = fits(found)
        mine = next(v for v in verdicts if v.board == config.benchmarking.board)
        metrics = {
            "macc": found.macc,
            "flash_kb": found.flash_kb,
            "ram_kb": found.ram_kb,
            "ram_kb_estimate": planned_kb,
            LATENCY_MS_ESTIMATE: mine.latency_ms,
            "fits": float(mine.verdict != "no"),
        }
        factor = mine.latency_high_ms / mine.latency_ms if mine.latency_ms else 1.0
        summary = {
            "verdict": f"{mine.board}: {mine.verdict} ({mine.reason})",
            "latency_error": f"at most a factor of {factor:.2f}, checked against {mine.points} "
            f"published times of a {mine.core}"
            + (", and a rating for float" if found.is_float else ""),
            "latency_low_ms": mine.latency_low_ms,
            "latency_high_ms": mine.latency_high_ms,
            "ram_source": found.ram_source,
            "ram_error": _ram_error(planned_kb, arena),
            "flash_note": FLASH_NOTE,
            "boards": [verdict.as_dict() for verdict in verdicts],
        }
        return Finding(metrics, summary)


def _ram_error(planned_kb: float, arena: Arena | str | None) -> str:
    """Return how right the estimate of the RAM is."""
    if not isinstance(arena, Arena):
        return (
            f"right within a factor of {RAM_ERROR} of ST's published activations; "
            f"the arena of TFLM was {TFLM_MORE_KB[0]} to {TFLM_MORE_KB[1]} KB more"
        )
    error = f"{planned_kb / (arena.total / 1024) - 1:+.1%}"
    head = planned_kb - RUNTIME_RAM_KB - arena.head / 1024
    return (
        f"{planned_kb:,.1f} KB before the measurement: {error}; "
        f"planned activations: {head:+,.1f} KB"
    )


def cost(graph: Graph) -> Cost:
    """Return what a model costs, whatever the board."""
    kernels = graph.kernels
    values = sum(prod(tensor.shape) for tensor in kernels)
    is_float = sum(tensor.size for tensor in kernels) > 2 * values
    weights = graph.weight_bytes // (4 if is_float else 1)
    return Cost(
        macc=graph.macc,
        flash_kb=(graph.weight_bytes + CHANNEL_SCALE_BYTES * graph.channel_scales) / 1024
        + RUNTIME_FLASH_KB,
        ram_kb=arena_bytes(graph) / 1024 + RUNTIME_RAM_KB,
        work=Work(graph.macc, graph.elements, weights),
        is_float=is_float,
        per_channel=any(tensor.scales > 1 for tensor in kernels),
    )


def fits(model: Cost) -> list[Fit]:
    """Return the verdict for each of the boards."""
    return [fit(model, facts) for facts in BOARDS]


def fit(model: Cost, facts: BoardFacts) -> Fit:
    """Return the verdict for one board."""
    inside = facts.flash_kb, facts.ram_kb
    if facts.is_processor:
        inside = facts.external_flash_kb, facts.external_ram_kb
    flash, ram = inside[0] - model.flash_kb, inside[1] - model.ram_kb
    core = facts.per_channel if model.per_channel and facts.per_channel else facts.core
    known = calibration(core)
    slow, error = (
        (FLOAT_SLOWDOWN, known.error * FLOAT_ERROR) if model.is_float else (1, known.error)
    )
    latency = known.estimate(model.work) * slow / (facts.mhz * 1e3)
    verdict, reason = _verdict(model, facts)
    return Fit(
        facts.name,
        verdict,
        reason,
        round(flash, 1),
        round(ram, 1),
        round(latency, 2),
        round(latency / error, 2),
        round(latency * error, 2),
        core,
        known.points,
    )


def _verdict(model: Cost, facts: BoardFacts) -> tuple[str, str]:
    needs = {
        "flash": (model.flash_kb, facts.flash_kb, facts.external_flash_kb),
        "RAM": (model.ram_kb, facts.ram_kb, facts.external_ram_kb),
    }
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
