"""Which pictures of a split a conversion takes, and what their files are called."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from poseline.data.coco import Annotations


class Chosen(NamedTuple):
    """A picture that is taken: its name, and that of its files without their suffix."""

    name: str
    stem: str


def choose(annotations: Annotations, fraction: float) -> list[Chosen]:
    """Return the pictures to convert, the same each time, in their order.

    Args:
        annotations: Of a split.
        fraction: Share of the pictures with a person that is taken; 1: all pictures.
    """
    names = annotations.names
    if fraction < 1:
        names = [name for name in names if annotations.picture(name).persons]
        count = min(max(round(len(names) * fraction), 1), len(names))
        places = random.Random(0).sample(range(len(names)), count)  # noqa: S311  not secret
        names = [names[place] for place in sorted(places)]
    return [Chosen(*each) for each in zip(names, _stems(names), strict=True)]


def in_order_of_files(chosen: Sequence[Chosen]) -> list[Chosen]:
    """Return pictures in the order in which the files of a converted set are sorted."""
    return sorted(chosen, key=lambda each: f"{each.stem}.")


def _stems(names: Iterable[str]) -> list[str]:
    """Return a file stem for each picture; equal stems of two folders get the folder's name."""
    taken: set[str] = set()
    stems = []
    for name in names:
        stem = PurePosixPath(name).stem
        if stem in taken:
            stem = str(PurePosixPath(name).with_suffix("")).replace("/", "_")
        while stem in taken:
            stem += "_"
        taken.add(stem)
        stems.append(stem)
    return stems
