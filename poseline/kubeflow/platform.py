"""`platform`: how the tasks of a pipeline run in a cluster. Nothing here changes a result."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from poseline import __version__
from poseline.config.models.base import Integer, Number, Section
from poseline.config.models.constraints import Note, Rule, unit
from poseline.masking import credentials_in

Quantity = Annotated[
    str,
    Field(pattern=r"^(\d{1,15}(\.\d{1,9})?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?)?$", max_length=32),
]
"""An amount as Kubernetes writes it, such as 500m or 4Gi; empty: not set."""

Server = Annotated[str, Field(pattern=r"^[^@\s\\]*$")]
"""URL of a server; credentials come from a secret."""

Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class KubernetesSection(Section):
    """A section whose keys are written as Kubernetes writes its own; null is the default."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _read_nothing(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None}


class Images(KubernetesSection):
    """Images by what is in them. Pin them by digest or by version: KFP's cache knows the text."""

    ml: str = f"poseline-ml:{__version__}"
    """Image of the stages, with TensorFlow, LiteRT, MLflow and KFP's executor."""
    pipelines: str = f"poseline-pipelines:{__version__}"
    """Image of `resolve`, with KFP's executor and boto3 alone."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When a node pulls; `Always` makes every task wait for the registry."""
    pull_secrets: tuple[str, ...] = ()
    """Names of the secrets that a node pulls with."""


class Amounts(KubernetesSection):
    """Processor and memory."""

    cpu: Quantity = ""
    """Cores, such as 2 or 500m."""
    memory: Quantity = ""
    """Memory, such as 4Gi."""


class Resources(KubernetesSection):
    """What a container asks for, and the most that it gets."""

    requests: Amounts = Amounts()
    """What the scheduler sets aside."""
    limits: Amounts = Amounts()
    """What it is held to; more memory than this ends it."""

    @classmethod
    def of(cls, cpu: str, memory: str, most: str) -> Resources:
        """Return resources that ask for cores and memory, and have a limit of memory alone."""
        return cls(requests=Amounts(cpu=cpu, memory=memory), limits=Amounts(memory=most))


class Tasks(KubernetesSection):
    """Resources by task. No limit of cores by default: a throttled task is only slower."""

    resolve: Resources = Resources.of("100m", "256Mi", "1Gi")
    """Checks the config and lists the data sets."""
    convert: Resources = Resources.of("1", "1Gi", "4Gi")
    """Converts a COCO set and packs it."""
    train: Resources = Resources.of("1", "2Gi", "8Gi")
    """Trains; more cores make it faster. On several nodes, those of each node."""
    follow: Resources = Resources.of("100m", "512Mi", "2Gi")
    """Follows a training on several nodes, in the place of `train`."""
    quantize: Resources = Resources.of("1", "2Gi", "6Gi")
    """Quantizes."""
    evaluate: Resources = Resources.of("1", "2Gi", "6Gi")
    """Measures the OKS."""
    predict: Resources = Resources.of("1", "1Gi", "4Gi")
    """Draws poses."""
    benchmark: Resources = Resources.of("1", "1Gi", "4Gi")
    """Measures the latency; give it whole cores where that matters."""
    export: Resources = Resources.of("1", "1Gi", "4Gi")
    """Writes the code for a board."""
    gate: Resources = Resources.of("500m", "512Mi", "4Gi")
    """Decides, and registers the model."""
    compare: Resources = Resources.of("500m", "512Mi", "4Gi")
    """Compares the models of a sweep."""
    finish: Resources = Resources.of("100m", "512Mi", "2Gi")
    """Writes the final status to MLflow."""


class Toleration(KubernetesSection):
    """A taint that is tolerated."""

    key: str = ""
    """Key of the taint; empty with `Exists`: any."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Whether the value counts."""
    value: str = ""
    """Value of the taint, for `Equal`."""
    effect: Effect | None = None
    """Effect of the taint; not set: any."""
    toleration_seconds: Annotated[Integer, Field(ge=0), unit("s")] | None = None
    """Seconds that a `NoExecute` taint is tolerated; not set: forever."""


class Gpu(KubernetesSection):
    """GPUs of the training; the other tasks get none."""

    count: Annotated[Integer, Field(ge=0, le=16)] = 0
    """How many; the ml image must hold a TensorFlow that knows them."""
    resource: str = "nvidia.com/gpu"
    """What the device plugin calls them."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that have them."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of the nodes that have them."""


class Train(KubernetesSection):
    """A training on several nodes, as a TrainJob of Kubeflow Trainer."""

    nodes: Annotated[Integer, Field(ge=1, le=64)] = 1
    """Nodes that train one model together, each on a part of every batch, with `resources.train`
    and `gpu`. More than one need Kubeflow Trainer and S3; what is learned is the same."""
    runtime: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$")] = "poseline"
    """Name of the training runtime; the chart makes it where `trainer.enabled` is set."""
    runtime_kind: Literal["TrainingRuntime", "ClusterTrainingRuntime"] = "TrainingRuntime"
    """Whether the runtime is in the namespace of the runs, or one for all namespaces."""


