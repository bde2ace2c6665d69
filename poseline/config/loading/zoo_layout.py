"""The zoo's layout of version 4, read into ours, which is that of March 2025.

Both become one mapping before anything is validated; problems that are found in it get the names
that the file uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from poseline.config.loading.zoo_names import MODEL, MOVED, NEW, OURS, near, override, renamed
from poseline.config.models.config import CHAINS
from poseline.config.models.literals import parse_number
from poseline.errors import Problem

_FORMER = (
    "general.model_path",
    "general.model_type",
    "training.model",
    "dataset.name",
    "prediction.test_files_path",
)
_WIDTH = re.compile(r"(st_movenet_lightning)_a(\d{3})(_heatmaps)")
_TRAINING = [mode for mode, stages in CHAINS.items() if "train" in stages]
_VERSION = "tools.stedgeai.version"
_WORDS = {"true": "imagenet", "false": None, "none": None}
Data = dict[str, Any]


@dataclass
class Layout:
    """A config in our layout, and how its file names what is in it.

    Attributes:
        data: The config.
        current: Whether the file has the layout of version 4.
        problems: What cannot be read, by the names of the file.
    """

    data: Data
    current: bool = False
    problems: list[Problem] = field(default_factory=list)

    def named(self, problem: Problem) -> Problem:
        """Return a problem with the names that the file uses."""
        return renamed(problem) if self.current else problem


def read(data: Data) -> Layout:
    """Return a config of either layout in ours.

    Args:
        data: The file's sections, with overrides and `${…}` resolved; left as it is.
    """
    if not is_current(data):
        return Layout(data)
    if mixed := _mixed(data):
        return Layout(_without(data, NEW), problems=mixed)
    layout = Layout(_copied(data), current=True)
    _move_dataset(layout.data)
    _move_model(layout)
    _fill_in(layout)
    return layout


def is_current(data: Mapping[str, Any]) -> bool:
    """Return whether a config has a key that the layout of version 4 alone has."""
    return any(_get(data, path) is not None for path in NEW)


def own_overrides(overrides: Sequence[str], written: Mapping[str, Any]) -> list[str]:
    """Return overrides of our keys with the keys that a file of version 4 has for them."""
    if not is_current(written):
        return list(overrides)
    return [override(one) for one in overrides]


def _mixed(data: Data) -> list[Problem]:
    """Return the places of both layouts where a config has both."""
    former = [path for path in _FORMER if _get(data, path) is not None]
    if not former:
        return []
    current = [path for path in NEW if _get(data, path) is not None]
    return [
        Problem(
            path,
            f"a key of the zoo's version 4, next to {former[0]} of the March 2025 layout",
            "one of the two layouts",
            f"in the other one it is {', '.join(_in_former(path, data))}",
        )
        for path in current
    ] + [
        Problem(
            path,
            f"a key of the March 2025 layout, next to {current[0]} of the zoo's version 4",
            "one of the two layouts",
            f"in version 4 it is {OURS[path]}",
        )
        for path in former
    ]


def _in_former(path: str, data: Data) -> list[str]:
    if path != "model":
        return [MOVED[path]]
    section = data["model"]
    written = section if isinstance(section, dict) else {}
    return [MODEL[key] for key in written if key in MODEL] or ["general and training.model"]


def _move_dataset(data: Data) -> None:
    dataset = data.get("dataset")
    if not isinstance(dataset, dict):
        return
    if (name := dataset.pop("dataset_name", None)) is not None:
        dataset["name"] = name
    if (pictures := dataset.pop("prediction_path", None)) is not None:
        _set(data, "prediction", {"test_files_path": pictures})


def _move_model(layout: Layout) -> None:
    data = layout.data
    section = data.pop("model", None) or {}
    if not isinstance(section, dict):
        accepted = f"a section: {', '.join(MODEL)}"
        layout.problems.append(Problem("model", repr(section), accepted))
        return
    given = {key: value for key, value in section.items() if not _empty(value)}
    layout.problems += _unknown(given)
    own = [key for key in ("model_path", "model_type") if key in given]
    _set(data, "general", {key: given.pop(key) for key in own})
    training = data.get("training")
    new = {key for key in given if key in MODEL}
    if not isinstance(training, dict) or not new or not _makes_a_model(data, given):
        return  # these keys describe the model of the file
    layout.problems += _read_width(given)
    given["pretrained"] = _weights(given.get("pretrained", False))
    if given.setdefault("final_activation", "sigmoid") in ("empty", "linear"):  # the zoo's default
        given["final_activation"] = "softmax"  # the logits of the same loss
    training["model"] = {
        MODEL[key].rpartition(".")[2]: value for key, value in given.items() if key in MODEL
    }


def _makes_a_model(data: Data, given: Data) -> bool:
    """Return whether a training makes the model that the section describes."""
    if data.get("operation_mode", "chain_tqeb") not in _TRAINING:
        return False
    if not _empty(data["training"].get("resume_training_from")):
        return False
    return "model_name" in given or _empty(_get(data, "general.model_path"))


def _unknown(given: Data) -> list[Problem]:
    accepted = ", ".join(MODEL)
    problems = [
        Problem(f"model.{key}", "an unknown key", accepted, near(str(key), MODEL))
        for key in given
        if key not in MODEL and key != "framework"
    ]
    framework = given.get("framework", "tf")
    if str(framework).lower() not in ("tf", "tensorflow"):
        problems.append(Problem("model.framework", repr(framework), "tf"))
    return problems


def _read_width(given: Data) -> list[Problem]:
    """Read the width that a model's name may have in it: a100 is alpha 1.0."""
    written = _WIDTH.fullmatch(str(given.get("model_name", "")).strip())
    if written is None:
        return []
    name, given["model_name"] = given["model_name"], f"{written[1]}{written[3]}"
    width = int(written[2]) / 100
    alpha = given.setdefault("alpha", width)
    if parse_number(str(alpha)) == width:
        return []
    hint = "leave alpha out, or take st_movenet_lightning_heatmaps"
    return [Problem("model.alpha", repr(alpha), f"{width:g}, which {name} says", hint)]


