"""`general`, `operation_mode`, `mlflow` and `hydra`: what the run is and where it leaves things."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from poseline.config.models.base import Integer, Number, Section
from poseline.config.models.constraints import unit

OperationMode = Literal[
    "training",
    "evaluation",
    "quantization",
    "prediction",
    "benchmarking",
    "chain_tqe",
    "chain_tqeb",
    "chain_eqe",
    "chain_eqeb",
    "chain_qb",
    "chain_qd",
    "deployment",
]
ModelType = Literal["heatmaps_spe", "spe", "hand_spe", "yolo_mpe"]


class General(Section):
    """The project, the model to start from, and reproducibility."""

    project_name: str = "<unnamed>"
    """Name of the project; the MLflow experiment takes it."""
    logs_dir: str = "logs"
    """Folder of the TensorBoard and MLflow files, inside the experiment directory."""
    saved_models_dir: str = "saved_models"
    """Folder of the trained and quantized models, inside the experiment directory."""
    model_path: str | None = None
    """Path or URI of a model (.h5, .keras, .tflite, .onnx or the folder of a SavedModel)
    to start from."""
    output: str | None = None
    """URI of a folder where a pipeline puts its models, too: `<output>/<run>/<step>/`."""
    model_type: ModelType = "heatmaps_spe"
    """What the model puts out: heatmaps, one person's coordinates, a hand's, or YOLOv8-pose."""
    deterministic_ops: bool = False
    """Use only operations of TensorFlow whose results repeat; slower."""
    num_threads_tflite: Annotated[Integer, Field(ge=1, le=256), unit("threads")] = 1
    """CPU threads of the LiteRT interpreter."""
    gpu_memory_limit: Annotated[Number, Field(gt=0, le=4096), unit("GB")] | None = None
    """Most memory in GB that TensorFlow takes on the first GPU; not set: no limit."""
    global_seed: Annotated[Integer, Field(ge=0, lt=2**32)] | None = 123
    """Seed of the Python, NumPy and TensorFlow generators; `None` leaves them unseeded."""
    display_figures: bool = True
    """Read for compatibility. Figures are always written to files and never opened."""


class Mlflow(Section):
    """Where runs are tracked."""

    uri: str = "./experiments_outputs/mlruns"
    """Tracking URI: http(s)://…, sqlite:///…, or a directory, which gets a SQLite store."""


class HydraRun(Section):
    """The `hydra.run` section."""

    dir: str = "./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"
    """The experiment directory; `${now:…}` takes strftime codes."""


class Hydra(Section):
    """Where the experiment directory is made. Hydra's other keys are read and not used."""

    model_config = ConfigDict(extra="allow")

    run: HydraRun = HydraRun()
    """The run's directory."""
    verbose: Any = None
    """Read for compatibility."""
