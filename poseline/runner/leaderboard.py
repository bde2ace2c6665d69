"""Runs as one list, whether they are here or in MLflow, each with the figures that count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from poseline.names import (
    FITS,
    FLASH_KB,
    LATENCY_MS_ESTIMATE,
    MEASURED_IN_TFLM,
    OKS_FLOAT,
    OKS_INT8,
    OKS_VALIDATION,
    RAM_KB,
    TFLM_ARENA_KB,
)
from poseline.runner.runs import RunDirectory
from poseline.tracking.chains import Chain, chains


@dataclass(frozen=True)
class Entry:
    """A run; what was not measured is None.

    Attributes:
        name: Its directory below the folder that is listed, or its name in MLflow.
        project: `general.project_name`.
        state: `finished`, `running`, `unfinished`; of MLflow `finished`, `running`, `failed`, ….
        detail: The state in words.
        created: When it was last written to.
        oks_float: OKS of the float model.
        oks_int8: OKS of the quantized model.
        oks_validation: OKS of the best epoch on the validation set.
        flash_kb: Flash in KB; an estimate.
        ram_kb: RAM in KB.
        ram_source: Where that is from: `estimate`, or `measured in TFLM`.
        latency_ms: Time of an inference on the board in ms; an estimate.
        fits: Whether it fits on the board; an estimate.
        board: Name of the board.
        place: The run directory, or the run's id in MLflow.
        report: The report, where there is one here.
    """

    name: str
    project: str
    state: str
    detail: str
    created: datetime
    oks_float: float | None
    oks_int8: float | None
    oks_validation: float | None
    flash_kb: float | None
    ram_kb: float | None
    ram_source: str
    latency_ms: float | None
    fits: bool | None
    board: str
    place: str
    report: str = ""


def local(run: RunDirectory, below: Path) -> Entry:
    """Return a run directory as an entry.

    Args:
        run: The run directory.
        below: The folder that its name is relative to.
    """
    row = run.row("")
    within = run.folder != below and run.folder.is_relative_to(below)
    return Entry(
        name=str(run.folder.relative_to(below)) if within else run.folder.name,
        project=run.project,
        state=run.state,
        detail=run.state_in_words,
        created=run.created,
        oks_float=run.oks(quantized=False),
        oks_int8=run.oks(quantized=True),
        oks_validation=run.oks_validation,
        flash_kb=row.flash_kb,
        ram_kb=row.ram_kb,
        ram_source=row.ram_source,
        latency_ms=row.latency_ms,
        fits=row.fits,
        board=row.board,
        place=str(run.folder),
        report=str(run.report or ""),
    )


def tracked(uri: str, known: Iterable[Entry]) -> list[Entry]:
    """Return the runs that MLflow knows, without those that are here.

    Raises:
        BackendError: MLflow does not answer.
    """
    here = {str(Path(entry.place).resolve()) for entry in known}
    return [_entry(chain) for chain in chains(uri) if chain.directory not in here]


def _entry(chain: Chain) -> Entry:
    fits = chain.metrics.get(FITS)
    return Entry(
        name=chain.name,
        project=chain.project,
        state=chain.status.lower(),
        detail=f"{chain.status.lower()}, in MLflow",
        created=datetime.fromtimestamp(chain.started_ms / 1000, UTC),
        oks_float=chain.metrics.get(OKS_FLOAT),
        oks_int8=chain.metrics.get(OKS_INT8),
        oks_validation=chain.metrics.get(OKS_VALIDATION),
        flash_kb=chain.metrics.get(FLASH_KB),
        ram_kb=chain.metrics.get(RAM_KB),
        ram_source=MEASURED_IN_TFLM if TFLM_ARENA_KB in chain.metrics else "estimate",
        latency_ms=chain.metrics.get(LATENCY_MS_ESTIMATE),
        fits=None if fits is None else bool(fits),
        board=chain.board,
        place=f"MLflow run {chain.run_id}",
    )
