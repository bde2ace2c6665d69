"""Pairs of least and most, written as `(0.1, 0.3)` or as one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from poseline.config.models.base import Tuple
from poseline.config.models.constraints import Rule, also, unit
from poseline.config.models.literals import parse_value


def _read_one(pair: Callable[[float], tuple[float, float]]) -> BeforeValidator:
    """Return what reads a single number as a pair; anything else stays as it is."""

    def read(value: Any) -> Any:
        value = parse_value(value) if isinstance(value, str) else value
        single = isinstance(value, int | float) and not isinstance(value, bool)
        return pair(value) if single else value

    return BeforeValidator(read)


_SYMMETRIC = _read_one(lambda f: (-abs(f), abs(f)))
_SAME = _read_one(lambda n: (n, n))
_FROM_NOTHING = _read_one(lambda f: (0, f))
_ORDERED = Rule(
    "the first value must not be above the second",
    lambda pair: pair[0] <= pair[1],
    "size(self) != 2 || self[0] <= self[1]",
)
Share = Annotated[float, Field(ge=-1, le=1)]
Positive = Annotated[float, Field(gt=0, le=1)]
Pixels = Annotated[int, Field(ge=1, le=64)]
_PAIR = (Tuple, _ORDERED, also("number"))
Factor = Annotated[tuple[Share, Share], _SYMMETRIC, *_PAIR]
Shear = Annotated[
    tuple[Annotated[float, Field(ge=-0.7, le=0.7)], Annotated[float, Field(ge=-0.7, le=0.7)]],
    _SYMMETRIC,
    *_PAIR,
    unit("radians"),
]
Zoom = Annotated[
    tuple[Annotated[float, Field(ge=-0.9, le=4)], Annotated[float, Field(ge=-0.9, le=4)]],
    _SYMMETRIC,
    *_PAIR,
]
Gamma = Annotated[
    tuple[Annotated[float, Field(gt=0, le=10)], Annotated[float, Field(gt=0, le=10)]],
    _SAME,
    *_PAIR,
]
Strength = Annotated[
    tuple[Annotated[float, Field(ge=0, le=10)], Annotated[float, Field(ge=0, le=10)]],
    _FROM_NOTHING,
    *_PAIR,
]
Bits = Annotated[
    tuple[Annotated[int, Field(ge=1, le=8)], Annotated[int, Field(ge=1, le=8)]],
    _SAME,
    *_PAIR,
    unit("bits"),
]
Noise = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]],
    _FROM_NOTHING,
    *_PAIR,
]
Part = Annotated[tuple[Positive, Positive], _SAME, *_PAIR]
Ratio = Annotated[
    tuple[Annotated[float, Field(ge=0.01, le=100)], Annotated[float, Field(ge=0.01, le=100)]],
    _SAME,
    *_PAIR,
]
Count = Annotated[
    tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]],
    _SAME,
    *_PAIR,
]
Window = Annotated[tuple[Pixels, Pixels], _SAME, *_PAIR, unit("px")]
