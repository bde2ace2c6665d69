"""One sample a person: what is seen of a picture around each person's box.

The frame is the box, widened by a margin on each side and then brought to the shape of the model's
input about its centre, so that nothing is distorted. What it shows beyond the picture is black, as
what `padding` adds. Labels and positions are those of the frame, as if it were the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poseline.data.yolo import Crop, Poses, Sample, read_label
from poseline.errors import DataError
from poseline.log import get_logger

Size = tuple[int, int]
_log = get_logger(__name__)


@dataclass(frozen=True)
class Frame:
    """A rectangle of a picture in whole pixels; it may reach beyond the picture.

    Attributes:
        left: First column.
        top: First row.
        width: Columns.
        height: Rows.
        picture_size: Width and height of the picture.
    """

    left: int
    top: int
    width: int
    height: int
    picture_size: Size

    @classmethod
    def around(
        cls,
        box: NDArray[np.float32],
        picture_size: Size,
        input_size: Size,
        margin: float,
    ) -> Frame:
        """Return the frame of a person.

        Args:
            box: (4,): centre x, centre y, width and height as shares of the picture.
            picture_size: Width and height in px.
            input_size: Height and width of the model's input.
            margin: What is added on each side, as a share of the box's width and height.
        """
        scale = np.array(picture_size, np.float64)
        centre = box[:2] * scale
        width, height = np.maximum(box[2:] * scale * (1 + 2 * margin), 1)
        ratio = input_size[1] / input_size[0]
        width, height = max(width, height * ratio), max(height, width / ratio)
        size = np.rint([width, height])
        left, top = np.rint(centre - size / 2).astype(int).tolist()
        return cls(left, top, int(size[0]), int(size[1]), picture_size)

    @classmethod
    def whole(cls, picture_size: Size) -> Frame:
        """Return the frame that is the picture itself."""
        return cls(0, 0, *picture_size, picture_size)

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels (height, width, C) of the frame."""
        rows, columns = picture.shape[:2]
        top, bottom = max(self.top, 0), min(self.top + self.height, rows)
        left, right = max(self.left, 0), min(self.left + self.width, columns)
        if (bottom - top, right - left) == (self.height, self.width):
            return picture[top:bottom, left:right]
        seen = np.zeros((self.height, self.width, picture.shape[2]), np.uint8)
        rest = seen[top - self.top : bottom - self.top, left - self.left : right - self.left]
        rest[:] = picture[top:bottom, left:right]
        return seen

    def of(self, poses: Poses, person: int) -> Poses:
        """Return one person of a picture in shares of the frame.

        Keypoints outside of the frame become unlabelled.
        """
        scale, origin = np.array(self.picture_size, np.float64), np.array([self.left, self.top])
        size = np.array([self.width, self.height], np.float64)
        box, points = poses.boxes[person].astype(np.float64), poses.keypoints[person].copy()
        places = (points[:, :2] * scale - origin) / size
        points[:, :2] = places
        points[:, 2] *= ((places >= 0) & (places <= 1)).all(axis=1)
        points[points[:, 2] == 0] = 0
        centre = (box[:2] * scale - origin) / size
        moved = np.concatenate([centre, box[2:] * scale / size])
        return Poses(moved[None].astype(np.float32), points[None])


def seen(
    sample: Sample, picture: NDArray[np.uint8], keypoints: int, input_size: Size
) -> NDArray[np.uint8]:
    """Return what a sample shows of its picture: all of it, or a person's frame.

    Args:
        sample: The sample.
        picture: The pixels (H, W, C) of its picture.
        keypoints: Keypoints of a pose.
        input_size: Height and width of the model's input.

    Raises:
        DataError: Its label cannot be read.
    """
    if sample.crop is None:
        return picture
    box = read_label(sample.label, keypoints).boxes[sample.crop.person]
    size = picture.shape[1], picture.shape[0]
    return Frame.around(box, size, input_size, sample.crop.margin).cut(picture)


def cropped(samples: Sequence[Sample], keypoints: int, margin: float) -> list[Sample]:
    """Return a sample for each person who has a labelled keypoint and a box, and log the count.

    Args:
        samples: Pictures with any number of persons.
        keypoints: Keypoints of a pose.
        margin: As `Frame.around`.

    Raises:
        DataError: A label cannot be read, or the person is not in it.
    """
    persons, found = 0, []
    for sample in samples:
        poses = read_label(sample.label, keypoints)
        persons += len(poses)
        usable = (poses.keypoints[..., 2] > 0).any(axis=1) & (poses.boxes[:, 2:] > 0).all(axis=1)
        found += [replace(sample, crop=Crop(int(i), margin)) for i in np.flatnonzero(usable)]
    if not found:
        raise DataError(
            f"none of the {persons} persons in {len(samples)} pictures has a labelled keypoint",
            "convert the set again, or set dataset.crop_persons to False",
        )
    _log.info(
        "persons cropped",
        pictures=len(samples),
        persons=len(found),
        without_keypoints=persons - len(found),
    )
    return found
