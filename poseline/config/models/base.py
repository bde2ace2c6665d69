"""The base of every config section, and the field types that read textual values."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from poseline.config.models.constraints import CEL, Rule
from poseline.config.models.docstrings import field_docstrings
from poseline.config.models.literals import LayerSelection, parse_layers, parse_number, parse_value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number")
    if isinstance(value, str):
        number = parse_number(value)
        return value if number is None else number
    return value


def whole(value: Any) -> Any:
    """Read a whole number that is text or a float; anything else stays as it is."""
    number = _number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _tuple(value: Any) -> Any:
    if isinstance(value, str):
        value = parse_value(value)
    if isinstance(value, list | tuple):
        return tuple(_number(item) for item in value)
    return value


def _layers(value: Any) -> LayerSelection:
    if isinstance(value, LayerSelection):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, int | str) for item in value):
        value = f"({', '.join(map(str, value))})"
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    selection = parse_layers(value) if isinstance(value, str) else None
    if selection is None:
        raise ValueError("layers as Python indexes them: (0:154), (0:-1), (8, 110:121, -1)")
    return selection


Number = Annotated[float, BeforeValidator(_number)]
"""A float; also written as a fraction, `1/127.5`."""

Integer = Annotated[int, BeforeValidator(whole)]
"""An int; whole floats pass, since KFP's structs carry every number as a float."""

Tuple = BeforeValidator(_tuple)
"""Metadata of a tuple of numbers that may be text: `(-0.1, 0.1)`."""

Shape = Annotated[tuple[int, int, int], Tuple]
"""Height, width and channels; also written as `(192, 192, 3)`."""

LAYERS = r"^\s*\(?\s*-?\d*(:-?\d*)?(\s*,\s*-?\d*(:-?\d*)?)*\s*\)?\s*$"
Layers = Annotated[
    LayerSelection,
    PlainValidator(_layers),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": LAYERS, "maxLength": 200}),
]
"""Layers by index and range, written as `(0:154)` or `(8, 110:121, -1)`."""


class Section(BaseModel):
    """A frozen section of the config that refuses unknown keys.

    An empty value, or the text `None`, means "not set": fields that may be None get None, all
    others get their default.
    """

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields of the section."""

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

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        broken = [rule.message for rule in self.rules if not rule.holds(self)]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = handler.resolve_ref_schema(handler(schema))
        texts, properties = field_docstrings(cls), made.get("properties", {})
        for name, field in cls.model_fields.items():
            if (written := properties.get(field.alias or name)) is not None and name in texts:
                written.setdefault("description", texts[name])
        if entries := [entry for rule in cls.rules for entry in rule.validations]:
            made[CEL] = entries
        return made


def _optional(annotation: Any) -> bool:
    """Return whether None is among the values that an annotation allows."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return type(None) in typing.get_args(annotation)
    return annotation is type(None)
