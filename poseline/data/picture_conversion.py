"""One picture of a COCO set becomes a picture and a label of a YOLO set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import BinaryIO

from poseline.config.models.dataset import Conversion
from poseline.data.coco import Picture
from poseline.data.coco_layout import Part
from poseline.data.coco_poses import is_crowd, to_poses
from poseline.data.image_header import JpegInfo, probe_open
from poseline.data.keypoint_names import KeypointOrder
from poseline.data.picture_placing import DamagedError, UnwritableError, check_pixels, place, write
from poseline.data.regular_file import open_regular
from poseline.data.yolo import Person, format_label
from poseline.errors import DataError
from poseline.store.manifest import FileEntry


@dataclass(frozen=True)
class Converted:
    """What became of a picture.

    Attributes:
        count: `kept` 1, or the reason why the picture is not; and what was left out of it.
        files: The files that were written, by name.
    """

    count: Counter[str]
    files: dict[str, FileEntry] = field(default_factory=dict)


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

    def convert(self, picture: Picture, stem: str) -> Converted:
        """Convert one picture; what is there of an earlier attempt is not copied again.

        Its file is opened once: the header and the end show whether it is a whole picture, and
        nothing else of one that is left out is read.

        Args:
            picture: Its annotations.
            stem: Name of the files to write, without their suffix.

        Raises:
            DataError: It cannot be written.
        """
        people = sum(not is_crowd(person) for person in picture.persons)
        if not people:
            return Converted(Counter(no_person=1, crowd=len(picture.persons)))
        if self.settings.pose == "single" and people != 1:
            return Converted(Counter(several_persons=1))
        name = self.part.locate(picture.name)
        if name is None:
            return Converted(Counter(missing=1))
        source = self.part.root / name
        try:
            with open_regular(source) as (file, size):
                info = probe_open(file, size, source)
                return self._read(file, info, picture, stem)
        except (DataError, DamagedError):
            return Converted(Counter(corrupt=1))
        except UnwritableError as error:
            raise DataError(
                f"{self.folder / stem}.* cannot be written: {error}",
                "check the room on the disk and who may write there",
            ) from None

    def _read(self, file: BinaryIO, info: JpegInfo, picture: Picture, stem: str) -> Converted:
        count: Counter[str] = Counter()
        turned, size = _as_labelled(info, picture, count)
        if size is None:
            return Converted(count)
        poses = self._large_enough(to_poses(picture.persons, size, self.order, count), count)
        if not poses:
            return Converted(count)
        if not any(v for _, points in poses for _, _, v in points):
            count["no_visible_keypoints"] += 1
            return Converted(count)
        file.seek(0)
        content = file.read()
        if self.settings.verify and info.is_jpeg:
            check_pixels(content)
        image, label = f"{stem}.jpg", f"{stem}.txt"
        files = {
            image: place(file, content, self.folder / image, info, turned=turned),
            label: write(self.folder / label, format_label(poses).encode()),
        }
        count["kept"] += 1
        return Converted(count, files)

    def _large_enough(self, persons: list[Person], count: Counter[str]) -> list[Person]:
        """Leave out persons below the least size and number of keypoints."""
        kept = []
        for person in persons:
            (_, _, width, height), points = person
            if sqrt(width * height) < self.settings.min_size:
                count["small"] += 1
            elif sum(v for _, _, v in points) < self.settings.min_keypoints:
                count["few_keypoints"] += 1
            else:
                kept.append(person)
        return kept


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
