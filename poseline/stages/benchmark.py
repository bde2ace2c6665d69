"""benchmark: a model in, what it costs here and on the boards out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from poseline.boards import host
from poseline.boards.estimate import LATENCY_FACTOR, Fit, cost, fits
from poseline.boards.graph import read_graph
from poseline.boards.table import board
from poseline.config.config import Config
from poseline.errors import BackendError, ConfigError, ModelError, Problem
from poseline.log import get_logger
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
        BackendError: A backend is asked for that is not there.
        ModelError: The model cannot be read.
    """
    settings, model = config.benchmarking, inputs["model"]
    if settings is None:
        raise ConfigError([Problem("benchmarking.board", "nothing", "the name of a board")])
    missing = set(settings.backends) - {"host", "estimate"}
    if missing:
        raise BackendError(
            f"benchmarking.backends: {', '.join(sorted(missing))} is not available",
            "host and estimate are",
        )
    if not model.is_file():
        raise ModelError(f"{model} does not exist", "check the path of the model")
    metrics: dict[str, float] = {}
    summary: dict[str, Any] = {"board": settings.board}
    verdicts: list[Fit] = []
    if "estimate" in settings.backends:
        graph = _graph(model)
        found = cost(graph)
        verdicts = fits(found)
        mine = next(v for v in verdicts if v.board == board(settings.board).name)
        metrics |= {
            "macc": found.macc, "flash_kb": found.flash_kb, "ram_kb": found.ram_kb,
            "latency_ms_estimate": mine.latency_ms, "fits": float(mine.verdict != "no"),
        }  # fmt: skip
        summary |= {
            "verdict": f"{mine.board}: {mine.verdict} ({mine.reason})",
            "latency_error": f"within a factor of {LATENCY_FACTOR:g}",
            "boards": [verdict.as_dict() for verdict in verdicts],
        }
    if "host" in settings.backends:
        timing = host.measure(model, settings.runs, config.general.num_threads_tflite)
        metrics |= {"host_ms_median": timing.median_ms, "host_ms_p95": timing.p95_ms,
                    "host_peak_mb": timing.peak_mb}  # fmt: skip
    with output_folder(out) as work:
        write_atomic(work / RESULT, json.dumps(metrics | summary, indent=1))
        roles = {"benchmark": RESULT}
        if verdicts:
            _plot(verdicts, metrics, work / PLOT)
            roles["boards"] = PLOT
        finish("benchmark", config, inputs, work, roles=roles, metrics=metrics, summary=summary)
    _log.info("benchmarked", **{k: f"{v:,.1f}" for k, v in metrics.items()})
    return StageResult.load(out)


def _graph(model: Path) -> Any:
    if model.suffix == ".tflite":
        return read_graph(model.read_bytes())
    if model.suffix in (".h5", ".keras"):
        from poseline.models.loading import load_keras
        from poseline.quantization.tflite_converter import float_tflite

        return read_graph(float_tflite(load_keras(model)))
    raise ModelError(
        f"the estimate does not read {model.suffix} files",
        "set benchmarking.backends to [host], or quantize with TFlite_converter",
    )


def _plot(verdicts: list[Fit], metrics: dict[str, float], out: Path) -> None:
    from matplotlib.figure import Figure

    colours = {"internal": "#2e9e6b", "external": "#e0a030", "no": "#c8443c"}
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for place, verdict in enumerate(reversed(verdicts)):
        low, high = verdict.latency_low_ms, verdict.latency_high_ms
        colour = colours[verdict.verdict]
        axes.barh(place, high - low, left=low, color=colour, alpha=0.45)
        axes.plot([verdict.latency_ms], [place], "o", color=colour)
    axes.set_yticks(range(len(verdicts)), [v.board for v in reversed(verdicts)])
    axes.set_xscale("log")
    axes.set(
        xlabel="ms, estimate with its error",
        title=f"estimate: {metrics['flash_kb']:,.0f} KB flash, {metrics['ram_kb']:,.0f} KB RAM; "
        "green fits, yellow with external memory, red does not",
    )
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(out, dpi=110)
