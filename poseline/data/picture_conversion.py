"""One picture of a set in COCO's or YOLO-pose's format is looked at, and kept or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from poseline.config.models.dataset import Conversion
from poseline.data.coco import Picture
from poseline.data.coco_layout import Part
from poseline.data.coco_poses import is_crowd, to_poses
from poseline.data.image_header import JpegInfo, info_of
from poseline.data.keypoint_names import KeypointOrder
from poseline.data.picture_placing import DamagedError, UnwritableError, check_pixels
from poseline.data.regular_file import open_regular
from poseline.data.yolo import Person, format_label
from poseline.errors import DataError

T = TypeVar("T")


class Opened(NamedTuple):
    """The file of a picture."""

    file: BinaryIO
    content: bytes
    """What is in it."""
    info: JpegInfo


class Kept(NamedTuple):
    """A picture that is kept."""

    stem: str
    """Name of its files in the new set, without their suffix."""
    file: BinaryIO
    content: bytes
    info: JpegInfo
    turned: bool
    """Whether its pixels are to be turned as EXIF asks for."""
    label: bytes
    persons: int


@dataclass(frozen=True)
class Converted(Generic[T]):
    """What became of a picture.

    Attributes:
        count: `kept` 1, or the reason why the picture is not; and what was left out of it.
        made: What was made of it; None: it was not kept.
    """

    count: Counter[str]
    made: T | None = None


@dataclass(frozen=True)
class PictureConverter(Generic[T]):
    """Converts the pictures of one split.

    Attributes:
        part: Where its pictures are.
        settings: What is kept.
        order: Which of an annotation's keypoints is which of the set's.
        make: What is made of a picture that is kept.
    """

    part: Part
    settings: Conversion
    order: KeypointOrder
    make: Callable[[Kept], T]

    def convert(self, picture: Picture, stem: str) -> Converted[T]:
        """Convert one picture.

        Its file is opened and read once.

        Args:
            picture: Its annotations.
            stem: Name of its files in the new set, without their suffix.

        Raises:
            DataError: What is made of it cannot be written.
            StoreError: It is elsewhere and cannot be fetched.
        """
        people = sum(not is_crowd(person) for person in picture.persons)
        if not people:
            return Converted(Counter(no_person=1, crowd=len(picture.persons)) + picture.dropped)
        if self.settings.pose == "single" and people != 1:
            return Converted(Counter(several_persons=1) + picture.dropped)
        name = self.part.locate(picture.name)
        if name is None:
            return Converted(Counter(missing=1) + picture.dropped)
        source = self.part.folder.path(name)
        count = Counter(picture.dropped)
        try:
            with open_regular(source) as (file, size):
                content = file.read(size)
                opened = Opened(file, content, info_of(content, source))
                kept = self._kept(opened, picture, stem, count)
                return Converted(count, self.make(kept) if kept else None)
        except (DataError, DamagedError):
            return Converted(Counter(corrupt=1) + picture.dropped)
        except UnwritableError as error:
            raise DataError(
                f"{error.path} cannot be written: {error}",
                "check the room on the disk and who may write there",
            ) from None

    def _kept(
        self, opened: Opened, picture: Picture, stem: str, count: Counter[str]
    ) -> Kept | None:
        """Return a picture with its labels where it is kept, and count why it is not."""
        turned, size = _as_labelled(opened.info, picture, count)
        if size is None:
            return None
        poses = self._large_enough(to_poses(picture.persons, size, self.order, count), count)
        if not poses:
            return None
        if not any(v for _, points in poses for _, _, v in points):
            count["no_visible_keypoints"] += 1
            return None
        if self.settings.verify and opened.info.is_jpeg:
            check_pixels(opened.content)
        count["kept"] += 1
        label = format_label(poses).encode()
        return Kept(stem, *opened, turned, label, len(poses))

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
