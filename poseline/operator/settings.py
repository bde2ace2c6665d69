"""The operator's settings: flags of `poseline operator run`, each also an environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What one replica of the operator runs with. `POSELINE_<NAME>` sets each from outside.

    Attributes:
        namespaces: Namespaces that are served; empty: all of them.
        own_namespace: Namespace of the Lease, the operator's own.
        identity: Name of this replica in the Lease, unique.
        kubeflow_host: URL of Kubeflow Pipelines' API.
        kubeflow_namespace: Namespace (profile) of the runs; empty where KFP serves a single user;
            `*`: that of the experiment, where each team has its profile.
        kubeflow_experiment: KFP experiment that the runs are put into.
        kubeflow_ui: URL of KFP's pages, for links; empty: no links.
        kubeflow_token_file: File with the token for KFP, read again at each call.
        kubeflow_ca_file: Certificates that an https host is checked with.
        kubeflow_timeout: Most seconds that one call takes.
        mlflow_url: URL of the tracking server that figures are read from; empty: the config's.
        platform_file: YAML of the platform's settings; an experiment's `spec.platform` wins.
        allow_file: YAML of what experiments may name besides; None: what the platform names alone.
        datasets_folder: Where a volume with data sets is mounted that schedules may watch; None:
            they watch those on S3 alone.
        schedules_file: YAML of schedules to make in the own namespace: a list of name and spec.
        pipelines: Folder of the compiled pipelines; None: those that came with the library.
        publish_pipelines: Put them into Kubeflow's list, so that its form can start them.
        poll_seconds: Time between two checks of an active run, give or take a fifth.
        settle_seconds: Time that a request whose answer was lost may still take effect; longer
            than the time-outs of KFP's API server and of what is before it, and at least six
            times `kubeflow_timeout`.
        deletion_seconds: Most time that a deleted experiment waits for KFP to stop its run.
        workers: Objects that are reconciled in parallel.
        listen: Address and port of /healthz, /readyz and /metrics.
        lease_seconds: Time after which a silent leader has lost its lease.
        leader_election: Off: this replica leads, whoever else runs.
    """

    kubeflow_host: str = "http://ml-pipeline.kubeflow.svc:8888"
    namespaces: tuple[str, ...] = ()
    own_namespace: str = "default"
    identity: str = ""
    kubeflow_namespace: str = ""
    kubeflow_experiment: str = "poseline"
    kubeflow_ui: str = ""
    kubeflow_token_file: Path | None = None
    kubeflow_ca_file: Path | None = None
    kubeflow_timeout: float = 10.0
    mlflow_url: str = ""
    platform_file: Path | None = None
    allow_file: Path | None = None
    schedules_file: Path | None = None
    datasets_folder: Path | None = None
    pipelines: Path | None = None
    publish_pipelines: bool = True
    poll_seconds: float = 10.0
    settle_seconds: float = 60.0
    deletion_seconds: float = 600.0
    workers: int = 4
    listen: str = "0.0.0.0:8080"
    lease_seconds: float = 15.0
    leader_election: bool = True
