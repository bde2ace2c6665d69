"""Tasks over several models: those of a sweep, and the trials of a search."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from poseline.store.manifest import Manifest, write_atomic
from poseline.tasks.artifacts import (
    Artifact,
    leave_note,
    model_shown,
    uri_of,
)
from poseline.tasks.errors import exit_with_error_code, retry_storage
from poseline.tasks.parameters import (
    DataSources,
    Figures,
    SearchOrder,
    StageInputs,
    written,
)

COMPARED = "compared"
"""Note of the task with which a sweep ends."""


@exit_with_error_code
def compare(judged: Mapping[str, Sequence[str]], table: Artifact, page: Artifact) -> None:
    """Compare the models of a sweep.

    Args:
        judged: `evaluate-float`, `evaluate-int8` and `benchmark` to the figures of each model.
        table: Markdown to write.
        page: HTML to write.
    """
    from poseline.stages.compare import run

    models: dict[str, list[Manifest]] = {}
    for results in judged.values():
        for figures in map(Figures.read, results):
            models.setdefault(figures.variant, []).append(figures.as_manifest)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compared"
        run(models, out)
        _show_comparison(out, table, page)
    leave_note(table, COMPARED, "")


@exit_with_error_code
def plan_search(config: str, form: Mapping[str, Any], workers: int) -> tuple[str, ...]:
    """Check a search; return its config, and what `dataset-convert` gets."""
    from poseline.tasks.searching import plan

    found = retry_storage(plan)(config, form, workers)
    convert = found.resolved.slices.get("convert", {})
    return found.config, written(convert), DataSources(**found.resolved.data).text()


@exit_with_error_code
def order_search(config: str, workers: int, inputs: str, trials: Artifact) -> list[str]:
    """Return the instructions for each worker of a search."""
    from poseline.tasks.searching import orders

    Path(trials.path).mkdir(parents=True, exist_ok=True)
    given = StageInputs.read(inputs).inputs
    return [order.text() for order in orders(config, workers, given, uri_of(trials))]


@exit_with_error_code
def work_at_search(order: str) -> None:
    """Work at a search until it is over."""
    from poseline.tasks.searching import work

    with tempfile.TemporaryDirectory() as folder:
        work(SearchOrder.read(order), Path(folder))


@exit_with_error_code
def finish_search(orders: Sequence[str], table: Artifact, page: Artifact, model: Artifact) -> None:
    """Compare the trials of a search, and put the best model through the gate."""
    import shutil

    from poseline.search.search import COMPARISON
    from poseline.tasks.searching import result

    with tempfile.TemporaryDirectory() as folder:
        found = result(SearchOrder.read(orders[0]), Path(folder))
        _show_comparison(Path(folder) / COMPARISON, table, page)
        best = found.best.results["quantize"]
        shutil.copytree(best.out, model.path, dirs_exist_ok=True)
        model.metadata.update(model_shown(best.files["model"]))


def _show_comparison(folder: Path, table: Artifact, page: Artifact) -> None:
    """Show what `stages.compare` wrote of a sweep or of a search."""
    from poseline.stages.compare import PAGE, TABLE

    for name, shown in ((TABLE, table), (PAGE, page)):
        write_atomic(Path(shown.path), (folder / name).read_text(encoding="utf-8"))
