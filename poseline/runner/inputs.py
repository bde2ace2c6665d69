"""Where a chain's pictures and its first model come from, for every runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from poseline.config.models.config import Config
from poseline.config.models.steps import Step


@dataclass(frozen=True)
class Sources:
    """Sets and models; paths or URIs.

    Attributes:
        training: Training set.
        validation: Validation set; None: part of the training set is taken.
        test: Test set.
        test_part: `validation` where the test set is that part of the training set.
        calibration: Calibration set; None: random data.
        model: Model to start from.
        resume: Interrupted training to go on with.
        images: Pictures to annotate.
        weights: What a new model starts from; None: random weights, or what Keras downloads.
        teacher: Model whose heatmaps are learned.
    """

    training: str | None = None
    validation: str | None = None
    test: str | None = None
    test_part: str | None = None
    calibration: str | None = None
    model: str | None = None
    resume: str | None = None
    images: str | None = None
    weights: str | None = None
    teacher: str | None = None

    @classmethod
    def named(cls, config: Config) -> Sources:
        """Return what a config names, and nothing else."""
        data, model = config.dataset, config.training.model if config.training else None
        weights = model.pretrained_weights if model else None
        distillation = config.training.distillation if config.training else None
        return cls(
            training=data.training_path,
            validation=data.validation_path,
            test=data.test_path,
            calibration=data.quantization_path,
            model=config.general.model_path,
            resume=config.training.resume_training_from if config.training else None,
            images=config.prediction.test_files_path if config.prediction else None,
            weights=None if weights == "imagenet" else weights,
            teacher=distillation.model if distillation else None,
        )

    @property
    def test_set(self) -> str:
        """What the figures of evaluations come from, in words."""
        if self.test_part:
            return "the part of the training set that validation held back, not a test set"
        if self.test and self.test == self.validation:
            return "the validation set, which also chose the best epoch, not a test set"
        return "the test set"

    def completed(self, converted: Mapping[str, str]) -> Sources:
        """Return the sources with a set in the place of each that is not named.

        Args:
            converted: What a conversion made: `train`, perhaps `val` and `test`; may be empty.
        """
        training = self.training or converted.get("train")
        validation = self.validation or converted.get("val")
        test, part = self.test or converted.get("test") or validation, None
        if test is None and training:
            test, part = training, "validation"
        return replace(
            self,
            training=training or validation,
            validation=validation,
            test=test,
            test_part=part,
            calibration=self.calibration or training,
        )

    def inputs(
        self, step: Step, model: str | None = None, judged: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the inputs of a step, those that there are.

        Args:
            step: The step.
            model: The model that an earlier step made for it; None: `general.model_path`.
            judged: Name of each evaluation and benchmark to its folder, for the gate.
        """
        model = model or self.model
        wanted: dict[str, dict[str, str | None]] = {
            "train": {
                "training": self.training,
                "validation": self.validation,
                "model": model,
                "resume": self.resume,
                "weights": self.weights,
                "teacher": self.teacher,
            },
            "quantize": {"model": model, "calibration": self.calibration},
            "evaluate": {"model": model, "test": self.test},
            "predict": {"model": model, "images": self.images},
            "benchmark": {"model": model},
            "export": {"model": model},
            "gate": {"model": model, "test": self.test, **(judged or {})},
        }
        return {name: uri for name, uri in wanted[step.stage].items() if uri}
