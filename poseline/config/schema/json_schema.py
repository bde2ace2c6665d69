"""The models as one plain schema, which every published schema and table is made from.

It describes the normal form of a config: numbers are numbers and steps are a list. Nothing is
referred to. What may be null has `nullable`; a value of two kinds, a number or a section, has
`anyOf` and no type.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

Schema = dict[str, Any]

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
}
_LENGTHS = {
    "array": {"minLength": "minItems", "maxLength": "maxItems"},
    "object": {"minLength": "minProperties", "maxLength": "maxProperties"},
}


class _Inner(GenerateJsonSchema):
    """Describes what comes out of the validators that read text, not what goes in."""

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        inner: core_schema.CoreSchema = schema["schema"]
        return self.generate_inner(inner)


def strict_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of a model's normal form."""
    made = model.model_json_schema(schema_generator=_Inner)
    return _plain(made, made.get("$defs", {}))


def transform(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return a schema whose every part, innermost first, went through a function."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {k: transform(v, change) for k, v in made["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = transform(made[key], change)
    if "anyOf" in made:
        made["anyOf"] = [transform(branch, change) for branch in made["anyOf"]]
    return change(made)


def branches(node: Schema) -> list[Schema]:
    """Return the kinds of value that a part of the schema describes; itself where it is one."""
    kinds: list[Schema] = node.get("anyOf", [node])
    return kinds


def _plain(node: Schema, known: dict[str, Schema]) -> Schema:
    made: Schema = {}
    for key, value in node.items():
        match key:
            case "$ref":
                target = _plain(known[value.rpartition("/")[2]], known)
                made = {**target, **made}
            case "anyOf" | "oneOf":
                kept = [_plain(branch, known) for branch in value if branch != {"type": "null"}]
                one = kept[0] if len(kept) == 1 else {"anyOf": kept}
                null = {"nullable": True} if len(kept) < len(value) else {}
                made = {**one, **null, **made}
            case "$defs" | "title":
                pass
            case "properties":
                made[key] = {name: _plain(field, known) for name, field in value.items()}
            case "items" | "additionalProperties" if isinstance(value, dict):
                made[key] = _plain(value, known)
            case "prefixItems":
                items = [_plain(item, known) for item in value]
                if any(item != items[0] for item in items):
                    raise TypeError(f"a tuple of different types in the config: {node}")
                made["items"] = items[0]
            case "const":
                made["enum"] = [value]
            case "description":
                made[key] = " ".join(value.split())
            case _:
                made[_BOUNDS.get(key, key)] = copy.deepcopy(value)
    names = _LENGTHS.get(made.get("type", ""), {})
    return {names.get(key, key): value for key, value in made.items()}
