"""The keypoint sets: names, mirror pairs, bones and OKS constants; and when a point is labelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_CAMEL, _WORDS = re.compile(r"(?<=[^\W\d_])(?<![A-Z])(?=[A-Z])"), re.compile(r"[^\W_]+")
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
_SHOWN = 300
DEFAULT_SIGMA = 0.05
"""OKS constant of a keypoint that nothing is known of: between COCO's of an eye and of a hip."""
LABELLED_FROM = 0.5
"""Least visibility of a labelled keypoint, in every format that is read.

COCO writes 1 (labelled, hidden) and 2 (visible). Labels that a model made have its confidence
there: a point counts where the model held it for more likely right than wrong.
"""


def labelled(visibility: Any) -> Any:
    """Return where keypoints are labelled, from their visibility; arrays element by element."""
    return visibility >= LABELLED_FROM


@dataclass(frozen=True)
class KeypointSet:
    """A convention of keypoints.

    Attributes:
        names: Names in order.
        skeleton: Pairs of indices to draw a bone between.
        sigmas: OKS constant σ of each keypoint, as a share of the object's scale.
        pairs: Indices of left and right partners, which a mirrored picture swaps.
        colours: Colour of each keypoint as `#rrggbb`; empty: by left and right.
        named: Whether the set says what they are; otherwise only their number is known, and the
            names are a guess.
    """

    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    colours: tuple[str, ...] = ()
    named: bool = True

    def __post_init__(self) -> None:
        """Make sure that the parts fit each other.

        Raises:
            ValueError: They do not.
        """
        places = range(len(self.names))
        if not places or len(self.sigmas) != len(places):
            raise ValueError("a keypoint set has at least one keypoint, and a sigma for each")
        if len(self.colours) not in (0, len(places)):
            raise ValueError("a keypoint set has no colours, or one for each keypoint")
        if not all(re.fullmatch("#[0-9A-Fa-f]{6}", colour) for colour in self.colours):
            raise ValueError("the colours of a keypoint set are written as #rrggbb")
        if any(place not in places for pair in (*self.skeleton, *self.pairs) for place in pair):
            raise ValueError(
                "a bone or a pair of a keypoint set names a keypoint that is not there"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        shown = ", ".join(self.names) if self.named else "without names"
        return f"{len(self)} keypoints ({shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'})"

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """Index of each keypoint's mirror partner; itself where it has none."""
        partners = list(range(len(self)))
        for a, b in self.pairs:
            partners[a], partners[b] = b, a
        return tuple(partners)

    @cached_property
    def sides(self) -> tuple[str, ...]:
        """`left`, `right` or nothing for each keypoint, by its name."""
        return tuple(side_of(name)[0] for name in self.names)

    def fits(self, other: KeypointSet) -> bool:
        """Return whether keypoints of both sets are the same, as far as their names are known."""
        if not (self.named and other.named):
            return len(self) == len(other)
        return [n.lower() for n in self.names] == [n.lower() for n in other.names]


def side_of(name: str) -> tuple[str, str]:
    """Return the side that a name speaks of and the rest in one spelling.

    `Left Eye`, `l_eye`, `leftEye` and `eye-left` are all (`left`, `eye`); a name with no side or
    with two has an empty one.
    """
    words = _WORDS.findall(_CAMEL.sub(" ", name).lower())
    sides = [_SIDES[word] for word in words if word in _SIDES]
    if len(sides) != 1:
        return "", "".join(words)
    return sides[0], "".join(word for word in words if word not in _SIDES)


def canonical(name: str) -> str:
    """Return a name in one spelling: `Left Eye`, `l_eye` and `eye-left` are all `lefteye`."""
    return "".join(side_of(name))


def pairs_by_name(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the indices of left and right partners, as the names show them."""
    places = {side_of(name): place for place, name in enumerate(names)}
    return tuple(
        (place, places["right", rest])
        for (side, rest), place in places.items()
        if side == "left" and ("right", rest) in places
    )


_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY_NAMES = tuple(f"{side}_{part}" for part in _BODY for side in ("left", "right"))
# COCO's constants, cocodataset.org/#keypoints-eval.
_BODY_SIGMAS = tuple(s for s in (0.079, 0.072, 0.062, 0.107, 0.087, 0.089) for _ in range(2))
_BODY_BONES = (
    (0, 1),
    (0, 2),
    (2, 4),
    (1, 3),
    (3, 5),
    (0, 6),
    (1, 7),
    (6, 7),
    (6, 8),
    (8, 10),
    (7, 9),
    (9, 11),
)

_PERSON_NAMES = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_BODY_NAMES)
PERSON_17 = KeypointSet(
    names=_PERSON_NAMES,
    skeleton=(
        *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
        *((a + 5, b + 5) for a, b in _BODY_BONES),
    ),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, *_BODY_SIGMAS),
    pairs=pairs_by_name(_PERSON_NAMES),
)

PERSON_13 = KeypointSet(
    names=("head", *_BODY_NAMES),
    skeleton=((0, 1), (0, 2), *((a + 1, b + 1) for a, b in _BODY_BONES)),
    sigmas=(0.035, *_BODY_SIGMAS),
    pairs=pairs_by_name(("head", *_BODY_NAMES)),
)

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_JOINTS = tuple(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5))
_HAND_BONES = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)
# COCO-WholeBody's constants, arXiv:2007.11858.
_HAND_SIGMAS = (
    0.029,
    *(0.022, 0.035, 0.037, 0.047),
    *(0.026, 0.025, 0.024, 0.035),
    *(0.018, 0.024, 0.022, 0.026),
    *(0.017, 0.021, 0.021, 0.032),
    *(0.02, 0.019, 0.022, 0.031),
)
HAND_21 = KeypointSet(names=("wrist", *_JOINTS), skeleton=_HAND_BONES, sigmas=_HAND_SIGMAS)

_FEET = ("left_big_toe", "left_small_toe", "left_heel")
_FOOT_NAMES = (*_FEET, *(name.replace("left", "right") for name in _FEET))
_FOOT_BONES = tuple((ankle, toe + side) for ankle, side in ((15, 17), (16, 20)) for toe in range(3))
_FACE_SIGMAS = (
    *(0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020),
    *(0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041, 0.045),
    *(0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015),
    *(0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.010),
    *(0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034),
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007),
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.01, 0.008),
)
# Rows of landmarks that mirror onto themselves from both ends, as in the 68 points of iBUG 300-W.
_FACE_ROWS = (
    *(range(17), range(17, 27), range(31, 36), range(48, 55), range(55, 60), range(60, 65)),
    *(range(65, 68), (36, 37, 38, 39, 42, 43, 44, 45), (41, 40, 47, 46)),
)
_FACE_PAIRS = tuple((row[i], row[-1 - i]) for row in _FACE_ROWS for i in range(len(row) // 2))
_HANDS = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("hand_root", *_JOINTS))
_WHOLE_BODY_NAMES = (*_PERSON_NAMES, *_FOOT_NAMES, *(f"face-{i}" for i in range(68)), *_HANDS)
WHOLE_BODY_133 = KeypointSet(
    names=_WHOLE_BODY_NAMES,
    skeleton=(
        *PERSON_17.skeleton,
        *_FOOT_BONES,
        *((start + a, start + b) for start in (91, 112) for a, b in _HAND_BONES),
    ),
    sigmas=(
        *PERSON_17.sigmas,
        *(0.068, 0.066, 0.066, 0.092, 0.094, 0.094),
        *_FACE_SIGMAS,
        *_HAND_SIGMAS,
        *_HAND_SIGMAS,
    ),
    pairs=tuple(
        sorted((*pairs_by_name(_WHOLE_BODY_NAMES), *((23 + a, 23 + b) for a, b in _FACE_PAIRS)))
    ),
)

KNOWN = {len(points): points for points in (PERSON_13, PERSON_17, HAND_21, WHOLE_BODY_133)}
"""The sets that a number stands for."""


def default_sigmas(names: Sequence[str]) -> tuple[float, ...]:
    """Return COCO's constant for each name that is one of COCO's, else `DEFAULT_SIGMA`."""
    known = {
        side_of(name): sigma
        for points in (WHOLE_BODY_133, PERSON_13)
        for name, sigma in zip(points.names, points.sigmas, strict=True)
        if not name.startswith("face-")
    }
    return tuple(known.get(side_of(name), DEFAULT_SIGMA) for name in names)