def _weights(pretrained: Any) -> Any:
    """Read `pretrained`: true, false, or as ours has it, a path or a name."""
    return _WORDS.get(str(pretrained).strip().lower(), pretrained)


def _fill_in(layout: Layout) -> None:
    """Add what version 4 means where it says nothing, and ours means something else."""
    data = layout.data
    if isinstance(training := data.get("training"), dict):
        if isinstance(training.get("dryrun"), bool):
            training["dryrun"] = 1 if training["dryrun"] else None
        training["model_format"] = _or(training.get("model_format"), "keras")
    for name, settings in _steps(data.get("data_augmentation")):
        if name == "random_rotation":
            settings["fill_value"] = _or(settings.get("fill_value"), -1.0)
        elif name == "random_periodic_resizing" and not _empty(settings.get("period")):
            settings.setdefault("period_unit", "epochs")
    quantization = data.get("quantization")
    if isinstance(quantization, dict) and quantization.get("quantizer") == "onnx_quantizer":
        # What ST's tool makes has float ends whatever is written here.
        quantization |= dict.fromkeys(
            ("quantization_input_type", "quantization_output_type"), "float"
        )
    if not _empty(_get(data, _VERSION)):
        hint = "version 4 reads it from the tool that path_to_stedgeai names: leave it out"
        accepted = "optimization, on_cloud, path_to_stedgeai"
        layout.problems.append(Problem(_VERSION, "an unknown key", accepted, hint))


def _steps(section: Any) -> Iterable[tuple[str, Data]]:
    """Return the augmentations that have settings, written as a mapping or as a list of such."""
    for mapping in section if isinstance(section, list) else [section]:
        for name in mapping if isinstance(mapping, dict) else ():
            mapping[name] = {} if mapping[name] is None else mapping[name]
            if isinstance(mapping[name], dict):
                yield name, mapping[name]


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in ("", "None", "null", "~"))


def _or(value: Any, default: Any) -> Any:
    return default if _empty(value) else value


def _set(data: Data, section: str, values: Data) -> None:
    """Add to a section; one that is not a mapping stays, for the validation to find."""
    present = data.get(section)
    if values and (present is None or isinstance(present, dict)):
        data[section] = {**(present or {}), **values}


def _get(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _without(data: Data, paths: Iterable[str]) -> Data:
    kept: Data = _copied(data)
    for path in paths:
        section, _, key = path.rpartition(".")
        place = kept.get(section, kept)
        if isinstance(place, dict):
            place.pop(key, None)
    return kept
