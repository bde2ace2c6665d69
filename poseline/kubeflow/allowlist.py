"""What an experiment may name beyond what the installation itself uses: one table of checks.

The operator checks with it before anything is made, and the chart's ValidatingAdmissionPolicy is
generated from it, so that most of it is refused at `kubectl apply`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from poseline.kubeflow.platform import KubernetesSection
from poseline.origin import origin

Pattern = Annotated[str, Field(max_length=512)]
"""Text in which `*` stands for any characters but `/`, `**` for any, `?` for one that is no `/`."""
Patterns = tuple[Pattern, ...]


class AllowList(KubernetesSection):
    """What a PoseExperiment or PoseSchedule may name besides `platform`, `mlflow`, `objectStore`.

    In a pattern `*` stands for any characters but `/`, `**` for any, `?` for one that is no `/`;
    all else is meant literally. `["**"]` allows everything of a kind.
    """

    images: Patterns = ()
    """Images of tasks, such as `registry.example.com/vision/*`."""
    secrets: Patterns = ()
    """Secrets for S3, MLflow, ST's developer cloud and pulling. The installation's own go to its
    own servers alone."""
    service_accounts: Patterns = ()
    """Service accounts of tasks."""
    runtimes: Patterns = ()
    """Training runtimes of trainings on several nodes."""
    volume_claims: Patterns = ()
    """Volume claims of the cache."""
    config_maps: Patterns = ()
    """Config maps with certificates."""
    endpoints: Patterns = ()
    """Servers of S3 and MLflow, as scheme://host:port; the port may be left out where it is the
    scheme's own. Empty text is AWS."""
    sources: Patterns = ()
    """Servers that a config may have data and models fetched from over HTTP, as
    scheme://host:port."""
    node_labels: Patterns = ()
    """Node selectors, as `key=value`."""
    taints: Patterns = ()
    """Taints that may be tolerated, as `key=value:effect`; without the value for `Exists`, without
    the effect for any."""
    labels: Patterns = ()
    """Labels of tasks' pods, as `key=value`."""
    annotations: Patterns = ()
    """Annotations of tasks' pods, as `key=value`."""
    environment: Patterns = ()
    """Names of environment variables. Those that say where credentials go, where code comes from,
    or what is trusted are never allowed."""
    users: Patterns = ()
    """User and group ids that tasks may run as; never 0."""
    devices: Patterns = ()
    """Names of GPU resources."""


Shape = Literal["text", "list", "map", "keys", "taints", "server", "number"]


@dataclass(frozen=True)
class Check:
    """A part of a platform that is checked.

    Attributes:
        list: Field of `AllowList`.
        path: Where it is in a platform, in Kubernetes' spelling.
        shape: What is there.
        empty: Whether it may be empty, which takes something away and adds nothing.
    """

    list: str
    path: str
    shape: Shape = "text"
    empty: bool = True

    @property
    def key(self) -> str:
        """The list's name in the chart's values."""
        return camel(self.list)

    def found(self, platform: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield path and text of everything that is to be allowed."""
        value: Any = platform
        for part in self.path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return
        for path, text in self._texts(value):
            if text or not self.empty:
                yield path, text

    def _texts(self, value: Any) -> Iterator[tuple[str, str]]:
        match self.shape:
            case "list":
                yield from ((f"{self.path}.{at}", str(item)) for at, item in enumerate(value))
            case "map":
                yield from ((f"{self.path}.{key}", f"{key}={value[key]}") for key in value)
            case "keys":
                yield from ((f"{self.path}.{key}", str(key)) for key in value)
            case "taints":
                yield from ((f"{self.path}.{at}", taint(item)) for at, item in enumerate(value))
            case _:
                yield self.path, str(value)


CHECKS: tuple[Check, ...] = (
    Check("images", "images.ml", empty=False),
    Check("images", "images.pipelines", empty=False),
    Check("secrets", "images.pullSecrets", "list"),
    Check("secrets", "s3.secretName"),
    Check("secrets", "mlflow.secretName"),
    Check("secrets", "stedgeai.secretName"),
    Check("secrets", "search.secretName"),
    Check("service_accounts", "serviceAccount", empty=False),
    Check("runtimes", "train.runtime", empty=False),
    Check("volume_claims", "cacheClaim"),
    Check("config_maps", "s3.caConfigMap"),
    Check("endpoints", "s3.endpoint", "server", empty=False),
    Check("endpoints", "mlflow.trackingUri", "server"),
    Check("node_labels", "nodeSelector", "map"),
    Check("node_labels", "gpu.nodeSelector", "map"),
    Check("taints", "tolerations", "taints", empty=False),
    Check("taints", "gpu.tolerations", "taints", empty=False),
    Check("labels", "labels", "map"),
    Check("annotations", "annotations", "map"),
    Check("environment", "env", "keys"),
    Check("users", "securityContext.runAsUser", "number"),
    Check("users", "securityContext.runAsGroup", "number"),
    Check("devices", "gpu.resource", empty=False),
)
"""Every part of a platform that is checked; what else is in it can do no harm."""


def taint(toleration: Mapping[str, Any]) -> str:
    """Return the taint that a toleration is of, as `AllowList.taints` has it."""
    value = f"={toleration.get('value') or ''}" if toleration.get("operator") == "Equal" else ""
    effect = toleration.get("effect")
    return f"{toleration.get('key') or ''}{value}{f':{effect}' if effect else ''}"


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern means a text."""
    return re.fullmatch(regular(pattern), text) is not None


def names_server(pattern: str, url: str) -> bool:
    """Return whether a pattern of servers means the one that a URL names; empty text is AWS."""
    if not url:
        return matches(pattern, "")
    server = origin(url)
    if server is None:
        return False
    scheme, _, rest = pattern.rstrip("/").partition("://")
    spelled = f"{scheme.lower()}://{rest.lower()}" if rest else pattern
    return matches(spelled, server) or matches(spelled, _without_default_port(server))


def regular(pattern: str) -> str:
    """Return a pattern as a regular expression, for Python and for RE2."""
    parts = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", pattern))


def camel(name: str) -> str:
    """Return a field's name as the chart's values have it."""
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def _without_default_port(server: str) -> str:
    scheme, _, rest = server.partition("://")
    return f"{scheme}://{rest.removesuffix({'http': ':80', 'https': ':443'}.get(scheme, ' '))}"
