"""What the code on a chip, and the arithmetic of the chip, need of a config."""

from __future__ import annotations

import re

from poseline.config.models.config import CHAINS, Config
from poseline.config.requirements.cel import get, has, matches, modes
from poseline.config.requirements.requirement import Requirement

_ONNX = r"(?i)\.onnx([?].*)?$"
_RESIZED = ("nearest", "bilinear", "area")
_CHAINS = [mode for mode, stages in CHAINS.items() if len(stages) > 1]
_EXPORTED = f"($mode in {modes('export')} || has($config.export) && $mode in {_CHAINS!r})"
_TO_ONNX = f"{get('quantization.quantizer', 'TFlite_converter')} == 'onnx_quantizer'"
_QUANTIZED = f"$mode in {modes('quantize')}"
_TFLM = f"{get('evaluation.target', 'host')} == 'tflm' && $mode in {modes('evaluate')}"


def _makes_onnx(config: Config) -> str | None:
    """Return what makes the last model of a config an .onnx, if it is one."""
    if "quantize" in config.stages:
        quantizer = config.quantization.quantizer if config.quantization else ""
        return quantizer if quantizer == "onnx_quantizer" else None
    path = config.general.model_path or ""
    return repr(path) if "train" not in config.stages and re.search(_ONNX, path) else None


def _not_resized(config: Config) -> str | None:
    method = config.preprocessing.resizing.interpolation
    return method if config.exported and method not in _RESIZED else None


def _not_exported(config: Config) -> str | None:
    return _makes_onnx(config) if config.exported else None


def _not_evaluated(config: Config) -> str | None:
    targeted = config.evaluation.target == "tflm" and "evaluate" in config.stages
    return _makes_onnx(config) if targeted else None


_FROM_ONNX = (
    f"({_QUANTIZED} ? {_TO_ONNX} : $mode in {modes('train')} ? false : "
    f"{has('general.model_path')} && {matches('general.model_path', _ONNX)})"
)

EXPORTS: tuple[Requirement, ...] = (
    Requirement(
        "preprocessing.resizing.interpolation",
        f"{', '.join(_RESIZED[:-1])} or {_RESIZED[-1]} where the model is exported: the C code "
        "resizes by no other",
        _not_resized,
        f"!{_EXPORTED} || {get('preprocessing.resizing.interpolation', 'bilinear')} in "
        f"{list(_RESIZED)!r}",
    ),
    Requirement(
        "export",
        "a .tflite model, or one that TFlite_converter or litert_quantizer makes",
        _not_exported,
        f"!{_EXPORTED} || !{_FROM_ONNX}",
    ),
    Requirement(
        "evaluation.target",
        "host for an .onnx model: TFLM runs .tflite models",
        _not_evaluated,
        f"!({_TFLM}) || !{_FROM_ONNX}",
    ),
)
