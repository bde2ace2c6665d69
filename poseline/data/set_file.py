"""`data.yaml`: what a set says of its keypoints, as Ultralytics' YOLO-pose sets have it.

poseline writes one into each set that it converts, with what YOLO-pose has no key for: `sigmas` and
`colours`, and `skeleton` as pairs of places counted from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from poseline.config.loading.bounded_yaml import build, compose
from poseline.config.models.keypoints import MOST_KEYPOINTS, KeypointDefinition
from poseline.data.definitions import defined, unnamed
from poseline.data.keypoints import KeypointSet
from poseline.data.regular_file import read_regular, shown
from poseline.errors import DataError

NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""How the file is called; the first is the one that poseline writes."""
_LARGEST = 1_000_000
_Place = Annotated[int, Field(ge=0, lt=MOST_KEYPOINTS)]
_Paths = str | list[str] | None


class SetFile(BaseModel):
    """The keys of a YOLO-pose set's file that count; others are its trainer's."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    path: str | None = None
    train: _Paths = None
    val: _Paths = None
    test: _Paths = None
    names: dict[int, str] = Field(default_factory=dict)
    """Number of a class to its name."""
    kpt_shape: tuple[
        Annotated[int, Field(ge=1, le=MOST_KEYPOINTS)], Annotated[int, Field(ge=2, le=3)]
    ]
    """Keypoints, and numbers a keypoint: 2 or 3."""
    flip_idx: list[_Place] | None = None
    kpt_names: list[str] | None = None
    skeleton: list[tuple[_Place, _Place]] = []
    sigmas: list[Annotated[float, Field(gt=0, le=1)]] = []
    colours: list[str] = []

    @field_validator("names", mode="before")
    @classmethod
    def _numbered(cls, value: Any) -> Any:
        return dict(enumerate(value)) if isinstance(value, list) else value or {}

    @field_validator("flip_idx", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        return None if value == [] else value

    @field_validator("kpt_names", mode="before")
    @classmethod
    def _of_one_class(cls, value: Any) -> Any:
        """Take the names of the first class; YOLO-pose's classes share their keypoints."""
        if isinstance(value, Mapping):
            value = next(iter(value.values()), None)
        return value or None

    @model_validator(mode="after")
    def _agree(self) -> SetFile:
        count = self.kpt_shape[0]
        if self.kpt_names is not None and len(self.kpt_names) != count:
            raise ValueError(f"kpt_names has {len(self.kpt_names)} names, kpt_shape {count}")
        flip = self.flip_idx
        if flip is not None and (
            len(flip) != count or any(a >= count or flip[a] != i for i, a in enumerate(flip))
        ):
            raise ValueError(f"flip_idx: {count} places, each the partner of its partner")
        return self

    @property
    def points(self) -> KeypointSet:
        """The keypoint set.

        Raises:
            ValueError: The names, bones, sigmas or colours do not fit each other.
        """
        flip = self.flip_idx
        pairs = None if flip is None else tuple((a, b) for a, b in enumerate(flip) if a < b)
        if self.kpt_names is None:
            return unnamed(self.kpt_shape[0], pairs)
        return defined(
            KeypointDefinition.model_validate(
                {
                    "names": self.kpt_names,
                    "skeleton": self.skeleton,
                    "pairs": pairs,
                    "sigmas": self.sigmas,
                    "colours": self.colours,
                }
            )
        )


def find_set_file(folder: Path) -> Path | None:
    """Return the file of a set; None where it has none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_set_file(path: Path) -> SetFile | None:
    """Read a set's file; None where it says nothing of keypoints.

    Raises:
        DataError: It is not YAML, or what it says of keypoints does not fit together.
    """
    text = read_regular(path, _LARGEST).decode("utf-8-sig", "replace")
    try:
        data = build(compose(text))
    except yaml.YAMLError as error:
        raise DataError(f"{shown(path)}: {error}", "write it again as YAML") from None
    if not isinstance(data, dict) or "kpt_shape" not in data:
        return None
    try:
        found = SetFile.model_validate(data)
        _ = found.points
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{shown(path)}, {place}: {first['msg'].removeprefix('Value error, ')}",
            f"kpt_shape is [keypoints, 2 or 3] with at most {MOST_KEYPOINTS}; flip_idx and "
            "kpt_names have an entry a keypoint",
        ) from None
    return found


def set_file_text(points: KeypointSet, parts: Mapping[str, str] | None = None) -> str:
    """Return the text of a set's file.

    Args:
        points: Its keypoints.
        parts: `train`, `val` and `test` to their folders, relative to the file; None: the file is
            within one of them.
    """
    data: dict[str, Any] = dict(parts or {})
    data |= {"kpt_shape": [len(points), 3], "flip_idx": list(points.flip), "names": {0: "object"}}
    if points.named:
        data |= {
            "kpt_names": {0: list(points.names)},
            "skeleton": [list(bone) for bone in points.skeleton],
            "sigmas": list(points.sigmas),
        }
    if points.colours:
        data["colours"] = list(points.colours)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None)
