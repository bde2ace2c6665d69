"""compare: what many runs measured in, one comparison of accuracy, flash and latency out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from poseline.errors import DataError
from poseline.log import get_logger
from poseline.report import comparison
from poseline.report.ranking import Group, Row, grouped
from poseline.store.manifest import Manifest, entries, now, write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
RESULT, TABLE, PAGE, PICTURE = "compare.json", "compare.md", "compare.html", "compare.png"
REPORT = "report.html"


def run(
    runs: Mapping[str, Iterable[Manifest]], out: Path, folders: Mapping[str, Path] | None = None
) -> list[Group]:
    """Compare runs and write `compare.json`, `compare.md`, `compare.html` and `compare.png`.

    Runs are ranked among those that were measured on the same pictures and keypoints, and fronts
    are drawn among those on the same board; each further group gets a picture of its own.

    Args:
        runs: What sets each run apart to the manifests of its stages.
        out: Folder to make.
        folders: The run directory of each run, where it is here.

    Returns:
        The runs by what they were measured on, in each group the most accurate first.

    Raises:
        DataError: There is nothing to compare.
    """
    rows = [Row.of(name, manifests) for name, manifests in runs.items()]
    groups = grouped(_placed(row, (folders or {}).get(row.name)) for row in rows)
    if not groups:
        raise DataError("there is no run to compare", "name the folders of finished runs")
    with output_folder(out, "compare") as work:
        ordered = [asdict(row) for group in groups for row in group.rows]
        write_atomic(work / RESULT, json.dumps(ordered, indent=1) + "\n")
        write_atomic(work / TABLE, comparison.markdown(groups, out))
        pictures = [work / _picture(number) for number in range(len(groups))]
        for group, picture in zip(groups, pictures, strict=True):
            comparison.draw(group.rows, picture)
        write_atomic(work / PAGE, str(comparison.page(groups, pictures, out)))
        Manifest("compare", "", files=entries(work), created=now()).write(work)
    _log.info("compared", runs=len(rows), best=groups[0].rows[0].name)
    return groups


def _placed(row: Row, folder: Path | None) -> Row:
    if folder is None:
        return row
    folder = folder.resolve()
    report = folder / REPORT
    return replace(row, folder=str(folder), report=str(report) if report.is_file() else "")


def _picture(number: int) -> str:
    return f"compare-{number + 1}.png" if number else PICTURE