class S3(KubernetesSection):
    """The object storage of data sets and models, as KFP's own kind installation has it."""

    endpoint: Server = "http://seaweedfs.kubeflow:9000"
    """URL of an endpoint of one's own; empty: AWS."""
    region: str = "us-east-1"
    """Region."""
    secret_name: str = "mlpipeline-minio-artifact"  # noqa: S105  a name
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or accesskey and secretkey; empty:
    what the service account's role may do (IRSA)."""
    ca_config_map: str = ""
    """Config map whose ca.crt the endpoint's certificate is checked with; empty: public CAs."""


class MlflowServer(KubernetesSection):
    """The tracking server of every task."""

    tracking_uri: Server = ""
    """URL of the server; empty: `mlflow.uri` of the config."""
    secret_name: str = ""
    """Secret with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, for the server that `trackingUri` names; empty: no credentials."""


class DeveloperCloud(KubernetesSection):
    """ST's developer cloud, for the benchmark alone."""

    secret_name: str = ""
    """Secret with `username` and `password` of an account of st.com, or an access `token`; empty:
    none, and the backend `cloud` is refused."""


class SearchStorage(KubernetesSection):
    """The database that the workers of a search share, for the pipeline `search` alone."""

    secret_name: str = ""
    """Secret whose key `uri` is its URL as SQLAlchemy has it, such as postgresql://…; empty: none,
    and a search is refused."""


class Retries(KubernetesSection):
    """Attempts of a task whose pod was lost: preempted, evicted, deleted, or its node is gone.

    With the settings that KFP 2.17 ships (`retryPolicy: OnError`) Argo starts no other pod for a
    task that failed by itself, ran out of memory included: it would only fail again. Faults of the
    storage are repeated within the task, for up to ten minutes. `resolve`, `gate` and `finish` get
    no attempts but those that Argo gives every pod.
    """

    limit: Annotated[Integer, Field(ge=0, le=20)] = 2
    """Further attempts."""
    backoff_seconds: Annotated[Integer, Field(ge=0, le=3600), unit("s")] = 30
    """Pause before the first of them."""
    backoff_factor: Annotated[Number, Field(ge=1, le=10)] = 2.0
    """What each later pause is longer by."""


class SecurityContext(KubernetesSection):
    """Who a task runs as."""

    run_as_non_root: Annotated[
        bool, Rule("true; no task runs as root", lambda wanted: wanted), Note("enum", [True])
    ] = True
    """Refuse an image that runs as root; always."""
    run_as_user: Annotated[Integer, Field(ge=1, lt=2**31)] | None = None
    """User id; not set: the image's."""
    run_as_group: Annotated[Integer, Field(ge=1, lt=2**31)] | None = None
    """Group id; not set: the image's."""


class Platform(KubernetesSection):
    """How the tasks of a pipeline run in a cluster."""

    rules = (
        Rule(
            "`env` without credentials, which a package shows",
            lambda platform: not any(credentials_in(platform.env)),
        ),
        Rule(
            "`gpu.count` of 0 or 1 where `train.nodes` is more than 1: a node trains on one GPU",
            lambda platform: platform.train.nodes == 1 or platform.gpu.count <= 1,
            "!has(self.train) || !has(self.train.nodes) || self.train.nodes == 1"
            " || !has(self.gpu) || !has(self.gpu.count) || self.gpu.count <= 1",
        ),
    )

    images: Images = Images()
    """Images."""
    resources: Tasks = Tasks()
    """Resources by task."""
    gpu: Gpu = Gpu()
    """GPUs of the training."""
    train: Train = Train()
    """A training on several nodes."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that are tolerated."""
    shared_memory: Quantity = "1Gi"
    """Size of /dev/shm; it counts as memory of the task. Empty: what the runtime gives, 64 MB."""
    scratch: Quantity = ""
    """Most that a task writes to /tmp; empty: no limit."""
    cache_claim: str = ""
    """Volume claim of the cache of fetched data, shared by tasks; empty: each has its own."""
    service_account: str = ""
    """Service account of the pods; empty: KFP's own."""
    security_context: SecurityContext = SecurityContext()
    """Who a task runs as."""
    s3: S3 = S3()
    """The object storage."""
    mlflow: MlflowServer = MlflowServer()
    """The tracking server."""
    stedgeai: DeveloperCloud = DeveloperCloud()
    """ST's developer cloud."""
    search: SearchStorage = SearchStorage()
    """The database of searches."""
    retries: Retries = Retries()
    """Attempts."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Further labels of the pods."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Further annotations of the pods."""
    env: dict[str, str] = Field(default_factory=dict)
    """Further environment variables of the tasks; no secrets, since a package shows them."""
