"""One part of a set converted, its shards put where `data.portions.join` finds them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from poseline.config.models.config import Config
from poseline.data import portions
from poseline.data.portions import Portion, Record
from poseline.stages import convert
from poseline.store import writable


def run(config: Config, source: Path, place: str, portion: Portion) -> dict[str, dict[str, int]]:
    """Convert a part of each split of a set.

    Args:
        config: As `stages.convert.run` takes it.
        source: Folder of the set.
        place: Folder or URI of the packed set, the same for all parts.
        portion: The part.

    Returns:
        Split to counts: `kept`, and what was left out by reason.

    Raises:
        DataError: The source is no such set, or its keypoints do not hold those that are wanted.
        StoreError: It cannot be put there.
    """
    writable(place)
    with TemporaryDirectory() as scratch:
        made = convert.run(config, {"source": source}, Path(scratch) / "set", portion=portion)
        counts: dict[str, dict[str, int]] = made.summary["counts"]
        known = convert.made_from(config, source)
        for split, each in counts.items():
            record = Record(made_from=known, counts=each, index=None)
            portions.put(made.out / split, f"{place}/{split}", portion, record)
    return counts
