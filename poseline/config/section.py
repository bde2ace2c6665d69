"""The base of every config section, and the field types that read textual values."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from poseline.config.values import LayerRange, parse_number, parse_range, parse_value


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            number = parse_number(value)
        except ZeroDivisionError:
            raise ValueError("a fraction must not have a zero denominator") from None
        return value if number is None else number
    return value


def _tuple(value: Any) -> Any:
    return parse_value(value) if isinstance(value, str) else value


def _range(value: Any) -> Any:
    if isinstance(value, str):
        return parse_range(value) or value
    if isinstance(value, list) and len(value) == 2:
        return LayerRange(*value)
    return value


def _text(kind: str, example: str) -> dict[str, Any]:
    """Mark in the JSON schema that text of this form is read, too."""
    return {"x-poseline-text": kind, "examples": [example]}


Number = Annotated[float, BeforeValidator(_number, json_schema_input_type=float | str)]
"""A float; also written as a fraction, `1/127.5`."""

Integer = Annotated[int, BeforeValidator(_number, json_schema_input_type=int)]
"""An int; whole floats pass, since KFP's structs carry every number as a float."""

Pair = Annotated[tuple[float, float], BeforeValidator(_tuple)]
"""Two floats; also written as `(-0.1, 0.1)`."""

IntPair = Annotated[tuple[int, int], BeforeValidator(_tuple)]
"""Two ints; also written as `(2, 4)`."""

Shape = Annotated[tuple[int, int, int], BeforeValidator(_tuple)]
"""Height, width and channels; also written as `(192, 192, 3)`."""

Layers = Annotated[LayerRange, BeforeValidator(_range)]
"""A half-open range of layers, written as `(0:154)`."""


class Section(BaseModel):
    """A frozen section of the config that refuses unknown keys.

    An empty value, or the text `None`, means "not set": fields that may be None get None, all
    others get their default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _read_nothing(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        read: dict[str, Any] = {}
        for key, value in data.items():
            field = cls.model_fields.get(key)
            if isinstance(value, str) and value.strip() in ("None", "null", "~", ""):
                value = None
            if value is None and field is not None and not _optional(field.annotation):
                continue
            read[key] = value
        return read


def _optional(annotation: Any) -> bool:
    """Tell whether None is among the values that an annotation allows."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return type(None) in typing.get_args(annotation)
    return annotation is type(None)
