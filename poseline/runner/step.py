"""One stage as a task somewhere: inputs fetched, figures tracked, the stage run.

The chain of a laptop, KFP's local runner and a pod all run stages through `run_task`; what differs
between them is where the inputs' URIs point and what the environment says of MLflow and S3.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from poseline import store
from poseline.config.models.config import Config, config_hash
from poseline.config.models.steps import Step
from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.progress import doing
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest, content_hash
from poseline.store.ownership import check_folder

_log = get_logger(__name__)


def run_task(
    step: Step,
    config: Config,
    inputs: Mapping[str, str | Path],
    out: Path,
    **options: Any,
) -> StageResult:
    """Run a step's stage, or take its result from `out` where nothing it depends on changed.

    Args:
        step: The step of the chain.
        config: The whole config, or one made from the stage's slice.
        inputs: Name to path or URI; each is made local first.
        out: Output folder of the stage.
        options: Further arguments of the stage's `run`.

    Returns:
        The stage's result.

    Raises:
        StoreError: Something else stands at `out`.
        PoselineError: The stage cannot do its work.
    """
    with doing(f"{step.name}: looking at the inputs"):
        local = {name: local_input(str(uri)) for name, uri in inputs.items()}
        # A chief whose training is finished still meets its workers, which do not know.
        unchanged = "cluster" not in options and finished(step, config, local, out)
    if unchanged:
        _log.info("unchanged, reused", step=step.name, out=str(out))
        return StageResult.load(out)
    if step.stage != "train":  # which writes beside what is there, and looks itself
        check_folder(out, step.stage, sources=local.values(), apart=step.stage == "convert")
    _log.info("started", step=step.name)
    with doing(f"{step.name}: loading the libraries"):
        name = "train_workers" if "workers" in options else step.stage
        stage = importlib.import_module(f"poseline.stages.{name}")
    with doing(step.name):
        result = cast(Callable[..., StageResult], stage.run)(config, local, out, **options)
    if step.stage == "convert":
        for split, counts in result.summary["counts"].items():
            _log.info("converted", split=split, **{what: n for what, n in counts.items() if n})
    return result


def local_input(uri: str) -> Path:
    """Fetch an input; a packed set on S3 is announced alone, its shards come when they are read.

    Args:
        uri: A path or a URI.

    Raises:
        StoreError: It is not there or cannot be fetched.
    """
    from poseline.data.shards import attach

    return attach(uri) or store.fetch(uri)


def finished(step: Step, config: Config, inputs: Mapping[str, Path], out: Path) -> bool:
    """Return whether `out` holds this step's result for the same config slice and inputs."""
    try:
        manifest = Manifest.read(out)
    except StoreError:
        return False
    return (
        manifest.stage == step.stage
        and manifest.config_hash == config_hash(config.slice(step.stage))
        and manifest.inputs == {name: content_hash(path) for name, path in inputs.items()}
        and all((out / name).is_file() for name in manifest.files)
    )
