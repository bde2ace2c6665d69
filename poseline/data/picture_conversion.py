"""One picture of a COCO set becomes a picture and a label of a YOLO set."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from poseline.config.models.dataset import Conversion
from poseline.data.coco import Picture
from poseline.data.coco_layout import Part
from poseline.data.coco_poses import is_crowd, to_poses
from poseline.data.image_header import (
    JpegInfo,
    decodes,
    probe,
    stored,
    upright,
    without_orientation,
)
from poseline.data.keypoint_names import KeypointOrder
from poseline.data.yolo import Poses, format_label
from poseline.errors import DataError


@dataclass(frozen=True)
class PictureConverter:
    """Converts the pictures of one split.

    Attributes:
        part: Where its pictures are.
        folder: Where pictures and labels are written.
        settings: What is kept.
        order: Which of an annotation's keypoints is which of the set's.
    """

    part: Part
    folder: Path
    settings: Conversion
    order: KeypointOrder

    def convert(self, picture: Picture, stem: str) -> Counter[str]:
        """Convert one picture; what is there of an earlier attempt is not copied again.

        Args:
            picture: Its annotations.
            stem: Name of the files to write, without their suffix.

        Returns:
            `kept` 1, or the reason why the picture is not; and what was left out of it.

        Raises:
            DataError: It cannot be written.
        """
        count: Counter[str] = Counter()
        people = sum(not is_crowd(person) for person in picture.persons)
        if not people:
            return Counter(no_person=1, crowd=len(picture.persons))
        if self.settings.pose == "single" and people != 1:
            return Counter(several_persons=1)
        name = self.part.locate(picture.name)
        if name is None:
            return Counter(missing=1)
        source = self.part.root / name
        try:
            info = probe(source)
        except DataError:
            return Counter(corrupt=1)
        turned, size = _as_labelled(info, picture, count)
        if size is None:
            return count
        poses = self._large_enough(to_poses(picture.persons, size, self.order, count), count)
        if not len(poses):
            return count
        if not poses.keypoints[..., 2].any():
            count["no_visible_keypoints"] += 1
            return count
        if self.settings.verify and info.is_jpeg and not decodes(source):
            return Counter(corrupt=1)
        try:
            _place(source, self.folder / f"{stem}.jpg", info, turned=turned)
            _write(self.folder / f"{stem}.txt", format_label(poses).encode())
        except _UndecodableError:
            return Counter(corrupt=1)
        except OSError as error:
            raise DataError(
                f"{self.folder / stem}.* cannot be written: {error.strerror or error}",
                "check the room on the disk and who may write there",
            ) from None
        count["kept"] += 1
        return count

    def _large_enough(self, poses: Poses, count: Counter[str]) -> Poses:
        """Leave out persons below the least size and number of keypoints."""
        small = np.sqrt(poses.boxes[:, 2] * poses.boxes[:, 3]) < self.settings.min_size
        few = poses.keypoints[..., 2].sum(axis=1) < self.settings.min_keypoints
        count["small"] += int(small.sum())
        count["few_keypoints"] += int((few & ~small).sum())
        keep = ~(small | few)
        return Poses(poses.boxes[keep], poses.keypoints[keep])


class _UndecodableError(Exception):
    pass


def _as_labelled(
    info: JpegInfo, picture: Picture, count: Counter[str]
) -> tuple[bool, tuple[float, float] | None]:
    """Compare a picture with the size that its annotations were made for.

    COCO's annotations refer to the stored pixels. Tools that show pictures upright write the size
    that EXIF's rotation gives; then the labels refer to that. A picture that was scaled since has
    its labels in the old size. Where no size is written, the picture's own counts. Shares are those
    of the upright picture.

    Returns:
        Whether the labels refer to the upright picture, and width and height that they are in;
        None where the picture has another shape and so is another one.
    """
    if picture.shares:
        if info.orientation > 1:
            count["turned"] += 1
        return info.orientation > 1, (1.0, 1.0)
    annotated, size = (picture.width, picture.height), (info.width, info.height)
    turned = info.orientation > 4 and annotated == size[::-1] != size
    if turned:
        size = size[::-1]
    if info.orientation > 1:
        count["turned" if turned else "rotation_ignored"] += 1
    if 0 in annotated:
        count["size_from_picture"] += 1
        return turned, size
    if annotated == size:
        return turned, size
    scale = max(annotated[0] / size[0], annotated[1] / size[1])
    if any(abs(a - scale * s) > max(scale, 1) for a, s in zip(annotated, size, strict=True)):
        count["another_size"] += 1
        return turned, None
    if any(abs(a - s) >= 1 for a, s in zip(annotated, size, strict=True)):
        count["scaled"] += 1
    return turned, annotated


def _place(source: Path, target: Path, info: JpegInfo, *, turned: bool) -> None:
    """Put a picture beside its label, without a tag by which a reader would turn it.

    A JPEG is linked or copied; its pixels are written anew only where they are to be turned.
    """
    if turned or not info.is_jpeg:
        _once(target, lambda path: _write(path, _encoded(source, upright if turned else stored)))
    elif info.orientation > 1:
        _once(target, lambda path: _write(path, without_orientation(source)))
    else:
        try:
            os.link(os.path.realpath(source), target)
        except FileExistsError:
            pass  # of the attempt that is gone on with
        except OSError:  # another file system, or one without links
            _once(target, lambda path: shutil.copyfile(source, path))


def _once(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file under its name only when it is whole; not at all where it is there."""
    if target.exists():
        return
    part = target.with_name(f".{target.name}")
    write(part)
    part.replace(target)


def _encoded(source: Path, read: Callable[[Path], Any]) -> bytes:
    try:
        image = read(source)
    except OSError:
        raise _UndecodableError from None
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not ok:
        raise _UndecodableError
    return bytes(data)


def _write(path: Path, content: bytes) -> None:
    """Write a file by one call; a label is written again by an attempt that goes on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)
