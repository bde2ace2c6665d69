"""A COCO set converted and packed, where training reads it from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poseline import store
from poseline.config.models.config import Config, config_hash
from poseline.config.models.keypoints import count_of
from poseline.config.models.steps import Step
from poseline.data.pack import pack, put
from poseline.data.shard_index import INDEX, Index
from poseline.log import get_logger
from poseline.runner.step import run_task
from poseline.store.manifest import write_atomic
from poseline.store.uri import parse

_PARTS = ("train", "val")
_log = get_logger(__name__)


@dataclass(frozen=True)
class ConvertedDataset:
    """A packed set.

    Attributes:
        parts: `train`, `val`, those that there are.
        place: URI of the folder that holds them; None: the artifact.
        shown: What is worth showing: pictures, persons, shards and MB of each part.
    """

    parts: tuple[str, ...]
    place: str | None = None
    shown: dict[str, Any] = field(default_factory=dict)

    def uri(self, part: str, artifact: str) -> str:
        """Return the URI of a part.

        Args:
            part: One of `parts`.
            artifact: URI of the artifact.
        """
        return f"{self.place or artifact}/{part}"


def convert_and_pack(config: Config, source: str, content: str, out: str) -> ConvertedDataset:
    """Convert a COCO set and pack it into shards.

    Args:
        config: The convert slice. Where its `conversion.outputdir` is on S3, the shards are put
            there, in a folder named by what they were made from, and are not made again; `out`
            then gets their indices alone.
        source: Folder or URI of the COCO set.
        content: What the content of the source is known by.
        out: Folder for the shards.

    Raises:
        DataError: The source is not a COCO set, or nothing of it can be used.
        StoreError: It cannot be fetched, or the shards cannot be put.
    """
    place = _place(config, content)
    if place and (found := _there(place)):
        _log.info("unchanged, taken as it is", place=place)
        return _shown(found, place, Path(out))
    with tempfile.TemporaryDirectory() as scratch:
        converted = run_task(
            Step("convert", "convert"), config, {"source": source}, Path(scratch) / "converted"
        ).out
        target = Path(scratch) / "packed" if place else Path(out)
        parts = tuple(part for part in _PARTS if any((converted / part).glob("*.txt")))
        indices = {part: pack(converted / part, target / part) for part in parts}
        for part in reversed(parts if place else ()):  # train last: it says that the set is whole
            put(target / part, f"{place}/{part}")
    return _shown(indices, place, Path(out))


def _place(config: Config, content: str) -> str | None:
    conversion = config.conversion
    if conversion is None or parse(conversion.outputdir).scheme != "s3":
        return None
    known = config_hash({"slice": config.slice("convert"), "content": content})[:16]
    keypoints = config.dataset.keypoints
    kind = f"{conversion.pose}/{count_of(keypoints) if keypoints else ''}kpts"
    return f"{conversion.outputdir.rstrip('/')}/{kind}/{known}"


def _there(place: str) -> dict[str, Index]:
    """Return the indices of a set that an earlier run put there, once it is whole."""
    uris = {part: f"{place}/{part}/{INDEX}" for part in _PARTS}
    found = {
        part: Index.read(store.fetch(uri, progress=False))
        for part, uri in uris.items()
        if store.exists(uri)
    }
    return found if "train" in found else {}


def _shown(indices: Mapping[str, Index], place: str | None, out: Path) -> ConvertedDataset:
    shown: dict[str, Any] = {"uri": place} if place else {}
    for part, index in indices.items():
        if place:
            write_atomic(out / part / INDEX, index.model_dump_json() + "\n")
        shown |= {
            f"{part}_pictures": index.pictures,
            f"{part}_persons": index.persons,
            f"{part}_shards": len(index.shards),
            f"{part}_mb": round(sum(shard.size for shard in index.shards) / 1e6, 1),
            "keypoints": index.keypoints,
        }
    return ConvertedDataset(tuple(indices), place, shown)
