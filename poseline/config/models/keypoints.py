"""`dataset.keypoints`: a known set by its number, or a set of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from poseline.config.models.base import Number, Section, whole
from poseline.config.models.constraints import Rule, also

MOST_KEYPOINTS = 133
"""As many as COCO-WholeBody has, the largest set in use."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Pair = tuple[Name, Name]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
Sigma = Annotated[Number, Field(gt=0, le=1)]


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, int | float | str) else value


def _known(pairs: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    return all(a in names and b in names and a != b for a, b in pairs)


class KeypointDefinition(Section):
    """A keypoint set of one's own.

    In `skeleton` and `pairs` a keypoint is its name, or its place in `names`, counted from 0.
    """

    rules = (
        Rule(
            "`names`: each name once",
            lambda own: len({name.lower() for name in own.names}) == len(own.names),
        ),
        Rule(
            "`skeleton`: pairs of two different keypoints of `names`",
            lambda own: _known(own.skeleton, own.names),
        ),
        Rule(
            "`pairs`: a left and a right keypoint of `names` each, none of them twice",
            lambda own: (
                _known(own.pairs or (), own.names)
                and len({n for p in own.pairs or () for n in p}) == 2 * len(own.pairs or ())
            ),
        ),
        Rule(
            "`sigmas`: one number, or one for each of `names`",
            lambda own: len(own.sigmas) in (0, 1, len(own.names)),
        ),
        Rule(
            "`colours`: one for each of `names`",
            lambda own: len(own.colours) in (0, len(own.names)),
        ),
    )

    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_KEYPOINTS)]
    """Names in order; with a COCO set, those of its category that are to be used."""
    skeleton: Annotated[tuple[Pair, ...], Field(max_length=1000)] = ()
    """Pairs of keypoints to draw a bone between."""
    pairs: Annotated[tuple[Pair, ...], Field(max_length=MOST_KEYPOINTS)] | None = None
    """Left and right partners, which change places in a mirrored picture. Not set: found by `left`
    and `right` in the names; `[]`: there are none."""
    sigmas: Annotated[
        tuple[Sigma, ...],
        BeforeValidator(_one_or_more),
        Field(max_length=MOST_KEYPOINTS),
        also("number"),
    ] = ()
    """OKS constant σ, one number or one a keypoint: the spread of careful labels, as a share of the
    square root of the object's area. Not set: COCO's where a name is one of COCO's, else 0.05."""
    colours: Annotated[tuple[Colour, ...], Field(max_length=MOST_KEYPOINTS)] = ()
    """Colours to draw the keypoints in, such as `#ff8800`. Not set: by left and right."""

    @model_validator(mode="before")
    @classmethod
    def _name_places(cls, data: Any) -> Any:
        """Put names in the place of numbers."""
        if not isinstance(data, Mapping) or not isinstance(data.get("names"), list | tuple):
            return data
        names = data["names"]

        def named(item: Any) -> Any:
            place = whole(item) if not isinstance(item, bool) and item not in names else item
            inside = isinstance(place, int) and 0 <= place < len(names)
            return names[place] if inside else item

        def pairs(value: Any) -> Any:
            if not isinstance(value, list | tuple):
                return value
            return [[named(i) for i in p] if isinstance(p, list | tuple) else p for p in value]

        return {k: pairs(v) if k in ("skeleton", "pairs") else v for k, v in data.items()}


def _branch(value: Any) -> str:
    return "[section]" if isinstance(value, Mapping | KeypointDefinition) else "[number]"


def _known_number(value: Any) -> Any:
    if (number := whole(value)) not in (13, 17, 21, 133):
        raise ValueError("13, 17, 21, 133, or a section with the `names` of the keypoints")
    return number


Keypoints = Annotated[
    Annotated[Literal[13, 17, 21, 133], BeforeValidator(_known_number), Tag("[number]")]
    | Annotated[KeypointDefinition, Tag("[section]")],
    Discriminator(_branch),
]
"""A known set by its number, or a definition."""


def count_of(keypoints: int | KeypointDefinition) -> int:
    """Return how many keypoints there are."""
    return len(keypoints.names) if isinstance(keypoints, KeypointDefinition) else keypoints
