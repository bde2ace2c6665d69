"""A client of Kubeflow Pipelines: packages up, runs made exactly once, watched and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from poseline.errors import BackendError
from poseline.kubeflow import answers
from poseline.kubeflow.api import Api
from poseline.kubeflow.auth import Bearer
from poseline.kubeflow.errors import NotFoundError, RefusedError, UnreachableError
from poseline.kubeflow.filters import equals
from poseline.kubeflow.once import once
from poseline.kubeflow.package import version_name
from poseline.kubeflow.pipeline_spec import VersionSpec
from poseline.kubeflow.runs import KubeflowRun
from poseline.kubeflow.validation import check_name, check_parameters
from poseline.log import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
_LAG_S = 0.3
"""The server writes down that a run is over before it writes down that its tasks are."""


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on the server.

    Attributes:
        id: Its id.
        name: Its name, as `package.version_name` makes it.
        pipeline: Name of its pipeline.
        pipeline_id: Id of its pipeline.
    """

    id: str
    name: str
    pipeline: str
    pipeline_id: str

    @property
    def reference(self) -> dict[str, str]:
        """It, as requests refer to it."""
        return {"pipeline_id": self.pipeline_id, "pipeline_version_id": self.id}


class Kubeflow:
    """Kubeflow Pipelines on one server, in one namespace.

    Nothing here is made twice: KFP takes the same POST for a new run each time, so that what is
    to be made is looked for by its name first, and again after a request without an answer.

    Args:
        host: URL of the API.
        namespace: The profile of a multi-user installation; None where there is none.
        auth: Signs the requests; see `auth.find_token`.
        ca: File with the certificates that the server's is checked with.
        timeout: The longest wait for an answer, s.
        patience: The longest that a GET is tried again, s.
    """

    def __init__(
        self,
        host: str,
        namespace: str | None = None,
        *,
        auth: Bearer | None = None,
        ca: Path | None = None,
        timeout: float = 30,
        patience: float = 30,
    ) -> None:
        self.api = Api(host, auth=auth, ca=ca, timeout=timeout, patience=patience)
        self.namespace = namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.api.close()

    def pipeline_version(self, pipeline: str, package: str, description: str = "") -> Version:
        """Return the version that a package is, after uploading it where it is missing.

        Args:
            pipeline: Name of the pipeline; made where it is missing.
            package: Text of the compiled package, configured for its platform.
            description: Shown in Kubeflow's UI.

        Raises:
            BackendError: The server cannot be reached, or refuses.
        """
        pipeline_id = self._pipeline(pipeline, description)
        name = version_name(package)
        query = {"name": name, "display_name": name, "pipelineid": pipeline_id}
        file = (f"{pipeline}.yaml", package.encode())
        found = self.once(
            lambda: self._version(pipeline_id, name),
            lambda: self.api.send(
                "POST",
                "/pipelines/upload_version",
                query | {"description": description},
                file=file,
                kind=answers.Version,
            ),
            f"version {name} of {pipeline}",
        )
        return Version(found["pipeline_version_id"], name, pipeline, pipeline_id)

    def submit(
        self,
        name: str,
        version: Version,
        parameters: Mapping[str, Any],
        experiment: str,
        *,
        service_account: str | None = None,
    ) -> KubeflowRun:
        """Start a run, unless the experiment has one of exactly this name.

        Should two requests make two runs for all that, the older one is kept and the others are
        terminated, whoever made them.

        Args:
            name: Display name; whoever wants exactly one run always asks for the same name.
            version: What to run.
            parameters: Of the pipeline.
            experiment: Name of the experiment; made where it is missing.
            service_account: Account of its pods; None: KFP's own.

        Raises:
            BackendError: The server cannot be reached, or refuses.
        """
        check_name("run", name)
        check_parameters(parameters)
        experiment_id = self.experiment(experiment)
        body = {
            "display_name": name,
            "experiment_id": experiment_id,
            "pipeline_version_reference": version.reference,
            "runtime_config": {"parameters": dict(parameters)},
        } | ({"service_account": service_account} if service_account else {})
        made = self.once(
            lambda: next(iter(self._named(name, experiment_id)), None),
            lambda: self.api.send("POST", "/runs", body=body, kind=answers.Run),
            f"run {name}",
        )
        first, *others = self._named(name, experiment_id) or [made]
        for double in others:
            _log.warning("a run was made twice; ended", run=double["run_id"], name=name)
            self.terminate(double["run_id"])
        return KubeflowRun.read(first)

    def run(self, run_id: str) -> KubeflowRun:
        """Return a run with its tasks.

        Raises:
            NotFoundError: There is none.
        """
        path = f"/runs/{quote(run_id, safe='')}"
        run = KubeflowRun.read(self.api.get(path, kind=answers.Run))
        if run.over and not run.settled:
            time.sleep(_LAG_S)
            run = KubeflowRun.read(self.api.get(path, kind=answers.Run))
        return run

    def runs(self, experiment: str | None = None, limit: int = 20) -> list[KubeflowRun]:
        """Return the newest runs, of an experiment or of all."""
        query: dict[str, Any] = {"sort_by": "created_at desc", "namespace": self.namespace}
        if experiment:
            found = self._experiment(experiment)
            if not found:
                return []
            query = {"sort_by": "created_at desc", "experiment_id": found["experiment_id"]}
        pages = self.api.pages("/runs", "runs", query | {"page_size": min(limit, 100)})
        return [KubeflowRun.read(run) for run, _ in zip(pages, range(limit), strict=False)]

    def terminate(self, run_id: str) -> bool:
        """End a run.

        Returns:
            Whether it was going on; a run that is ending, has ended or is gone is not an error.
        """
        try:
            if self.run(run_id).ending:
                return False
            self.api.send("POST", f"/runs/{quote(run_id, safe='')}:terminate")
        except NotFoundError:
            return False
        except RefusedError:
            if self.run(run_id).ending:  # by itself, or somebody else was faster
                return False
            raise
        except UnreachableError:
            if not self.run(run_id).ending:  # else it came about: the workflow alone is gone
                raise
        return True

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, made where it is missing.

        Raises:
            RefusedError: It is archived, or no name for one.
        """
        check_name("experiment", name)
        body = {"display_name": name} | ({"namespace": self.namespace} if self.namespace else {})
        found = self.once(
            lambda: self._experiment(name),
            lambda: self.api.send("POST", "/experiments", body=body, kind=answers.Experiment),
            f"experiment {name}",
        )
        if found.get("storage_state") == "ARCHIVED":
            raise RefusedError(f"experiment {name} is archived", "restore it, or name another one")
        return str(found["experiment_id"])

    def pipeline(self, name: str) -> str:
        """Return the id of a pipeline.

        Raises:
            NotFoundError: There is none of this name.
        """
        query = {"namespace": self.namespace}
        path = f"/pipelines/names/{quote(name, safe='')}"
        return str(self.api.get(path, query, answers.Pipeline)["pipeline_id"])

    def pipelines(self) -> Iterator[dict[str, Any]]:
        """Yield the server's pipelines, as the API shows them."""
        return self.api.pages("/pipelines", "pipelines", {"namespace": self.namespace})

    def version_spec(self, run: KubeflowRun) -> VersionSpec:
        """Return the pipeline that a run is of, and its Kubernetes part.

        Raises:
            NotFoundError: The version is gone, or the run is of none.
            BackendError: The server's answer is not a pipeline.
        """
        if not (run.pipeline_id and run.version_id):
            raise NotFoundError(f"run {run.id} is of no version of a pipeline")
        parts = (quote(part, safe="") for part in (run.pipeline_id, run.version_id))
        path = "/pipelines/{}/versions/{}".format(*parts)
        spec = self.api.get(path, kind=answers.Version)["pipeline_spec"]
        try:
            return VersionSpec.parse(spec)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BackendError(f"{path}: {where}: {first['msg']}") from None

    def _pipeline(self, name: str, description: str) -> str:
        check_name("pipeline", name)
        body = {"name": name, "display_name": name, "description": description}
        if self.namespace:
            body["namespace"] = self.namespace

        def find() -> str | None:
            with suppress(NotFoundError):
                return self.pipeline(name)
            return None

        def make() -> str:
            made = self.api.send("POST", "/pipelines", body=body, kind=answers.Pipeline)
            return str(made["pipeline_id"])

        return self.once(find, make, f"pipeline {name}")

    def _version(self, pipeline_id: str, name: str) -> dict[str, Any] | None:
        path = f"/pipelines/{pipeline_id}/versions"
        query = {"filter": equals("display_name", name)}
        found = self.api.pages(path, "pipeline_versions", query)
        return next((one for one in found if one["display_name"] == name), None)

    def _experiment(self, name: str) -> dict[str, Any] | None:
        query = {"filter": equals("display_name", name), "namespace": self.namespace}
        found = self.api.pages("/experiments", "experiments", query)
        return next((one for one in found if one["display_name"] == name), None)

    def _named(self, name: str, experiment_id: str) -> list[dict[str, Any]]:
        """Return the runs of a name, the oldest first."""
        query = {"filter": equals("display_name", name), "experiment_id": experiment_id}
        found = [r for r in self.api.pages("/runs", "runs", query) if r["display_name"] == name]
        return sorted(found, key=lambda run: (run["created_at"], run["run_id"]))

    def once(self, find: Callable[[], T | None], make: Callable[[], T], what: str) -> T:
        """Return what there is, or make it; see `once`."""
        return once(find, make, what)
