"""`poseline operator`: the operator's process, and what a cluster needs to have for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.config import Env

from poseline.operator.settings import Settings

app = App(
    name="operator",
    help="Run PoseExperiment and PoseSchedule on Kubernetes.",
    help_format="markdown",
    config=Env("POSELINE_", command=False),
)


@app.command
def run(*, settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> int:  # noqa: B008
    """Run a replica of the operator until SIGTERM.

    Example: `poseline operator run --namespaces team --kubeflow-host http://localhost:8888`
    """
    from poseline.operator.process import run as operate

    return operate(settings)


@app.command
def crds() -> None:
    """Print the custom resource definitions.

    Example: `poseline operator crds | kubectl apply --server-side -f -`
    """
    from poseline.operator.api.crd import crds as definitions
    from poseline.operator.api.crd import to_yaml

    print("---\n".join(map(to_yaml, definitions())), end="")  # noqa: T201  a document for a pipe


@app.command(name="smoke-test")
def smoke_test(manifest: Path, *, timeout: float = 3600.0, measured: bool = False) -> None:
    """Create an experiment from a file, wait until it ends, and exit with the code of its outcome.

    Example: `poseline operator smoke-test examples/kubernetes/experiment.yaml --timeout 7200`

    Args:
        manifest: YAML of a PoseExperiment; its name gets a suffix.
        timeout: Maximum time to wait, seconds.
        measured: Fail if MLflow has no figures for it.
    """
    from poseline.api_server import connect
    from poseline.operator.runtime.cluster import Cluster
    from poseline.operator.smoke_test import run as run_smoke_test

    connect()
    run_smoke_test(Cluster(), manifest, timeout, measured=measured)
