"""What the developer cloud answers; what is not read here may be anything."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, RootModel, field_validator


class Version(BaseModel):
    """A version of ST Edge AI Core in the cloud, and what it is called for each kind of chip."""

    version: str = Field(max_length=100)
    isLatest: bool = False  # noqa: N815
    platform: dict[str, str] = Field(default_factory=dict, max_length=100)


class Versions(RootModel[list[Version]]):
    """Those that the cloud has."""


class Tokens(BaseModel):
    """Answer of a sign-in."""

    access_token: str = Field(min_length=1, max_length=100_000, pattern=r"^[\x21-\x7e]+$")


class Uploaded(BaseModel):
    """Whether a file is there now."""

    upload: bool


class Boards(RootModel[dict[str, Any]]):
    """Boards of the farm by name."""


class Started(BaseModel):
    """A benchmark that waits in a queue."""

    benchmarkId: str = Field(min_length=1, max_length=200)  # noqa: N815


class Running(BaseModel):
    """A run of the tool that waits."""

    runtimeId: str = Field(min_length=1, max_length=200)  # noqa: N815


class Progress(BaseModel):
    """How far a benchmark is, and what it found."""

    state: str = Field("", max_length=200)
    message: str = ""
    benchmark: dict[str, Any] | None = None
    memoryMapping: dict[str, Any] | None = None  # noqa: N815


class Generated(BaseModel):
    """Where what the tool made lies."""

    url: str = ""


class Run(BaseModel):
    """How far a run of the tool is."""

    state: str | None = None
    message: str = ""
    result: Generated | None = None


class Footprint(BaseModel):
    """Memory in bytes."""

    weights: int
    activations: int
    kernel_flash: int = 0
    extra_flash: int = 0
    toolchain_flash: int = 0
    kernel_ram: int = 0
    extra_ram: int = 0
    toolchain_ram: int = 0

    @field_validator("*", mode="before")
    @classmethod
    def _nothing_is_zero(cls, value: Any) -> Any:
        return 0 if value is None else value


class Time(BaseModel):
    """Of an inference."""

    duration_ms: float = Field(ge=0, allow_inf_nan=False)
    cycles: float | None = None


class Node(BaseModel):
    """An operation."""

    macc: int = 0


class Graph(BaseModel):
    """The C model."""

    nodes: list[Node] = Field(default_factory=list)
    exec_time: Time | None = None


class Accuracy(BaseModel):
    """How the C code on the board compares with the model."""

    rmse: float | None = None


class Validation(BaseModel):
    """Of the C code."""

    val_metrics: list[Accuracy] = Field(default_factory=list)


class Tool(BaseModel):
    """What made the C code."""

    version: str = ""


class Environment(BaseModel):
    """Where it was measured."""

    device: str = ""
    tools: list[Tool] = Field(default_factory=list)


class Info(BaseModel):
    """`c_info`: what the tool says of the C code."""

    graphs: list[Graph] = Field(min_length=1)
    memory_footprint: Footprint
    validation: Validation = Validation()
    environment: Environment = Environment()


class Measured(BaseModel):
    """`benchmark` of a microcontroller."""

    info: Info
    graph: Graph | None = None


class ToolVersion(BaseModel):
    """The version of X-LINUX-AI's benchmark."""

    name: str = ""
    major: str | int = ""
    minor: str | int = ""
    micro: str | int = ""


class Shares(Time):
    """Of an inference on a processor, and which unit did how much of it."""

    npu_percent: float = 0
    gpu_percent: float = 0
    cpu_percent: float = 0


class MeasuredLinux(BaseModel):
    """`benchmark` of a processor that runs Linux."""

    board: str = ""
    exec_time: Shares
    model_size: float
    ram_peak: float
    tool_version: ToolVersion = ToolVersion()
