"""The values of the Helm chart: values.yaml, its schema and the chart's README come from here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from poseline.config.models.base import Integer
from poseline.config.models.constraints import Rule, unit
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import KubernetesSection, Platform, Quantity, Resources, Server

_NAME = r"^([a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?)?$"


class Crds(KubernetesSection):
    """The custom resource definitions."""

    install: bool = True
    """Install and upgrade them with the chart; off where somebody else does."""
    keep: bool = True
    """Leave them, and with them all experiments, when the release is uninstalled."""


class Image(KubernetesSection):
    """A container image."""

    repository: str
    """Where it is, without its tag."""
    tag: str = ""
    """Its tag; empty: the chart's appVersion."""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Its digest, sha256:…; wins over the tag."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a node pulls it."""


class PodDisruptionBudget(KubernetesSection):
    """How many replicas a drain leaves; made where there is more than one."""

    enabled: bool = True
    """Make one."""
    min_available: Annotated[Integer, Field(ge=0, le=8)] = 1
    """Replicas that stay."""


class ServiceMonitor(KubernetesSection):
    """For the Prometheus operator."""

    enabled: bool = False
    """Make one; its custom resource must be there."""
    interval: Annotated[str, Field(pattern=r"^\d{1,6}(s|m|h)$")] = "30s"
    """Time between two scrapes."""
    labels: dict[str, str] = {}
    """Labels that the Prometheus selects monitors by."""


class WatchedData(KubernetesSection):
    """What data sets are looked at with, where a schedule's `trigger` watches one.

    On S3 those at the endpoint of `objectStore`, which alone gets its credentials.
    """

    secret_name: str = ""
    """Secret of the release's namespace, with keys as in `objectStore.secretName`; reading is
    enough. Empty: that one, or else the role of the operator's service account."""
    claim: str = ""
    """Volume claim with data sets, mounted for reading; empty: none."""
    path: Annotated[str, Field(pattern=r"^/[\w./-]+$")] = "/data"
    """Where it is mounted, as in the tasks: what local training paths begin with."""


class Operator(KubernetesSection):
    """The operator of PoseExperiment and PoseSchedule."""

    replicas: Annotated[Integer, Field(ge=1, le=8)] = 2
    """Replicas; one leads, the others take over."""
    image: Image = Image(repository="poseline-operator")
    """Its image."""
    cluster_wide: bool = False
    """Serve every namespace, by a cluster role; otherwise the release's alone, by a role."""
    allow: AllowList = AllowList()
    """What experiments and schedules may name, besides what the installation itself uses."""
    datasets: WatchedData = WatchedData()
    """What data sets are looked at with."""
    admission_policy: bool = True
    """Let the API server refuse what is not allowed, by a ValidatingAdmissionPolicy, where it has
    them (Kubernetes 1.30); the operator refuses it in any case."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of what is logged, in JSON."""
    resources: Resources = Resources.of("100m", "192Mi", "512Mi")
    """Its resources."""
    env: dict[str, str] = {}
    """Further environment variables; no secrets."""
    node_selector: dict[str, str] = {}
    """Labels that a node must have."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints that are tolerated, as in a pod."""
    affinity: dict[str, Any] = {}
    """Affinity, as in a pod; empty: replicas are spread over nodes where they can be."""
    priority_class_name: str = ""
    """Priority class."""
    pod_labels: dict[str, str] = {}
    """Further labels of the pods."""
    pod_annotations: dict[str, str] = {}
    """Further annotations of the pods."""
    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()
    """How many replicas a drain leaves."""
    service_monitor: ServiceMonitor = ServiceMonitor()
    """For the Prometheus operator."""


class ServiceAccount(KubernetesSection):
    """The operator's service account."""

    create: bool = True
    """Make it."""
    name: str = ""
    """Its name; empty: the release's."""
    annotations: dict[str, str] = {}
    """Annotations."""


class KubeflowApi(KubernetesSection):
    """Kubeflow Pipelines, which is there already."""

    host: str = "http://ml-pipeline.kubeflow.svc:8888"
    """URL of its API."""
    namespace: str = ""
    """Namespace (profile) of the runs; empty where KFP serves a single user; `*`: that of the
    experiment, where each team has its profile."""
    experiment: str = "poseline"
    """KFP experiment that the runs are put into."""
    ui_url: str = ""
    """URL of its UI, for links in the status of an experiment; empty: no links."""
    token_audience: str = ""
    """Audience of the service-account token that is sent along, usually
    `pipelines.kubeflow.org`; empty: no token, as a single-user KFP has it."""
    ca_config_map: str = ""
    """Config map whose ca.crt the certificate of an https host is checked with."""


class Storage(KubernetesSection):
    """A volume."""

    size: Quantity = "10Gi"
    """Its size."""
    class_name: str = ""
    """Its storage class; empty: the cluster's default."""
    keep: bool = True
    """Leave it, and what is on it, when the release is uninstalled."""


