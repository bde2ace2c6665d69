"""Run directories that are there: which step finished in each, and what it measured."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import yaml

from poseline.config.models.config import CHAINS, Stage
from poseline.config.models.steps import steps
from poseline.errors import DataError, StoreError
from poseline.names import OKS_VALIDATION
from poseline.report.ranking import Row
from poseline.runner.chain import CONFIG, LOCK, REPORT
from poseline.store.lock import holder
from poseline.store.manifest import MANIFEST, Manifest
from poseline.store.ownership import MARK
from poseline.tracking.tracker import flatten

# A conversion writes to a place of its own.
STAGES = frozenset(get_args(Stage)) - {"convert"}
_MOST_SETTINGS, _LONGEST_STAMP = 4, 200
_SAME_FOR_ALL = ("hydra", "mlflow", "operation_mode")
_INTEGERS = ("int8", "uint8")
_FURTHER = {"exported": "export", "gated": "gate"}
"""Which section of the config adds a step to a chain."""


@dataclass(frozen=True)
class RunDirectory:
    """A run directory, as it is on the disk.

    Attributes:
        folder: The directory.
        settings: Its config.yaml; empty where it has none that can be read.
        stages: The manifest of each finished step, by the step's folder.
    """

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[Path, Manifest] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> RunDirectory:
        """Read a run directory; what cannot be read counts as unfinished."""
        found = {}
        for root, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            manifest = _manifest(Path(root)) if MANIFEST in files else None
            if manifest and manifest.stage in STAGES:
                found[Path(root)] = manifest
        return cls(folder, _settings(folder / CONFIG), found)

    @property
    def project(self) -> str:
        """The project's name; empty where it has none."""
        general = self.settings.get("general")
        return str(general.get("project_name") or "") if isinstance(general, dict) else ""

    @property
    def mode(self) -> str:
        """Its `operation_mode`; empty where that is not known."""
        return str(self.settings.get("operation_mode") or "")

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The steps that its mode has and that did not finish."""
        if self.mode not in CHAINS:
            return () if self.stages else ("step",)
        chained = len(CHAINS[self.mode]) > 1
        also = {
            name: chained and self.settings.get(key) is not None for name, key in _FURTHER.items()
        }
        planned = steps(self.mode, **also)
        left = Counter(manifest.stage for manifest in self.stages.values())
        absent = []
        for step in planned:
            if left[step.stage]:
                left[step.stage] -= 1
            else:
                absent.append(step.stage)
        return tuple(dict.fromkeys(absent))

    @cached_property
    def holder(self) -> str | None:
        """Who is running it now; None: nobody."""
        return holder(self.folder / LOCK)

    @property
    def state(self) -> str:
        """`finished`, `running`, or `unfinished`."""
        if self.holder:
            return "running"
        return "unfinished" if self.missing else "finished"

    @property
    def state_in_words(self) -> str:
        """The state, with what is missing or who is running it."""
        if self.holder:
            return f"running: {self.holder.partition(' on ')[0]}"
        return f"unfinished: no {', '.join(self.missing)}" if self.missing else "finished"

    @property
    def created(self) -> datetime:
        """When its last step ended, or it began."""
        ends = [manifest.created for manifest in self.stages.values() if manifest.created]
        if ends:
            return datetime.fromisoformat(max(ends)).astimezone(UTC)
        began = self.folder / CONFIG
        return datetime.fromtimestamp(
            (began if began.is_file() else self.folder).stat().st_mtime, UTC
        )

    @property
    def report(self) -> Path | None:
        """The report, where there is one."""
        path = self.folder / REPORT
        return path if path.is_file() else None

    def row(self, name: str) -> Row:
        """Return its figures as `compare` takes them."""
        return Row.of(name, self.stages.values())

    def oks(self, *, quantized: bool) -> float | None:
        """Return the OKS of the float or of the quantized model, where it was measured."""
        made = {
            entry.sha256
            for manifest in self.stages.values()
            if manifest.stage == "quantize"
            and (entry := manifest.files.get(manifest.roles.get("model", "")))
        }
        for folder, manifest in self.stages.items():
            if manifest.stage != "evaluate":
                continue
            integer = (
                manifest.inputs.get("model") in made
                or folder.name in _INTEGERS
                or manifest.summary.get("input_dtype") in _INTEGERS
            )
            if integer == quantized:
                return manifest.metrics.get("oks")
        return None

    @property
    def oks_validation(self) -> float | None:
        """OKS of the best epoch on the validation set; None where nothing was trained."""
        trained = (one.metrics for one in self.stages.values() if one.stage == "train")
        return next(trained, {}).get(OKS_VALIDATION)


def find(place: Path) -> list[RunDirectory]:
    """Return the run directories at or below a folder, in the order of their paths.

    A folder with a config.yaml is one; one without is one, too, where steps finished below it and
    no run directory is there.

    Raises:
        DataError: The folder does not exist.
    """
    if not place.is_dir():
        raise DataError(f"{place} is not a folder", "name a folder of run directories")
    found = [RunDirectory.read(folder) for folder in _folders(place)]
    if not found and (alone := RunDirectory.read(place)).stages:
        return [alone]
    return found


def labels(runs: Sequence[RunDirectory]) -> list[str]:
    """Return what sets runs apart: the settings that differ, or else their folders."""
    found = [
        flatten({k: v for k, v in run.settings.items() if k not in _SAME_FOR_ALL}) for run in runs
    ]
    keys = dict.fromkeys(key for settings in found for key in settings)
    differ = [k for k in keys if any(settings.get(k) != found[0].get(k) for settings in found)]
    rows = [_row_of(settings, differ) for settings in found]
    if len(set(rows)) == len(rows) and 0 < len(differ) <= _MOST_SETTINGS:
        return rows
    folders = [run.folder.name for run in runs]
    return folders if len(set(folders)) == len(folders) else [str(run.folder) for run in runs]


def _folders(place: Path) -> Iterator[Path]:
    """Yield the folders with a config.yaml; what is below one is part of it."""
    for root, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if CONFIG in files and is_run(Path(root)):
            folders.clear()
            yield Path(root)


def is_run(folder: Path) -> bool:
    """Tell a run directory from a folder of the user's configs: we wrote this one, or steps."""
    with (folder / CONFIG).open("rb") as file:
        written = MARK in file.readline(_LONGEST_STAMP)
    return written or bool(RunDirectory.read(folder).stages)


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _manifest(folder: Path) -> Manifest | None:
    try:
        return Manifest.read(folder)
    except StoreError:
        return None


def _row_of(settings: Mapping[str, Any], keys: Iterable[str]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {settings.get(key, 'not set')}" for key in keys)
