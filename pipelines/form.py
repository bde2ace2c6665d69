"""The parameters that people change between runs: defaults, and what the form says of them."""

import inspect
import typing
from collections.abc import Callable
from pathlib import Path

from poseline.config.models.benchmarking import Board

CONFIG = Path(__file__).with_name("default.yaml").read_text(encoding="utf-8")
"""A complete config but for the pictures."""
VARIANTS = [
    {"alpha": 0.35, "input_size": 192},
    {"alpha": 0.5, "input_size": 192},
    {"alpha": 0.35, "input_size": 256},
]
"""A small sweep."""

_EMPTY = "empty: as the config says."
_ZERO = "0: as the config says."
_TEXTS = {
    "config": "The whole config as YAML or JSON. The fields below win over it.",
    "dataset": "Where the pictures are, such as s3://bucket/folder: a COCO set as it is unzipped, "
    "a set in YOLO Darknet format (with train and val inside, or one folder), or one packed by "
    f"`poseline dataset pack`; {_EMPTY}",
    "model": f"The model to start from, such as s3://bucket/model.h5 (.h5, .keras, .tflite, "
    f".onnx); {_EMPTY}",
    "images": "The pictures to annotate, a folder such as s3://bucket/pictures or one picture; "
    f"{_EMPTY}",
    "keypoints": f"Keypoints of a pose: 13 or 17 for a person, 21 for a hand; {_ZERO}",
    "alpha": f"Width of the backbone, 0.35 (small, fast) to 1.4; {_ZERO}",
    "input_size": f"Height and width of the input in px, a multiple of 32 such as 192; {_ZERO}",
    "epochs": f"Passes over the training set; {_ZERO}",
    "batch_size": f"Pictures of one step; {_ZERO}",
    "learning_rate": f"Learning rate of the optimizer, such as 0.001; {_ZERO}",
    "board": f"The board that the model is meant for: {', '.join(typing.get_args(Board))}; "
    f"{_EMPTY}",
    "variants": "The models to make, a list of fields each: alpha, input_size, quantizer, "
    "granularity, or any key of the config by its dotted path.",
}


def documented(function: Callable[..., None]) -> Callable[..., None]:
    """Give a pipeline function the documentation of its parameters, which KFP's form shows."""
    lines = [f"    {name}: {_TEXTS[name]}" for name in inspect.signature(function).parameters]
    function.__doc__ = "\n".join([str(function.__doc__), "", "Args:", *lines])
    return function
