"""A compiled pipeline as Kubeflow gives it back: what the names of its pods depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from poseline.kubeflow.answers import Part, Text

TEMPLATE = "system-container-impl"
"""What KFP calls the template of the pods that do the work, with what is said of them before."""


class _Spec(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class PodMetadata(_Spec):
    """What is written on the pods of a task."""

    annotations: Annotated[dict[str, Any], Part] = {}
    labels: Annotated[dict[str, Any], Part] = {}


class Executor(_Spec):
    """How the pods of a task are made."""

    metadata: PodMetadata | None = Field(None, validation_alias="podMetadata")


class ComponentReference(_Spec):
    """Names a component."""

    name: Text = ""


class PipelineTask(_Spec):
    """A task of a graph."""

    component: Annotated[ComponentReference, Part] = Field(
        ComponentReference(), validation_alias="componentRef"
    )
    retry: Any = Field(None, validation_alias="retryPolicy")

    def template(self, executor: Executor) -> str:
        """Return the name of the template that KFP makes for the task's pod."""
        retried = "retry-" if self.retry is not None else ""
        if (about := executor.metadata) is None:
            return f"{retried}{TEMPLATE}"
        return f"metadata-{len(about.annotations)}-{len(about.labels)}-{retried}{TEMPLATE}"


class Graph(_Spec):
    """The tasks of a pipeline, or of a part of it."""

    tasks: Annotated[dict[str, PipelineTask], Part] = {}


class Component(_Spec):
    """What a task runs: an executor, or a graph."""

    executor: Text = Field("", validation_alias="executorLabel")
    dag: Annotated[Graph, Part] = Graph()


class PipelineInfo(_Spec):
    """What a pipeline is called."""

    name: Text = ""


class Pipeline(_Spec):
    """The pipeline itself."""

    info: Annotated[PipelineInfo, Part] = Field(PipelineInfo(), validation_alias="pipelineInfo")
    root: Annotated[Component, Part] = Component()
    components: Annotated[dict[str, Component], Part] = {}


class Deployment(_Spec):
    """The executors by their labels."""

    executors: Annotated[dict[str, Executor], Part] = {}


class Kubernetes(_Spec):
    """What the pipeline says of Kubernetes."""

    deployment: Annotated[Deployment, Part] = Field(Deployment(), validation_alias="deploymentSpec")


class Platforms(_Spec):
    """What the pipeline says of each platform."""

    kubernetes: Annotated[Kubernetes, Part] = Kubernetes()


class Platform(_Spec):
    """The part of a version that is not of the pipeline."""

    platforms: Annotated[Platforms, Part] = Platforms()


class VersionSpec(_Spec):
    """A version's pipeline, with its Kubernetes part."""

    pipeline: Annotated[Pipeline, Part] = Field(Pipeline(), validation_alias="pipeline_spec")
    platform: Annotated[Platform, Part] = Field(Platform(), validation_alias="platform_spec")

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> VersionSpec:
        """Read `pipeline_spec` of a version: a pipeline alone, or with its platform's part.

        Raises:
            ValidationError: It is something else.
        """
        return cls.model_validate(spec if "pipeline_spec" in spec else {"pipeline_spec": spec})

    def templates(self) -> dict[str, str]:
        """Return the name of each task's template."""
        executors = self.platform.platforms.kubernetes.deployment.executors
        found = {}
        for graph in (self.pipeline.root, *self.pipeline.components.values()):
            for name, task in graph.dag.tasks.items():
                component = self.pipeline.components.get(task.component.name, Component())
                if component.executor:
                    executor = executors.get(component.executor, Executor())
                    found[name] = task.template(executor)
        return found
