"""MLflow's model registry: versions, and what `champion` and `challenger` stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from poseline.errors import BackendError
from poseline.tracking.sender import brief
from poseline.tracking.sink import client

CHAMPION, CHALLENGER = "champion", "challenger"
_URI = "poseline.model_uri"


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
    uri: str, model_uri: str, name: str, alias: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Version:  # fmt: skip
    """Register a logged model; the same model is registered once.

    Args:
        uri: `mlflow.uri` of the config.
        model_uri: `runs:/<run id>/mlflow_model`.
        name: Name of the registered model; made where it is missing.
        alias: Alias to give to the version.
        tags: Tags to set on the version.

    Raises:
        BackendError: The registry cannot be reached or refuses.
    """
    with _registry(uri, f"{model_uri} cannot be registered") as mlflow:
        _make(mlflow, name)
        query = f"name = '{name}'"
        found = [v for v in mlflow.search_model_versions(query) if v.tags.get(_URI) == model_uri]
        if found:
            number = found[0].version
        else:
            run_id, _, place = model_uri.removeprefix("runs:/").partition("/")
            source = f"{mlflow.get_run(run_id).info.artifact_uri}/{place}"
            made = mlflow.create_model_version(name, source, run_id, tags={_URI: model_uri})
            number = made.version
        for key, value in (tags or {}).items():
            mlflow.set_model_version_tag(name, number, key, value)
        if alias:
            mlflow.set_registered_model_alias(name, alias, number)
        return _version(mlflow.get_model_version(name, number))


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
                "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE",
            ):  # fmt: skip
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
