"""`dataset` and `conversion`: where the pictures are, and how they become a training set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Number, Section
from poseline.config.models.keypoints import MOST_KEYPOINTS, Keypoints

Pose = Literal["single", "multi"]
Fraction = Annotated[Number, Field(gt=0, le=1)]
Split = Annotated[Number, Field(gt=0, lt=1)]


class Dataset(Section):
    """Sets in YOLO Darknet format: pictures with a .txt of the same stem beside each."""

    name: str = "<unnamed>"
    """Name of the data set."""
    keypoints: Keypoints | None = None
    """Keypoints of a pose: 13 or 17 for a person, 21 for a hand, 133 for COCO-WholeBody, or a
    section that defines others. Not set: what the set or the model says of itself."""
    class_names: Annotated[tuple[str, ...], Field(max_length=1)] = ()
    """Read for compatibility: the only class is what has the keypoints."""
    keypoints_file_path: str | None = None
    """Read for compatibility: it is for a deployed application."""
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
    crop_persons: bool = False
    """One sample a person: each picture is cut around the box of each person who has a labelled
    keypoint, in training, calibration and evaluation; a prediction takes pictures whole. For sets
    of several persons a picture (`conversion.pose: multi`)."""
    crop_margin: Annotated[Number, Field(ge=0, le=2)] = 0.125
    """What a crop shows beyond the box on each side, as a share of the box's width and height. It
    is then widened to the shape of the model's input; beyond the picture it is black."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] = 123
    """Seed of the shuffle before a set is split."""
    fraction: Fraction = 1.0
    """Share of the training set that is trained on, for a quick try; chosen by `seed`."""


class Conversion(Section):
    """A set in COCO keypoint format to convert first.

    Its result becomes the training and validation path where these are not set.
    """

    path: str
    """Folder or URI with pictures and COCO keypoint annotations, as COCO is unzipped, or as CVAT,
    Roboflow, Label Studio and others export them."""
    pose: Pose = "single"
    """`single` keeps pictures of exactly one person, `multi` all with at least one."""
    category: str | None = None
    """Name or id of the category to convert; needed where several categories have keypoints."""
    min_keypoints: Annotated[Integer, Field(ge=0, le=MOST_KEYPOINTS)] = 0
    """Persons with fewer labelled keypoints are left out."""
    min_size: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Persons whose box is smaller are left out; the square root of the box's share of the
    picture."""
    fraction: Fraction = 1.0
    """Share of the pictures with persons that is converted, for a quick try."""
    verify: bool = False
    """Decode each picture to find damage within it. Otherwise its header and its end are
    looked at."""
    outputdir: str = "./datasets"
    """Where the converted set is written: `<outputdir>/<pose>/<N>kpts/<train|val>/`. A set that was
    made from another source is not replaced."""
