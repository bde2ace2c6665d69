"""What every stage returns, and how the next one finds it on disk.

A stage is a module with `run(config, inputs, out, …) -> StageResult`:

- `config` may be the whole config or what `from_slice` makes of the stage's slice;
- `inputs` maps a name to a local file or folder (`training`, `validation`, `test`,
  `calibration`, `model`, `resume`, `images`, `source`);
- it writes only under `out`, and `manifest.json` last;
- it knows nothing of KFP, MLflow or S3: whoever calls it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline.config.models.config import Config, Stage, config_hash
from poseline.store.manifest import FileEntry, Manifest, content_hash, entries, now, versions

Inputs = Mapping[str, Path]


@dataclass(frozen=True)
class StageResult:
    """A finished stage.

    Attributes:
        stage: Its name.
        out: Its output folder.
        files: Role to path: `model`, `metrics`, `predictions`, `history`, ….
        metrics: Figures that were measured.
        summary: Anything else worth showing, JSON values.
    """

    stage: str
    out: Path
    files: dict[str, Path] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, out: Path) -> StageResult:
        """Read a result back from its folder.

        Raises:
            StoreError: The stage did not finish there.
        """
        return cls.of(Manifest.read(out), out)

    @classmethod
    def of(cls, manifest: Manifest, out: Path) -> StageResult:
        """Return the result that a manifest in `out` speaks of."""
        files = {role: out / name for role, name in manifest.roles.items()}
        return cls(manifest.stage, out, files, manifest.metrics, manifest.summary)


def finish(
    stage: Stage,
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    roles: Mapping[str, str] | None = None,
    files: Mapping[str, FileEntry] | Collection[str] | None = None,
    input_hashes: Mapping[str, str] | None = None,
    metrics: Mapping[str, float] | None = None,
    summary: Mapping[str, Any] | None = None,
) -> StageResult:
    """Write the manifest of a finished stage and return its result.

    Args:
        stage: Name of the stage.
        config: The config it ran with.
        inputs: What it read.
        out: Where it wrote.
        roles: Role to path relative to `out`.
        files: Relative paths below `out`, with checksums where these are known; None: all files.
        input_hashes: Content hashes of inputs that are known; the others are computed.
        metrics: Figures that were measured.
        summary: JSON values.
    """
    known = input_hashes or {}
    manifest = Manifest(
        stage=stage,
        config_hash=config_hash(config.slice(stage)),
        inputs={name: known.get(name) or content_hash(path) for name, path in inputs.items()},
        files=dict(files if isinstance(files, Mapping) else entries(out, files)),
        roles=dict(roles or {}),
        metrics={name: float(value) for name, value in (metrics or {}).items()},
        summary=dict(summary or {}),
        seed=config.general.global_seed,
        versions=versions(),
        created=now(),
    )
    manifest.write(out)
    return StageResult.of(manifest, out)
