"""A set converted by several tasks: what each of them does, and what makes a set of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import Config
from poseline.data.portions import Portion, join
from poseline.data.set_folder import SetFolder
from poseline.errors import ConfigError, Problem, StoreError
from poseline.stages import convert_portion
from poseline.store.outline import outline
from poseline.store.uri import parse
from poseline.tasks.parameters import Share

MOST_PARTS = 256
_SOURCE = "the form"
_NOT_PICTURES = (".json", ".yaml", ".yml", ".txt")
"""How the names of annotation files, of a set's file, and of labels end."""


def shares(
    dataset: str, output: str, parts: int, pose: str, keypoints: int, category: str
) -> list[Share]:
    """Return what each task converts.

    Args:
        dataset: URI of the set.
        output: URI that the shards are put to.
        parts: How many tasks there are.
        pose: `single` or `multi`.
        keypoints: How many; 0: those that the set defines.
        category: Name or id; empty: the one that has keypoints.

    Raises:
        ConfigError: A setting is wrong.
        StoreError: The set is not there.
    """
    problems = [
        Problem(name, repr(value), accepted)
        for name, value, accepted, right in (
            ("dataset", dataset, "where the set is, such as s3://bucket/coco", bool(dataset)),
            ("output", output, "s3://bucket/folder: tasks share no disk", _on_s3(output)),
            ("parts", parts, f"1 to {MOST_PARTS}", 1 <= parts <= MOST_PARTS),
        )
        if not right
    ]
    if problems:
        raise ConfigError(problems, _SOURCE)
    conversion = {"path": dataset, "pose": pose, "outputdir": output} | (
        {"category": category} if category else {}
    )
    config: dict[str, Any] = {"dataset": {"keypoints": keypoints or None}, "conversion": conversion}
    _checked(config)
    content = store.listing_hash(dataset)
    return [
        Share(
            part=f"{number}/{parts}",
            config=config,
            source=dataset,
            content=content,
            place=output.rstrip("/"),
        )
        for number in range(1, parts + 1)
    ]


def convert_part(share: Share) -> dict[str, dict[str, int]]:
    """Convert the part of a task; return split to counts.

    Raises:
        DataError: The set cannot be read.
        StoreError: It has changed, cannot be fetched, or the shards cannot be put.
    """
    if store.listing_hash(share.source) != share.content:
        raise StoreError(
            f"{share.source} has changed since the conversion began", "start the conversion again"
        )
    portion = Portion.read(share.part)
    with _folder_of(share.source) as source:
        return convert_portion.run(
            _checked(share.config), source, share.place, portion, share.content
        )


def joined(shares: Sequence[Share]) -> tuple[str, dict[str, dict[str, int]]]:
    """Write the index of the set; return its URI, and split to counts.

    Raises:
        DataError: No picture was kept.
        StoreError: Parts are missing, or were made from different sets or settings.
    """
    place = shares[0].place
    return place, join(place)


@contextmanager
def _folder_of(uri: str) -> Iterator[SetFolder]:
    """Give a set as a folder; of one that is elsewhere, pictures come when they are converted."""
    place = parse(uri)
    if place.scheme != "s3":
        yield SetFolder(store.fetch(uri))
        return
    with TemporaryDirectory() as folder:
        outline(uri, Path(folder), lambda name: name.lower().endswith(_NOT_PICTURES))
        yield SetFolder(Path(folder), remote=uri.rstrip("/"))


def _checked(config: dict[str, Any]) -> Config:
    return from_slice(config)


def _on_s3(uri: str) -> bool:
    return bool(uri) and parse(uri).scheme == "s3"
