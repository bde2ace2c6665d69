"""The whole config, what each mode needs of it, and the part that each stage depends on."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from poseline.config.models.augmentation import Augmentations
from poseline.config.models.base import Section
from poseline.config.models.benchmarking import Benchmarking, Tools
from poseline.config.models.dataset import Conversion, Dataset
from poseline.config.models.evaluation import Evaluation, Prediction
from poseline.config.models.export import Export
from poseline.config.models.gate import Gate
from poseline.config.models.general import General, Hydra, Mlflow, OperationMode
from poseline.config.models.preprocessing import Postprocessing, Preprocessing
from poseline.config.models.quantization import Quantization
from poseline.config.models.search import Search
from poseline.config.models.training import Training

Stage = Literal[
    "convert", "train", "quantize", "evaluate", "predict", "benchmark", "export", "gate"
]

CHAINS: dict[OperationMode, tuple[Stage, ...]] = {
    "training": ("train",),
    "evaluation": ("evaluate",),
    "quantization": ("quantize",),
    "prediction": ("predict",),
    "benchmarking": ("benchmark",),
    "chain_tqe": ("train", "quantize", "evaluate"),
    "chain_tqeb": ("train", "quantize", "evaluate", "benchmark"),
    "chain_eqe": ("evaluate", "quantize", "evaluate"),
    "chain_eqeb": ("evaluate", "quantize", "evaluate", "benchmark"),
    "chain_qb": ("quantize", "benchmark"),
    "chain_qd": ("quantize", "export"),
    "deployment": ("export",),
}
"""The stages of each mode, in order."""


class Config(Section):
    """One YAML: everything that a run depends on."""

    general: General = General()
    """The project, the model to start from, and reproducibility."""
    operation_mode: OperationMode = "chain_tqeb"
    """The service or chain of services to run."""
    dataset: Dataset = Dataset()
    """Training, validation, test and calibration sets."""
    conversion: Conversion | None = None
    """A COCO set to convert first, where the mode reads a set that `dataset` does not name."""
    preprocessing: Preprocessing = Preprocessing()
    """Input range, size and channels."""
    data_augmentation: Augmentations = ()
    """Random changes of the training pictures, in order."""
    training: Training | None = None
    """The model and how it learns."""
    postprocessing: Postprocessing = Postprocessing()
    """From the output to keypoints."""
    quantization: Quantization | None = None
    """How the model becomes int8."""
    evaluation: Evaluation = Evaluation()
    """Settings of an evaluation."""
    prediction: Prediction | None = None
    """Pictures to annotate."""
    tools: Tools = Tools()
    """Vendor tools."""
    benchmarking: Benchmarking | None = None
    """What is measured, and for which board."""
    export: Export | None = None
    """Whether a chain ends with the code for a firmware project."""
    search: Search | None = None
    """Keys that vary, for `poseline search`; chains do not read it."""
    gate: Gate | None = None
    """What a chain's model must reach to be registered."""
    deployment: dict[str, Any] | None = None
    """Read for compatibility: poseline exports code, and flashes no board."""
    mlflow: Mlflow = Mlflow()
    """Where runs are tracked."""
    hydra: Hydra = Hydra()
    """Where the experiment directory is made."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of `operation_mode`: `convert` first where a set is made, `gate` last."""
        stages = CHAINS[self.operation_mode]
        if self.converts:
            stages = ("convert", *stages)
        if self.exported and "export" not in stages:
            stages = (*stages, "export")
        return (*stages, "gate") if self.gated else stages

    @property
    def converts(self) -> bool:
        """Whether `conversion` makes a set that the mode reads and `dataset` does not name."""
        data = self.dataset
        unnamed = {
            "train": not (data.training_path and data.validation_path),
            "quantize": not (data.quantization_path or data.training_path),
            "evaluate": not data.test_path,
        }
        stages: set[str] = {*CHAINS[self.operation_mode], *(("evaluate",) if self.gated else ())}
        return self.conversion is not None and any(unnamed.get(stage) for stage in stages)

    @property
    def exported(self) -> bool:
        """Whether the mode exports the model: a chain does where there is an `export` section."""
        stages = CHAINS[self.operation_mode]
        return "export" in stages or (self.export is not None and len(stages) > 1)

    @property
    def gated(self) -> bool:
        """Whether the mode ends with the gate: a chain does where there is a `gate` section."""
        return self.gate is not None and len(CHAINS[self.operation_mode]) > 1

    def slice(self, stage: Stage) -> dict[str, Any]:
        """Return the part of the config that one stage depends on, ready for JSON.

        An edit elsewhere leaves the slice, its hash, and so the caches of KFP and of a local run,
        as they were. Paths and places of inputs are not in it: inputs are handed to the stage.
        """
        whole = self.model_dump(mode="json")
        cut: dict[str, Any] = {}
        for path in _SLICES[stage]:
            section, _, key = path.partition(".")
            if not key:
                cut[section] = whole[section]
            else:
                cut.setdefault(section, {})[key] = whole[section][key]
        return cut


_GENERAL = ("general.deterministic_ops", "general.global_seed", "general.gpu_memory_limit")
_CROPS = ("dataset.crop_persons", "dataset.crop_margin")
_EVALUATE = (
    "general.model_type",
    "general.num_threads_tflite",
    "dataset.name",
    "dataset.keypoints",
    "dataset.validation_split",
    "dataset.seed",
    *_CROPS,
    "preprocessing",
    "postprocessing",
    "evaluation",
)
_SLICES: dict[Stage, tuple[str, ...]] = {
    "convert": ("dataset.keypoints", "conversion"),
    "train": (
        *_GENERAL,
        "general.model_type",
        "dataset.name",
        "dataset.keypoints",
        "dataset.validation_split",
        "dataset.seed",
        "dataset.fraction",
        *_CROPS,
        "preprocessing",
        "data_augmentation",
        "training",
    ),
    "quantize": (
        *_GENERAL,
        "general.model_type",
        "dataset.keypoints",
        "dataset.quantization_split",
        "dataset.seed",
        *_CROPS,
        "preprocessing",
        "quantization",
    ),
    "evaluate": _EVALUATE,
    "predict": (
        "general.model_type",
        "general.num_threads_tflite",
        "dataset.keypoints",
        "preprocessing",
        "postprocessing",
    ),
    "benchmark": (
        "general.model_type",
        "general.num_threads_tflite",
        "preprocessing",
        "tools",
        "benchmarking",
    ),
    "export": (
        "general.model_type",
        "general.project_name",
        "dataset.keypoints",
        "preprocessing",
        "postprocessing",
        "tools",
        "benchmarking",
        "export",
    ),
    # The champion may have to be evaluated on the test set of the day.
    "gate": (*_EVALUATE, "general.project_name", "gate"),
}


def config_hash(data: dict[str, Any]) -> str:
    """Return the sha256 of a slice in canonical JSON; the same for the same meaning."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
