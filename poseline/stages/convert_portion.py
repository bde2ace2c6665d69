"""One part of a set converted into shards of its own, which `data.portions.join` makes a set of.

A picture goes from its file into a shard, and a shard to its place once it is full, so that
neither memory nor disk grow with the set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from poseline import store
from poseline.config.models.config import Config, config_hash
from poseline.config.models.dataset import Conversion
from poseline.data.coco import Annotations
from poseline.data.coco_layout import Part
from poseline.data.conversion_source import read_source
from poseline.data.picture_batches import converted
from poseline.data.picture_choice import choose
from poseline.data.picture_conversion import Kept, PictureConverter
from poseline.data.picture_placing import stored
from poseline.data.portions import Portion, Record, put_record
from poseline.data.set_folder import SetFolder
from poseline.data.shard_index import Index, Shard
from poseline.data.shard_writing import PackedSample, write_shards
from poseline.progress import tracked

_BATCH = 4
"""Pictures that are handed to a thread at once; they are in memory until they are packed."""


def run(
    config: Config,
    source: SetFolder,
    place: str,
    portion: Portion,
    content: str,
    *,
    jobs: int | None = None,
) -> dict[str, dict[str, int]]:
    """Convert a part of each split of a set.

    Args:
        config: Its `conversion` and `dataset.keypoints`.
        source: The set.
        place: Folder or URI of the packed set, the same for all parts.
        portion: The part; it may come to nothing.
        content: What the content of the set is known by, the same for all parts.
        jobs: As `data.picture_batches.converted` takes it.

    Returns:
        Split to counts: `kept`, and what was left out by reason.

    Raises:
        DataError: The source is no such set, or its keypoints do not hold those that are wanted.
        StoreError: It cannot be put there, or pictures of the source cannot be fetched.
    """
    store.writable(place)
    settings = config.conversion or Conversion(path=str(source.root))
    made_from = config_hash(config.slice("convert")) + content
    counts: dict[str, dict[str, int]] = {}
    for part, labels in read_source(source, config.dataset.keypoints, settings.category):
        work = _Packing(part, labels, settings, portion)
        index = work.into(f"{place}/{part.split}", jobs)
        counts[part.split] = {"kept": 0, **work.counts}
        record = Record(made_from=made_from, counts=counts[part.split], index=index)
        put_record(record, f"{place}/{part.split}", portion)
    return counts


class _Packing:
    """The part of a split on its way into shards; counts what becomes of its pictures."""

    def __init__(
        self, part: Part, annotations: Annotations, settings: Conversion, portion: Portion
    ) -> None:
        self.part, self.annotations, self.settings = part, annotations, settings
        self.portion, self.counts, self._persons = portion, Counter[str](), 0
        every = choose(annotations, settings.fraction)
        if portion.number == 1:  # what no part has is counted once
            self.counts += annotations.dropped
            self.counts["not_in_fraction"] += len(annotations.names) - len(every)
        # By the names that they get, so that the parts in order are sorted as the whole is.
        self._chosen = portion.cut(every.in_order_of_files())

    def into(self, place: str, jobs: int | None) -> Index | None:
        """Write the shards and put each where it belongs; None where no picture is kept."""
        points = self.annotations.points
        with TemporaryDirectory() as scratch:
            shards = list(self._shards(Path(scratch), place, jobs))
        if not shards:
            return None
        return Index(
            keypoints=len(points),
            points=points if points.named else None,
            pictures=self.counts["kept"],
            persons=self._persons,
            shards=tuple(shards),
        )

    def _shards(self, scratch: Path, place: str, jobs: int | None) -> Iterator[Shard]:
        def name(number: int) -> str:
            return f"{self.portion.name}-{number:05d}.tar"

        for shard in write_shards(self._samples(jobs), scratch, name):
            store.publish(scratch / shard.name, f"{place}/{shard.name}", progress=False)
            (scratch / shard.name).unlink()
            yield shard

    def _samples(self, jobs: int | None) -> Iterator[PackedSample]:
        converter = PictureConverter(self.part, self.settings, self.annotations.order, _packed)
        work = converted(self._chosen, self.annotations, converter, jobs=jobs, batch=_BATCH)
        for _, each in tracked(work, len(self._chosen), f"convert {self.part.split}"):
            self.counts.update(each.count)
            if each.made:
                sample, persons = each.made
                self._persons += persons
                yield sample


def _packed(kept: Kept) -> tuple[PackedSample, int]:
    """Return a picture as it is packed, and how many persons are on it."""
    image = stored(kept.content, kept.info, turned=kept.turned)
    return PackedSample(f"{kept.stem}.jpg", image, kept.label), kept.persons
