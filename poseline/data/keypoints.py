"""The keypoint sets: names, mirror pairs, bones and OKS constants; and when a point is labelled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    """

    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """Index of each keypoint's mirror partner; itself where it has none."""
        swap = {"left": "right", "right": "left"}
        partners = []
        for name in self.names:
            side, _, rest = name.partition("_")
            partners.append(self.names.index(f"{swap[side]}_{rest}" if side in swap else name))
        return tuple(partners)


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

PERSON_17 = KeypointSet(
    names=("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_BODY_NAMES),
    skeleton=(
        *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
        *((a + 5, b + 5) for a, b in _BODY_BONES),
    ),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, *_BODY_SIGMAS),
)

PERSON_13 = KeypointSet(
    names=("head", *_BODY_NAMES),
    skeleton=((0, 1), (0, 2), *((a + 1, b + 1) for a, b in _BODY_BONES)),
    sigmas=(0.035, *_BODY_SIGMAS),
)

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
# COCO-WholeBody's hand constants, arXiv:2007.11858.
HAND_21 = KeypointSet(
    names=("wrist", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5))),
    skeleton=tuple(
        (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
        for finger in range(5)
        for joint in range(4)
    ),
    sigmas=(
        0.029,
        *(0.022, 0.035, 0.037, 0.047),
        *(0.026, 0.025, 0.024, 0.035),
        *(0.018, 0.024, 0.022, 0.026),
        *(0.017, 0.021, 0.021, 0.032),
        *(0.02, 0.019, 0.022, 0.031),
    ),
)

_SETS = {13: PERSON_13, 17: PERSON_17, 21: HAND_21}


def keypoint_set(count: int) -> KeypointSet:
    """Return the set of 13, 17 or 21 keypoints.

    Raises:
        KeyError: There is no set of that size.
    """
    return _SETS[count]
