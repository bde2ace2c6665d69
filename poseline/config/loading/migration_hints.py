"""What is said of keys and values that the vendor's zoo has and poseline does not."""

from __future__ import annotations

_HOST = (
    "models run on this machine, with evaluation.target tflm in the chip's arithmetic; flash, RAM "
    "and time on the board come from benchmarking"
)
_DUMPS = "tensors are not dumped; predict writes predictions.json"
_APART = "all weights and activations are int8; no tensor is quantized separately"

KEYS: dict[str, str] = {
    "custom_data_augmentation": "your own functions cannot be loaded from a config; list those of "
    "poseline under data_augmentation",
    "parameters": "poseline does not evaluate on a connected board",
    **dict.fromkeys(
        (
            f"quantization.onnx_extra_options.{key}"
            for key in ("SmoothQuant", "SmoothQuantAlpha", "SmoothQuantFolding")
        ),
        "SmoothQuant needs Intel's Neural Compressor, which poseline does not use",
    ),
    "quantization.onnx_extra_options.weights_tensor_override": _APART,
    "quantization.onnx_extra_options.activations_tensor_override": _APART,
    "general.config_path": "the config of a model is its sidecar, <model file>.json",
    "general.dataset_path": "use dataset.test_path",
    "tools.stedgeai.path_to_loader": _HOST,
}
"""Dotted path of an unknown key to what to do instead."""

VALUES: dict[tuple[str, str], str] = {
    ("general.model_type", "head_spe"): "poseline does not decode the 468 points of a head",
    ("evaluation.gen_npy_input", "True"): _DUMPS,
    ("evaluation.gen_npy_output", "True"): _DUMPS,
    ("evaluation.target", "stedgeai_host"): _HOST,
    ("evaluation.target", "stedgeai_n6"): _HOST,
    ("prediction.target", "stedgeai_host"): _HOST,
    ("prediction.target", "stedgeai_n6"): _HOST,
    ("preprocessing.resizing.aspect_ratio", "crop"): "crop is what the camera of a deployed "
    "application does; use fit or padding",
    ("preprocessing.color_mode", "bgr"): "poseline reads pictures as rgb",
}
"""Dotted path and unknown value to what to do instead."""
