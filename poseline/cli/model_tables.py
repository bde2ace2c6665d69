"""The tables about a model and the boards: 80 columns are enough for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from poseline.boards.calibration import calibration
from poseline.boards.estimate import Cost, Fit
from poseline.boards.layers import Layer
from poseline.boards.published import Core
from poseline.boards.table import BoardFacts
from poseline.cli.plain_table import plain_table

_OPEN = "?"


def layers_table(title: str, layers: Sequence[Layer]) -> Table:
    """Return the layers of a model, one a line."""
    known = all(None not in (layer.macc, *layer.shape) for layer in layers)
    note = None if known else f"{_OPEN}: depends on a side of the input that is not fixed"
    table = plain_table(title, note)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("layer", overflow="fold")
    table.add_column("kind", overflow="fold")
    for name in ("output", "parameters", "MACC"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in layers:
        sides = (_OPEN if side is None else str(side) for side in layer.shape)
        macc = _OPEN if layer.macc is None else f"{layer.macc:,}"
        table.add_row(
            str(layer.number),
            layer.name,
            layer.kind,
            " × ".join(sides),
            f"{layer.parameters:,}",
            macc,
        )
    return table


def totals(layers: Sequence[Layer]) -> dict[str, int | None]:
    """Return the sums over the layers; None where an addend is not known."""
    macc = [layer.macc for layer in layers]
    known = [each for each in macc if each is not None]
    return {
        "parameters": sum(layer.parameters for layer in layers),
        "macc": sum(known) if len(known) == len(macc) else None,
    }


def totals_in_words(layers: Sequence[Layer]) -> str:
    """Return the sums over the layers as a line."""
    sums = {key: _OPEN if sum_ is None else f"{sum_:,}" for key, sum_ in totals(layers).items()}
    return f"{len(layers):,} layers, {sums['parameters']} parameters, {sums['macc']} MACC"


def boards_table(boards: Sequence[BoardFacts]) -> Table:
    """Return what the boards have, and how far the estimate of the latency is from publications."""
    table = plain_table(
        "Boards",
        "+: memory outside of the chip. error: largest factor between the estimated latency and "
        "a published time (number of published times). If models quantized per channel run on "
        "another core than those quantized per tensor, both are listed.",
    )
    table.add_column("board", no_wrap=True)  # what the config wants to be told
    for name in ("chip", "core"):
        table.add_column(name, overflow="fold")
    for name in ("MHz", "flash KB", "RAM KB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("error", justify="right", no_wrap=True)
    for facts in boards:
        table.add_row(
            facts.name,
            facts.part,
            _core(facts.core),
            f"{facts.mhz:,}",
            _inside_and_outside(facts.flash_kb, facts.external_flash_kb),
            _inside_and_outside(facts.ram_kb, facts.external_ram_kb),
            _within(facts.core),
        )
        if facts.per_channel:
            table.add_row("", "", _core(facts.per_channel), "", "", "", _within(facts.per_channel))
    return table


def boards_json(boards: Sequence[BoardFacts]) -> list[dict[str, Any]]:
    """Return the boards as plain data, each core with the error of its estimate."""
    found = []
    for facts in boards:
        cores = [facts.core, *([facts.per_channel] if facts.per_channel else [])]
        errors = {
            core: {"within": calibration(core).error, "points": calibration(core).points}
            for core in cores
        }
        found.append(asdict(facts) | {"latency_error": errors})
    return found


def fits_table(title: str, cost: Cost, verdicts: Sequence[Fit]) -> Table:
    """Return how a model fits on each board."""
    kind = (
        "float" if cost.is_float else f"int8, {'per channel' if cost.per_channel else 'per tensor'}"
    )
    table = plain_table(
        f"{title}: {kind}, {cost.macc:,} MACC, {cost.flash_kb:,.0f} KB flash, "
        f"{cost.ram_kb:,.0f} KB RAM ({_sources(cost)})",
        "left: KB of the chip's internal memory, or of a processor's storage and DDR, that stay "
        "free. A negative number is missing memory: the model then needs the board's external "
        "memory (fits: external), or does not fit (no)",
    )
    table.add_column("board", no_wrap=True)
    table.add_column("fits", no_wrap=True)
    for name in ("flash left", "RAM left", "ms", "from", "to"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in verdicts:
        table.add_row(
            one.board,
            one.verdict,
            f"{one.flash_margin_kb:,.0f}",
            f"{one.ram_margin_kb:,.0f}",
            *(_ms(time) for time in (one.latency_ms, one.latency_low_ms, one.latency_high_ms)),
        )
    return table


def _sources(cost: Cost) -> str:
    return "estimates" if cost.ram_source == "estimate" else f"RAM {cost.ram_source}"


def _core(core: Core) -> str:
    return core.replace("(per-", "per ").replace(" weights)", "")


def _within(core: Core) -> str:
    return f"{calibration(core).error:.2f} ({calibration(core).points})"


def _ms(time: float) -> str:
    return f"{time:,.1f}" if time < 1000 else f"{time:,.0f}"


def _inside_and_outside(inside: int, outside: int) -> str:
    return f"{inside:,}\n+ {outside:,}" if outside else f"{inside:,}"
