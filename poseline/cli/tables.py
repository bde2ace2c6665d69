"""The tables that end a run."""

from __future__ import annotations

from rich.table import Table

from poseline.boards import figures
from poseline.runner.chain import Experiment
from poseline.stages.result import StageResult

_ACCURACY = (("OKS", "oks"), ("AP", "ap"), ("AP50", "ap50"), ("AR", "ar"), ("PCK", "pck"))


def accuracy_table(results: dict[str, StageResult]) -> Table | None:
    """Return float beside int8: accuracy and size; None where nothing was evaluated."""
    evaluations = {n: r for n, r in results.items() if r.stage == "evaluate"}
    if not evaluations:
        return None
    table = Table(title="Accuracy", title_justify="left")
    table.add_column("model")
    for label, _ in _ACCURACY:
        table.add_column(label, justify="right")
    table.add_column("file", justify="right")
    for name, result in evaluations.items():
        model, size = name.removeprefix("evaluate-"), _size(result)
        found = [_figure(result.metrics.get(key)) for _, key in _ACCURACY]
        if "host_oks" in result.metrics:
            rest = [_figure(None)] * (len(found) - 1)
            table.add_row(f"{model} in LiteRT", _figure(result.metrics["host_oks"]), *rest, size)
            model = f"{model} in TFLM"
            difference = result.metrics["largest_difference"]
            table.caption = f"largest difference of an output, TFLM and LiteRT: {difference:.3g}"
        table.add_row(model, *found, size)
    return table


def benchmark_table(result: StageResult) -> Table:
    """Return what the benchmark stage found, estimates marked as such."""
    table = Table(title="Benchmark", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for label, value in figures.labelled(result.metrics, result.summary).items():
        table.add_row(label, value)
    for subject, words in figures.remarks(result.summary).items():
        table.add_row(subject, words)
    return table


def gate_table(result: StageResult) -> Table:
    """Return what the gate asked and found, and what became of the model."""
    passed = result.summary["passed"]
    table = Table(title=f"Gate: {'passed' if passed else 'not passed'}", title_justify="left")
    for name in ("figure", "asked", "found", ""):
        table.add_column(name)
    for check in result.summary["checks"]:
        word = "passed" if check["passed"] else "failed"
        table.add_row(check["name"], check["asked"], check["found"], word)
    if promotion := result.summary.get("promotion"):
        place = f"{promotion['name']}, version {promotion['version']}"
        table.add_row("registered", "", f"{place}: {promotion['why']}", "")
    return table


def experiment_tables(experiment: Experiment) -> list[Table]:
    """Return the tables that sum up an experiment."""
    tables = [accuracy_table(experiment.results)]
    makers = {"benchmark": benchmark_table, "gate": gate_table}
    found = experiment.results.values()
    tables += [makers[result.stage](result) for result in found if result.stage in makers]
    return [table for table in tables if table]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _size(result: StageResult) -> str:
    size = result.summary.get("model_kb")  # what an earlier version evaluated has none
    return "–" if size is None else f"{size:,.0f} KB"
