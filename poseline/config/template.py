"""A commented config to start from, made of a few answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from poseline.config.loading.run_form import Kind
from poseline.config.models.benchmarking import Board

Task = Literal["train", "quantize", "predict"]
_MODES = {"train": "chain_tqeb", "quantize": "chain_eqeb", "predict": "prediction"}


@dataclass(frozen=True)
class Answers:
    """What a config is made of.

    Attributes:
        task: What is to be done.
        pictures: Path or URI of the set; to predict, of pictures.
        kind: What kind of set it is; None: pictures alone.
        parts: Whether the set has its training part in train/, and its validation part in val/.
        about: What is known of the set, in one line.
        mirrored: Whether the pictures may be mirrored: the set says which keypoints swap.
        keypoints: Number of a known set; None: the set's or the model's own.
        category: Name or id of the category to convert; None: the only one with keypoints.
        board: The board that the model is for.
        size: Height and width of the input in px.
        model: Path or URI of the model to start from; None: a new one.
        name: Name of the project.
    """

    task: Task
    pictures: str
    kind: Kind | None
    parts: tuple[bool, bool]
    about: str
    mirrored: bool
    keypoints: int | None
    category: str | None
    board: Board
    size: int
    model: str | None
    name: str


def written(answers: Answers) -> str:
    """Return the config as YAML."""
    sections = [_general(answers), _dataset(answers), _PREPROCESSING]
    if answers.task == "train":
        sections += [_augmentation(answers), _training(answers)]
    if answers.task == "predict":
        sections.append(_PREDICTION.format(pictures=_quoted(answers.pictures)))
    else:
        sections += [_QUANTIZATION, _BENCHMARKING.format(board=answers.board)]
    return "".join(sections)


def _general(answers: Answers) -> str:
    lines = [
        "# Every key is in docs/reference/config.md. `key=value` on the command line changes one.",
        "general:",
        f"  project_name: {_quoted(answers.name)} # also the name of the MLflow experiment",
        "  global_seed: 123 # the same seed gives the same run",
    ]
    if answers.model:
        lines.append(f"  model_path: {_quoted(answers.model)} # the model to start from")
    lines.append(f"operation_mode: {_MODES[answers.task]} {_WHAT[answers.task]}")
    return "\n".join(lines) + "\n"


_WHAT = {
    "train": "# train, quantize, evaluate, benchmark",
    "quantize": "# evaluate, quantize, evaluate, benchmark",
    "predict": "# draw the poses that the model sees",
}


def _dataset(answers: Answers) -> str:
    lines = []
    pictures = answers.pictures
    if answers.kind in ("coco", "yolo_pose"):
        lines += [
            "conversion: # writes ./datasets/<pose>/<N>kpts, the set to train on",
            f"  path: {_quoted(pictures)}",
            "  pose: single # pictures of exactly one; multi: of at least one",
            f"  category: {_quoted(answers.category)} # of those that are labelled"
            if answers.category
            else "  # category: person # which one, if several are labelled",
            "  # fraction: 0.1 # a part of the pictures, for a quick try",
        ]
    lines.append("dataset:")
    lines.append(f"  name: {_quoted(answers.name)}")
    if answers.about:
        lines.append(f"  # {answers.about}")
    if answers.keypoints:
        lines.append(f"  keypoints: {answers.keypoints}")
    else:
        lines.append(
            "  # keypoints: 17 # or 13, 21, 133, or a section; not set: what the "
            f"{'set' if answers.kind else 'model'} has"
        )
    if answers.kind in ("packed", "yolo"):
        train, val = answers.parts
        key = "training_path" if answers.task == "train" else "quantization_path"
        lines.append(f"  {key}: {_quoted(pictures + '/train' if train else pictures)}")
        if val or answers.task != "train":
            key = "validation_path" if answers.task == "train" else "test_path"
            lines.append(f"  {key}: {_quoted(pictures + '/val' if val else pictures)}")
    if answers.task == "train":
        lines += [
            "  validation_split: 0.1 # of the training set, if the set has no validation part",
            "  # fraction: 0.1 # train on a part, for a quick try",
        ]
    if answers.task != "predict":
        lines.append("  quantization_split: 0.1 # of the training set; at most 300 pictures count")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_PREPROCESSING = """\
preprocessing: # as the model is or was trained
  rescaling: {scale: 1/127.5, offset: -1} # pixels 0..255 to -1..1
  resizing: {interpolation: bilinear, aspect_ratio: padding} # fit: distort to the input's shape
  color_mode: rgb
"""


def _augmentation(answers: Answers) -> str:
    flip = "  random_flip: {mode: horizontal}"
    if not answers.mirrored:
        flip = (
            "  # Nothing says which keypoints are left and right: no mirrored pictures.\n"
            "  # random_flip: {mode: horizontal}"
        )
    return f"""\
data_augmentation: # in this order
  random_contrast: {{factor: 0.4}}
  random_brightness: {{factor: 0.3}}
{flip}
  random_rotation: {{factor: "(-0.1, 0.1)"}} # turns: 36 degrees either way
"""


def _training(answers: Answers) -> str:
    model = f"""\
  model:
    name: st_movenet_lightning_heatmaps
    alpha: 0.35 # width, up to 1.4: more accuracy, memory and time
    input_shape: ({answers.size}, {answers.size}, 3) # multiples of 32
    pretrained_weights: None # imagenet learns faster on real pictures; downloaded once
"""
    return f"""\
training:
{"" if answers.model else model}  batch_size: 32
  epochs: 100
  preset: best # loss, optimizer and schedule, where none are stated: `poseline validate`
"""


_QUANTIZATION = """\
quantization:
  quantizer: TFlite_converter
  granularity: per_channel # per_tensor where the board's accelerator needs it
  quantization_input_type: uint8
  quantization_output_type: float
"""
_BENCHMARKING = """\
benchmarking:
  board: {board} # `poseline boards` lists them; latency and memory are estimates
"""
_PREDICTION = """\
prediction:
  test_files_path: {pictures}
"""
