"""What each mode needs to be set, beyond what every field checks of itself."""

from __future__ import annotations

from pathlib import PurePosixPath

from poseline.config.config import Config
from poseline.errors import Problem

_FLOAT_MODELS = (".h5", ".keras", ".onnx")
_ANY_MODEL = (".h5", ".keras", ".tflite", ".onnx")


def missing(config: Config) -> list[Problem]:
    """List what the config's mode needs and does not have, and what contradicts it."""
    problems: list[Problem] = []
    mode, stages = config.operation_mode, config.stages
    data, model_path = config.dataset, config.general.model_path
    trains = "train" in stages

    def need(path: str, accepted: str, hint: str = "") -> None:
        problems.append(Problem(path, "nothing", f"{accepted}; {mode} needs it", hint))

    if trains:
        problems += _training(config)
    elif not model_path:
        need("general.model_path", "the path or URI of a model file")
    if model_path and not trains:
        accepted = _FLOAT_MODELS if "quantize" in stages else _ANY_MODEL
        suffix = PurePosixPath(model_path.partition("?")[0]).suffix.lower()
        if suffix not in accepted:
            problems.append(
                Problem("general.model_path", repr(model_path), " or ".join(accepted) + " here")
            )
    if data.keypoints is None and {"convert", "train", "evaluate", "predict"} & set(stages):
        need("dataset.keypoints", "13, 17 or 21")
    if (
        "evaluate" in stages
        and not trains
        and not config.conversion
        and not (data.test_path or data.validation_path or data.training_path)
    ):
        need("dataset.test_path", "the folder or URI of a test set")
    if "quantize" in stages and config.quantization is None:
        need("quantization", "a section")
    if "predict" in stages and config.prediction is None:
        need("prediction.test_files_path", "a picture, a folder or a URI")
    if "benchmark" in stages and config.benchmarking is None:
        need("benchmarking.board", "the name of a board")
    if config.general.model_type == "hand_spe" and data.keypoints not in (None, 21):
        problems.append(Problem("dataset.keypoints", str(data.keypoints), "21 with hand_spe"))
    return problems


def _training(config: Config) -> list[Problem]:
    problems: list[Problem] = []
    mode, training = config.operation_mode, config.training
    if config.general.model_type != "heatmaps_spe":
        problems.append(
            Problem(
                "general.model_type",
                config.general.model_type,
                "heatmaps_spe in a training; other types can be evaluated, quantized, predicted "
                "and benchmarked",
            )
        )
    if not (config.dataset.training_path or config.conversion):
        problems.append(
            Problem(
                "dataset.training_path", "nothing", f"the folder or URI of a set; {mode} needs it"
            )
        )
    if training is None:
        return [*problems, Problem("training", "nothing", f"a section; {mode} needs it")]
    sources = {
        "training.model": training.model,
        "training.resume_training_from": training.resume_training_from,
        "general.model_path": config.general.model_path,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) != 1:
        problems.append(
            Problem(
                " / ".join(sources),
                " and ".join(given) or "none of them",
                "exactly one: a new model, a training to resume, or a model to fine-tune",
            )
        )
    if training.model:
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[config.preprocessing.color_mode]
        if training.model.input_shape[2] != channels:
            problems.append(
                Problem(
                    "training.model.input_shape",
                    f"{training.model.input_shape[2]} channels",
                    f"{channels} with color_mode {config.preprocessing.color_mode}",
                )
            )
    return problems
