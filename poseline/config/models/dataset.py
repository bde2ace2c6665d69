"""`dataset` and `conversion`: where the pictures are, and how they become a training set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from poseline.config.models.base import Integer, Number, Section, whole

Keypoints = Annotated[Literal[13, 17, 21], BeforeValidator(whole)]
Pose = Literal["single", "multi"]
Split = Annotated[Number, Field(gt=0, lt=1)]


class Dataset(Section):
    """Sets in YOLO Darknet format: pictures (.jpg) with a .txt of the same stem beside each."""

    name: str = "<unnamed>"
    """Name of the data set."""
    keypoints: Keypoints | None = None
    """Keypoints of a pose: 13 or 17 for a person, 21 for a hand."""
    training_path: str | None = None
    """Folder or URI of the training set."""
    validation_path: str | None = None
    """Folder or URI of the validation set; not set: part of the training set is taken."""
    validation_split: Split = 0.2
    """Share of the training set that becomes the validation set where `validation_path` is not
    set."""
    test_path: str | None = None
    """Folder or URI of the test set; not set: the validation set is evaluated."""
    quantization_path: str | None = None
    """Folder or URI of the calibration set; not set: the training set is used."""
    quantization_split: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Share of the calibration set that is used; not set: all of it."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] = 123
    """Seed of the shuffle before a set is split."""


class Conversion(Section):
    """A COCO set (person_keypoints JSON) to convert first.

    Its result becomes the training and validation path where these are not set.
    """

    path: str
    """Folder or URI with train and val pictures and their annotations, as COCO is unzipped; or
    with one person_keypoints JSON beside its pictures."""
    pose: Pose = "single"
    """`single` keeps pictures of exactly one person, `multi` all with at least one."""
    outputdir: str = "./datasets"
    """Where the converted set is written: `<outputdir>/<pose>/<N>kpts/<train|val>/`."""
