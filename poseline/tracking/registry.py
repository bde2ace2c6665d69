"""MLflow's model registry: versions, and what `champion` and `challenger` stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline.errors import BackendError, ModelError
from poseline.models.file import FORMATS
from poseline.names import TAG_MODEL_URI
from poseline.tracking.client import client, effective, tracking_uri
from poseline.tracking.sender import brief

CHAMPION, CHALLENGER = "champion", "challenger"
_IDENTITY = "poseline.identity"


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes:
        name: Name of the registered model.
        version: Its number.
        source: URI of the model that was registered.
        tags: What was said of it.
    """

    name: str
    version: str
    source: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """What `mlflow.pyfunc.load_model` takes."""
        return f"models:/{self.name}/{self.version}"


def register(
    uri: str, model_uri: str, name: str, identity: str, tags: Mapping[str, str] | None = None
) -> Version:
    """Register a logged model; one of the same identity is registered once.

    Args:
        uri: `mlflow.uri` of the config.
        model_uri: `runs:/<run id>/mlflow_model`.
        name: Name of the registered model; made where it is missing.
        identity: What the model is known by, such as its sha256.
        tags: Tags to set on a new version.

    Raises:
        BackendError: The registry cannot be reached or refuses.
    """
    with _registry(uri, f"{model_uri} cannot be registered") as mlflow:
        _make(mlflow, name)
        found = [v for v in _versions(mlflow, name) if v.tags.get(_IDENTITY) == identity]
        if found:
            return min(found, key=lambda version: int(version.version))
        run_id, _, place = model_uri.removeprefix("runs:/").partition("/")
        source = f"{mlflow.get_run(run_id).info.artifact_uri}/{place}"
        every = {_IDENTITY: identity, TAG_MODEL_URI: model_uri, **(tags or {})}
        return _version(mlflow.create_model_version(name, source, run_id, tags=every))


def versions(uri: str, name: str) -> list[Version]:
    """Return the versions of a registered model.

    Raises:
        BackendError: The registry cannot be reached.
    """
    with _registry(uri, f"{name} cannot be looked up") as mlflow:
        return _versions(mlflow, name)


def tag(uri: str, version: Version, tags: Mapping[str, str]) -> None:
    """Set tags of a version.

    Raises:
        BackendError: The registry cannot be reached or refuses.
    """
    with _registry(uri, f"{version.uri} cannot be tagged") as mlflow:
        for key, value in tags.items():
            mlflow.set_model_version_tag(version.name, version.version, key, value)


def download(uri: str, version: Version, folder: Path) -> Path:
    """Fetch the model file of a version, its sidecar beside it.

    Args:
        uri: `mlflow.uri` of the config.
        version: The version.
        folder: Where to put it.

    Raises:
        BackendError: It cannot be fetched.
        ModelError: It holds no model file that poseline reads.
    """
    with _registry(uri, f"{version.uri} cannot be fetched") as mlflow:
        from mlflow.artifacts import download_artifacts

        source = mlflow.get_model_version_download_uri(version.name, version.version)
        place = download_artifacts(
            artifact_uri=source, dst_path=str(folder), tracking_uri=tracking_uri(effective(uri))
        )
    found = [path for path in sorted(Path(place).rglob("*")) if path.suffix in FORMATS]
    if not found:
        raise ModelError(f"{version.uri} holds no model file", f"expected {', '.join(FORMATS)}")
    return found[0]


def by_alias(uri: str, name: str, alias: str = CHAMPION) -> Version | None:
    """Return the version that an alias stands for; None where there is none.

    Raises:
        BackendError: The registry cannot be reached.
    """
    with _registry(uri, f"{name}@{alias} cannot be looked up") as mlflow:
        try:
            return _version(mlflow.get_model_version_by_alias(name, alias))
        except Exception as error:
            if getattr(error, "error_code", None) in (
                "RESOURCE_DOES_NOT_EXIST",
                "NOT_FOUND",
                "INVALID_PARAMETER_VALUE",
            ):
                return None
            raise


def promote(uri: str, version: Version, alias: str = CHAMPION) -> None:
    """Let an alias stand for a version; it leaves the one that it stood for.

    Raises:
        BackendError: The registry cannot be reached or refuses.
    """
    with _registry(uri, f"{version.uri} cannot become {alias}") as mlflow:
        mlflow.set_registered_model_alias(version.name, alias, version.version)


def _make(mlflow: Any, name: str) -> None:
    try:
        mlflow.create_registered_model(name)
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(mlflow: Any, name: str) -> list[Version]:
    return [_version(found) for found in mlflow.search_model_versions(f"name = '{name}'")]


def _version(found: Any) -> Version:
    return Version(found.name, str(found.version), found.source, dict(found.tags))


@contextmanager
def _registry(uri: str, what: str) -> Iterator[Any]:
    try:
        yield client(uri)
    except Exception as error:  # MLflow's, requests', SQLAlchemy's
        raise BackendError(
            f"{what}: {brief(error)}", "check mlflow.uri and that its server has a registry"
        ) from None