class EmbeddedMlflow(KubernetesSection):
    """An MLflow server of the release's own."""

    enabled: bool = False
    """Run it."""
    image: Image = Image(repository="poseline-ml")
    """Its image; poseline's ml image has MLflow, psycopg and boto3."""
    postgres_secret: str = ""
    """Secret whose key `uri` is a postgresql:// URI of the database; empty: SQLite on the volume,
    for one replica and small teams."""
    artifacts: str = ""
    """URI of the artifacts, such as s3://mlflow/artifacts, with the credentials of `objectStore`;
    empty: on the volume."""
    storage: Storage = Storage()
    """The volume of the database and the artifacts."""
    resources: Resources = Resources.of("100m", "512Mi", "2Gi")
    """Its resources."""


class Mlflow(KubernetesSection):
    """Where runs are tracked; the one place for the operator and every task."""

    rules = (
        Rule(
            "either `trackingUri` or `embedded.enabled`",
            lambda m: not (m.tracking_uri and m.embedded.enabled),
        ),
    )

    tracking_uri: Server = ""
    """URL of a server that is there; empty: the embedded one, or none."""
    secret_name: str = ""
    """Secret with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD."""
    embedded: EmbeddedMlflow = EmbeddedMlflow()
    """A server of the release's own."""


class EmbeddedS3(KubernetesSection):
    """A SeaweedFS of the release's own, one pod: for trying, not for data that matters."""

    enabled: bool = False
    """Run it."""
    image: Image = Image(repository="chrislusf/seaweedfs", tag="4.48")
    """Its image."""
    storage: Storage = Storage(size="20Gi")
    """The volume of the objects."""
    resources: Resources = Resources.of("100m", "256Mi", "1Gi")
    """Its resources."""


class ObjectStore(KubernetesSection):
    """S3-compatible storage of data sets and models; the one place for every task."""

    endpoint: Server = "http://seaweedfs.kubeflow:9000"
    """URL of an endpoint of one's own, by default KFP's; empty: AWS."""
    region: str = "us-east-1"
    """Region."""
    bucket: str = "poseline"
    """Bucket that the embedded server makes, and that `helm test` writes to."""
    secret_name: str = ""
    """Secret, in the namespace of the runs, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
    accesskey and secretkey; empty: the embedded server's, or else the role of the runs' service
    account."""
    ca_config_map: str = ""
    """Config map whose ca.crt the endpoint's certificate is checked with."""
    embedded: EmbeddedS3 = EmbeddedS3()
    """A server of the release's own."""


class Schedule(KubernetesSection):
    """A PoseSchedule that comes with the release."""

    name: Annotated[str, Field(pattern=_NAME, min_length=1)]
    """Its name."""
    spec: dict[str, Any]
    """Its spec, as in docs/reference; checked by the API server."""


class NetworkPolicy(KubernetesSection):
    """What may talk to the release's pods, and where to the operator may talk."""

    enabled: bool = True
    """Make them."""
    egress_ports: tuple[Annotated[Integer, Field(ge=1, le=65535)], ...] = (
        443,
        6443,
        8888,
        5000,
        80,
        9000,
        8333,
    )
    """Ports that the operator reaches besides DNS: the API server's, KFP's, MLflow's and S3's."""
    peers: tuple[dict[str, Any], ...] = ()
    """Who else may talk to the embedded MLflow and S3, as `from` of a NetworkPolicy has it; the
    operator and the tasks of pipelines may."""


class Trainer(KubernetesSection):
    """Trainings on several nodes (`platform.train.nodes`) by Kubeflow Trainer 2.2 or later."""

    enabled: bool = False
    """Make the training runtime that `platform.train` names, and let the train task make TrainJobs;
    Kubeflow Trainer's definitions must be there."""
    max_restarts: Annotated[Integer, Field(ge=0, le=1000)] = 10
    """How often a training may go on from its last epoch after the loss of a node."""


class Test(KubernetesSection):
    """What `helm test` runs: an experiment on a few drawn people, some minutes."""

    timeout_seconds: Annotated[Integer, Field(ge=60, le=86_400), unit("s")] = 1800
    """Most time that it may take; Helm's own `--timeout` is 5 minutes unless told."""
    dataset: str = ""
    """URI that the drawn people are put to; empty: below `objectStore.bucket`."""


class Values(KubernetesSection):
    """The values of the chart `poseline`."""

    name_override: Annotated[str, Field(pattern=_NAME)] = ""
    """Takes the place of the chart's name in the names of objects."""
    fullname_override: Annotated[str, Field(pattern=_NAME)] = ""
    """Takes the place of release and chart in the names of objects."""
    common_labels: dict[str, str] = {}
    """Labels of every object."""
    image_pull_secrets: tuple[dict[str, str], ...] = ()
    """Secrets that the release's own pods pull with, as in a pod: `- name: …`."""
    crds: Crds = Crds()
    """The custom resource definitions."""
    operator: Operator = Operator()
    """The operator."""
    service_account: ServiceAccount = ServiceAccount()
    """The operator's service account."""
    kubeflow: KubeflowApi = KubeflowApi()
    """Kubeflow Pipelines."""
    mlflow: Mlflow = Mlflow()
    """Tracking."""
    object_store: ObjectStore = ObjectStore()
    """S3."""
    platform: Platform = Platform()
    """How the tasks of a pipeline run; an experiment's `spec.platform` changes it for itself. S3
    and MLflow are said above."""
    trainer: Trainer = Trainer()
    """Trainings on several nodes."""
    schedules: tuple[Schedule, ...] = ()
    """Schedules that come with the release."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Network policies."""
    test: Test = Test()
    """What `helm test` runs."""
