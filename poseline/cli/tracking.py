"""Commands about runs that are over: what waits for MLflow, and how runs compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import App, Parameter

from poseline.errors import DataError, StoreError
from poseline.terminal import Console

app = App(name="mlflow", help="Deliver what waits for MLflow.")
_MOST_SETTINGS = 4
_SAME_FOR_ALL = ("hydra", "mlflow", "operation_mode")


@app.command
def sync(folder: Path) -> None:
    """Deliver what a run could not, since its MLflow server was away.

    `MLFLOW_TRACKING_URI` takes the place of the address that the run had.

    Example: `poseline mlflow sync experiments_outputs/2026_01_31_12_00_00`

    Args:
        folder: The experiment directory, or the outbox itself.
    """
    from poseline.tracking import outboxes
    from poseline.tracking import sync as deliver

    found = outboxes(folder)
    if not found:
        raise StoreError(f"{folder} holds nothing for MLflow", "name an experiment directory")
    for outbox in found:
        Console().print(f"{outbox}: delivered {deliver(outbox)}", soft_wrap=True, highlight=False)


def compare(
    *experiments: Path, out: Annotated[Path, Parameter(alias="-o")] = Path("comparison")
) -> None:
    """Compare finished chains: accuracy against flash and latency, the Pareto fronts marked.

    Example: `poseline compare experiments_outputs/* --out comparison`

    Args:
        experiments: Their experiment directories.
        out: Folder of compare.html, compare.png, compare.md and compare.json.
    """
    from rich.markdown import Markdown

    from poseline.stages.compare import TABLE, run
    from poseline.store.manifest import MANIFEST, Manifest

    named = dict(zip(names(experiments), experiments, strict=True))
    runs = {
        name: [Manifest.read(path.parent) for path in sorted(folder.rglob(MANIFEST))]
        for name, folder in named.items()
    }
    if empty := [str(named[name]) for name, manifests in runs.items() if not manifests]:
        raise DataError(f"{', '.join(empty)}: no finished stage", "name experiment directories")
    run(runs, out)
    Console().print(Markdown((out / TABLE).read_text(encoding="utf-8")))
    Console().print(f"Wrote {out / 'compare.html'}", soft_wrap=True, highlight=False)


def names(experiments: tuple[Path, ...]) -> list[str]:
    """Return what sets experiments apart: the settings that differ, or else their folders."""
    from poseline.runner.chain import CONFIG
    from poseline.tracking.tracker import flatten

    folders = [folder.name for folder in experiments]
    found: list[dict[str, Any]] = []
    for folder in experiments:
        path = folder / CONFIG
        data = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        found.append(flatten({k: v for k, v in data.items() if k not in _SAME_FOR_ALL}))
    keys = dict.fromkeys(key for settings in found for key in settings)
    differ = [k for k in keys if any(settings.get(k) != found[0].get(k) for settings in found)]
    told = [_told(settings, differ) for settings in found]
    distinct = len(set(told)) == len(told) and 0 < len(differ) <= _MOST_SETTINGS
    chosen = told if distinct else folders if len(set(folders)) == len(folders) else None
    return chosen or [str(folder) for folder in experiments]


def _told(settings: Mapping[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {settings.get(key, 'not set')}" for key in keys)
