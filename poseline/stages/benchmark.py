"""benchmark: a model in, what it costs here and on the boards out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from poseline.boards.base import Backend
from poseline.boards.registry import backend_for
from poseline.config.models.config import Config
from poseline.errors import ConfigError, Problem
from poseline.log import get_logger
from poseline.names import FITS
from poseline.number_format import format_number
from poseline.runtime import check_model_file
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
RESULT, PLOT = "benchmark.json", "boards.png"


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Benchmark a model.

    Args:
        config: The benchmark slice or the whole config.
        inputs: `model`.
        out: Folder to make.

    Raises:
        BackendError: A backend is asked for that is not there, or failed.
        ModelError: The model cannot be read.
    """
    settings, model = config.benchmarking, inputs["model"]
    if settings is None:
        raise ConfigError([Problem("benchmarking.board", "nothing", "the name of a board")])
    check_model_file(model)
    metrics: dict[str, float] = {}
    summary: dict[str, Any] = {"board": settings.board}
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in settings.backends:
            backend = backend_for(name)
            found = backend.measure(_readable(model, backend, Path(folder)), config)
            metrics |= found.metrics
            summary |= found.summary
            files |= found.files
    with output_folder(out, "benchmark", sources=inputs.values()) as work:
        write_atomic(work / RESULT, json.dumps(metrics | summary, indent=1))
        for file, content in files.items():
            write_atomic(work / file, content)
        roles = {"benchmark": RESULT} | {file.partition(".")[0]: file for file in files}
        if boards := summary.get("boards"):
            _plot(boards, metrics, work / PLOT)
            roles["boards"] = PLOT
        finish("benchmark", config, inputs, work, roles=roles, metrics=metrics, summary=summary)
    fit = {FITS: bool(metrics[FITS])} if FITS in metrics else {}
    _log.info("benchmarked", **{k: format_number(v) for k, v in metrics.items()} | fit)
    return StageResult.load(out)


def _readable(model: Path, backend: Backend, folder: Path) -> Path:
    """Return the model, converted to a float .tflite where the backend does not read Keras."""
    if model.suffix.lower() in backend.takes:
        return model
    from poseline.quantization.source import Source

    converted = folder / f"{model.stem}.tflite"
    if not converted.is_file():
        converted.write_bytes(Source(model).float_tflite)
    return converted


def _plot(verdicts: Sequence[Mapping[str, Any]], metrics: Mapping[str, float], out: Path) -> None:
    from matplotlib.figure import Figure

    colours = {"internal": "#2e9e6b", "external": "#e0a030", "no": "#c8443c"}
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for place, verdict in enumerate(reversed(verdicts)):
        low, high = verdict["latency_low_ms"], verdict["latency_high_ms"]
        colour = colours[verdict["verdict"]]
        axes.barh(place, high - low, left=low, color=colour, alpha=0.45)
        axes.plot([verdict["latency_ms"]], [place], "o", color=colour)
    axes.set_yticks(range(len(verdicts)), [v["board"] for v in reversed(verdicts)])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.10g}")  # 1,000 and not 10³
    axes.set(
        xlabel="ms, estimate with its error",
        title=f"estimate: {metrics['flash_kb']:,.0f} KB flash, {metrics['ram_kb']:,.0f} KB RAM; "
        "green fits, yellow with external memory, red does not",
    )
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(out, dpi=110)
