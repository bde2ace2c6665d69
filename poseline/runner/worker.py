"""A worker of a training whose chief is another process, on this machine or another one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from poseline.config.models.config import Config
from poseline.config.models.steps import planned
from poseline.progress import doing
from poseline.runner import preflight
from poseline.runner.inputs import Sources
from poseline.runner.step import local_input
from poseline.training.cluster import Cluster


def run_worker(config: Config, cluster: Cluster) -> None:
    """Take part in a training; its chief alone writes.

    Args:
        config: The chief's config.
        cluster: Where the workers are.

    Raises:
        PoselineError: As the train stage.
    """
    (step,) = planned(config)
    with doing("looking at the inputs"):
        preflight.check_inputs(config)
        named = Sources.named(config).inputs(step)
        inputs = {name: local_input(uri) for name, uri in named.items()}
    with doing("loading the libraries"):
        from poseline.stages import train
    with tempfile.TemporaryDirectory() as out:
        train.run(config, inputs, Path(out), cluster=cluster)
