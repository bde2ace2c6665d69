"""What each mode needs to be set, beyond what every field checks of itself.

Each requirement is written twice, in Python for the CLI and in CEL for `kubectl apply`, with one
message. In CEL, `$config` stands for the config and `$mode` for the mode.
"""

from __future__ import annotations

import re
from string import Template

from poseline.config.models.config import Config
from poseline.config.models.keypoints import count_of
from poseline.config.requirements import keras_arguments
from poseline.config.requirements.cel import get, has, matches, modes
from poseline.config.requirements.exporting import EXPORTS
from poseline.config.requirements.measurements import MEASURES
from poseline.config.requirements.requirement import Requirement, needed
from poseline.errors import Problem

_FOLDER = r"(^|/)[^/.]+/?|/"  # of a SavedModel
_FLOAT_MODEL = rf"(?i)(\.(h5|keras|onnx)([?].*)?|{_FOLDER})$"
_ANY_MODEL = rf"(?i)(\.(h5|keras|tflite|onnx)([?].*)?|{_FOLDER})$"
_TFLITE = r"(?i)\.tflite([?].*)?$"
_KERAS = r"(?i)\.(h5|keras)([?].*)?$"
_ONNX = r"(?i)\.onnx([?].*)?$"
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


def missing(config: Config) -> list[Problem]:
    """List what the config's mode needs and does not have, and what contradicts it."""
    problems = [
        Problem(requirement.path, found, requirement.message)
        for requirement in REQUIREMENTS
        if (found := requirement.found(config)) is not None
    ]
    if config.training and _trains(config):
        problems += keras_arguments.problems(config.training)
    return problems


def cel_rules(config: str = "self", mode: str | None = None) -> list[dict[str, str]]:
    """Return the requirements as entries of `x-kubernetes-validations`.

    Args:
        config: The config in CEL, seen from where the rules are put: `self.config` in a spec.
        mode: The mode in CEL; by default the config's own `operation_mode`.
    """
    own = f"(has({config}.operation_mode) ? {config}.operation_mode : 'chain_tqeb')"
    prefix = config.removeprefix("self")
    return [
        {
            "rule": Template(requirement.cel).substitute(config=config, mode=mode or own),
            "message": f"{requirement.path}: {requirement.message}",
            "fieldPath": f"{prefix}.{requirement.path.partition('.')[0]}",
        }
        for requirement in REQUIREMENTS
        if requirement.cel
    ]


def _set_in_training(name: str, what: str) -> Requirement:
    def given(config: Config) -> bool:
        return config.training is None or name in config.training.model_fields_set

    path = f"training.{name}"
    return needed("train", path, what, given, f"!has($config.training) || {has(path)}")


def _trains(config: Config) -> bool:
    return "train" in config.stages


def _model_type(config: Config) -> str | None:
    kind = config.general.model_type
    return kind if _trains(config) and kind != "heatmaps_spe" else None


def _sources(config: Config) -> list[str]:
    training = config.training
    found = {
        "training.model": training and training.model,
        "training.resume_training_from": training and training.resume_training_from,
        "general.model_path": config.general.model_path,
    }
    return [name for name, value in found.items() if value]


def _one_source(config: Config) -> str | None:
    if not _trains(config) or config.training is None:
        return None
    given = _sources(config)
    return None if len(given) == 1 else " and ".join(given) or "none of them"


def _channels(config: Config) -> str | None:
    model = config.training.model if config.training and _trains(config) else None
    if model is None or model.input_shape[2] == _CHANNELS[config.preprocessing.color_mode]:
        return None
    return f"{model.input_shape[2]} channels with {config.preprocessing.color_mode}"


def _model_file(config: Config, pattern: str, *, quantized: bool) -> str | None:
    path, trains = config.general.model_path, _trains(config)
    if not path or trains or ("quantize" in config.stages) != quantized:
        return None
    if quantized and config.quantization and re.search(_TFLITE, path):
        return None if config.quantization.quantizer == "litert_quantizer" else repr(path)
    return None if re.search(pattern, path) else repr(path)


def _onnx(config: Config) -> str | None:
    settings = config.quantization if "quantize" in config.stages else None
    other = settings and settings.quantizer != "onnx_quantizer" and _quantizes_onnx(config)
    return settings.quantizer if settings and other else None


def _equalized(config: Config) -> str | None:
    settings = config.quantization if "quantize" in config.stages else None
    return "True" if settings and settings.optimize and _quantizes_onnx(config) else None


def _fine_tuned(config: Config) -> str | None:
    settings = config.quantization if "quantize" in config.stages else None
    if not settings or settings.quantization_type != "QAT":
        return None
    keras = _trains(config) or re.search(_KERAS, config.general.model_path or ".h5")
    pictures = config.dataset.quantization_path or config.dataset.training_path or config.conversion
    return None if keras and pictures else "QAT"


def _quantizes_onnx(config: Config) -> bool:
    return not _trains(config) and bool(re.search(_ONNX, config.general.model_path or ""))


def _teacher(config: Config) -> str | None:
    settings = config.training.distillation if config.training and _trains(config) else None
    return None if settings is None or re.search(_KERAS, settings.model) else repr(settings.model)


def _hand(config: Config) -> str | None:
    keypoints = config.dataset.keypoints
    if keypoints is None or config.general.model_type != "hand_spe" or count_of(keypoints) == 21:
        return None
    return str(count_of(keypoints))


def _evaluable(config: Config) -> bool:
    data = config.dataset
    paths = (data.test_path, data.validation_path, data.training_path, config.conversion)
    return _trains(config) or any(paths)


