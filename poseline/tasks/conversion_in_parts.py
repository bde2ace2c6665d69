"""A set converted by several tasks: what each of them does, and what makes a set of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import Config
from poseline.data.portions import Portion, join
from poseline.errors import ConfigError, Problem
from poseline.runner.step import local_input
from poseline.stages import convert_portion
from poseline.store.uri import parse
from poseline.tasks.parameters import Share

MOST_PARTS = 256
_SOURCE = "the form"


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
        StoreError: It cannot be fetched, or the shards cannot be put.
    """
    source = local_input(share.source)
    return convert_portion.run(
        _checked(share.config), source, share.place, Portion.read(share.part)
    )


def joined(shares: Sequence[Share]) -> tuple[str, dict[str, dict[str, int]]]:
    """Write the index of the set; return its URI, and split to counts.

    Raises:
        DataError: No picture was kept.
        StoreError: Parts are missing, or were made from different sets or settings.
    """
    place = shares[0].place
    return place, join(place)


def _checked(config: dict[str, Any]) -> Config:
    return from_slice(config)


def _on_s3(uri: str) -> bool:
    return bool(uri) and parse(uri).scheme == "s3"