_TRAINING = f"$mode in {modes('train')}"
_FROM_ONNX = (
    f"$mode in {modes('quantize')} && !({_TRAINING}) && {has('general.model_path')} && "
    f"{matches('general.model_path', _ONNX)}"
)
_SOURCES_CEL = " + ".join(
    f"({has(path)} ? 1 : 0)"
    for path in ("training.model", "training.resume_training_from", "general.model_path")
)
_CHANNELS_CEL = f"{{{', '.join(f'{name!r}: {n}' for name, n in _CHANNELS.items())}}}"

REQUIREMENTS: tuple[Requirement, ...] = (
    needed(
        "train",
        "training",
        "a section",
        lambda c: c.training is not None,
        "has($config.training)",
    ),
    _set_in_training("batch_size", "a number of pictures"),
    _set_in_training("epochs", "a number of passes"),
    needed(
        "train",
        "dataset.training_path",
        "the folder or URI of a set, or a `conversion`",
        lambda c: bool(c.dataset.training_path or c.conversion),
        f"{has('dataset.training_path')} || has($config.conversion)",
    ),
    Requirement(
        "general.model_type",
        "heatmaps_spe in a training; other types can be evaluated, quantized, predicted and "
        "benchmarked",
        _model_type,
        f"!({_TRAINING}) || {get('general.model_type', 'heatmaps_spe')} == 'heatmaps_spe'",
    ),
    Requirement(
        "training.model / training.resume_training_from / general.model_path",
        "exactly one: a new model, a training to resume, or a model to fine-tune",
        _one_source,
        f"!({_TRAINING}) || !has($config.training) || {_SOURCES_CEL} == 1",
    ),
    Requirement(
        "training.model.input_shape",
        "1 channel with color_mode grayscale, 3 with rgb, 4 with rgba",
        _channels,
        f"!({_TRAINING}) || !{has('training.model')} || ({has('training.model.input_shape')} "
        "&& size($config.training.model.input_shape) == 3 ? "
        "$config.training.model.input_shape[2] : 3) "
        f"== {_CHANNELS_CEL}[{get('preprocessing.color_mode', 'rgb')}]",
    ),
    Requirement(
        "general.model_path",
        "the path or URI of a model file; the mode needs it",
        lambda c: None if _trains(c) or c.general.model_path else "nothing",
        f"{_TRAINING} || {has('general.model_path')}",
    ),
    Requirement(
        "general.model_path",
        ".h5, .keras, .onnx or a SavedModel folder where it is to be quantized; .tflite with "
        "litert_quantizer",
        lambda c: _model_file(c, _FLOAT_MODEL, quantized=True),
        f"{_TRAINING} || !($mode in {modes('quantize')}) || !{has('general.model_path')} || "
        f"{matches('general.model_path', _FLOAT_MODEL)} || "
        f"{matches('general.model_path', _TFLITE)} && "
        f"{get('quantization.quantizer', 'TFlite_converter')} == 'litert_quantizer'",
    ),
    Requirement(
        "general.model_path",
        ".h5, .keras, .tflite, .onnx or a SavedModel folder",
        lambda c: _model_file(c, _ANY_MODEL, quantized=False),
        f"$mode in {modes('quantize')} || {_TRAINING} || !{has('general.model_path')} || "
        f"{matches('general.model_path', _ANY_MODEL)}",
    ),
    Requirement(
        "quantization.quantizer",
        "onnx_quantizer for an .onnx model",
        _onnx,
        f"!({_FROM_ONNX}) || !has($config.quantization) || "
        f"{get('quantization.quantizer', 'TFlite_converter')} == 'onnx_quantizer'",
    ),
    Requirement(
        "quantization.optimize",
        "False for an .onnx model: the weights of Keras models are equalized",
        _equalized,
        f"!({_FROM_ONNX}) || !({has('quantization.optimize')} && $config.quantization.optimize)",
    ),
    Requirement(
        "quantization.quantization_type",
        "PTQ, or QAT for a .h5 or .keras model and with dataset.quantization_path or "
        "dataset.training_path",
        _fine_tuned,
        f"!($mode in {modes('quantize')}) || "
        f"{get('quantization.quantization_type', 'PTQ')} != 'QAT' || "
        f"({_TRAINING} || !{has('general.model_path')} || "
        f"{matches('general.model_path', _KERAS)}) && (has($config.conversion) || "
        f"{has('dataset.quantization_path')} || {has('dataset.training_path')})",
    ),
    Requirement(
        "dataset.keypoints",
        "21 with hand_spe",
        _hand,
    ),
    Requirement(
        "training.distillation.model",
        "the path or URI of a .h5 or .keras file",
        _teacher,
        f"!({_TRAINING}) || !{has('training.distillation.model')} || "
        f"{matches('training.distillation.model', _KERAS)}",
    ),
    needed(
        "evaluate",
        "dataset.test_path",
        "the folder or URI of a test set",
        _evaluable,
        " || ".join(
            [
                _TRAINING,
                "has($config.conversion)",
                *(has(f"dataset.{name}_path") for name in ("test", "validation", "training")),
            ]
        ),
    ),
    needed(
        "quantize",
        "quantization",
        "a section",
        lambda c: c.quantization is not None,
        "has($config.quantization)",
    ),
    needed(
        "predict",
        "prediction.test_files_path",
        "a picture, a folder or a URI",
        lambda c: c.prediction is not None,
        "has($config.prediction)",
    ),
    *MEASURES,
    *EXPORTS,
)
