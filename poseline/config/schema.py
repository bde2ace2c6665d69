"""Everything that is generated from the config models, and the check that it is fresh."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from poseline.config.config import Config
from poseline.store.manifest import write_atomic


def json_schema() -> str:
    """Return the JSON Schema of the config, for editors."""
    schema = Config.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "poseline config"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def reference() -> str:
    """Return the reference of every key as Markdown tables, section by section."""
    lines = ["# Config reference", "", "Generated from the models in `poseline/config/`.", ""]
    for name, field in Config.model_fields.items():
        model = _model_in(field.annotation)
        if model is None:
            lines += [f"## `{name}`", "", _flat(field.description), ""]
            continue
        lines += _section(name, model)
    return "\n".join(lines).rstrip() + "\n"


def _section(path: str, model: type[BaseModel]) -> list[str]:
    lines = [f"## `{path}`", "", _flat((model.__doc__ or "").split("\n\n")[0]), ""]
    lines += ["| key | accepted | default | meaning |", "|---|---|---|---|"]
    nested = []
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            nested.append((f"{path}.{name}", inner))
        accepted = _accepted(field.annotation, field.metadata)
        text = f"| `{name}` | {accepted} | {_default(field)} | {_flat(field.description)} |"
        lines.append(text)
    lines.append("")
    for inner_path, inner in nested:
        lines += _section(inner_path, inner)
    return lines


def _accepted(annotation: Any, metadata: list[Any]) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _accepted(arguments[0], list(arguments[1:]))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        rest = [a for a in arguments if a is not type(None)]
        text = " or ".join(_accepted(a, metadata) for a in rest)
        return f"{text}, `None`" if len(rest) < len(arguments) else text
    if origin is tuple:
        if arguments[-1] is ...:
            return f"list of {_accepted(arguments[0], [])}"
        return f"{len(arguments)} × {_accepted(arguments[0], [])}"
    if origin is dict:
        return "name: settings"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    names = {float: "number", int: "integer", str: "text", bool: "`True`, `False`"}
    return names.get(annotation, getattr(annotation, "__name__", "any")) + _bounds(metadata)


def _bounds(metadata: list[Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = []
    for entry in (m for item in metadata for m in (getattr(item, "metadata", None) or [item])):
        found += [
            f" {sign} {value:g}"
            for name, sign in signs.items()
            if (value := getattr(entry, name, None)) is not None
        ]
    return ",".join(found)


def _default(field: Any) -> str:
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined or isinstance(default, BaseModel):
        return ""
    if isinstance(default, float):
        return f"`{default:.6g}`"
    return f"`{default}`"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if found := _model_in(argument):
            return found
    return None


def _flat(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


OUTPUTS: dict[str, Callable[[], str]] = {
    "docs/reference/config.schema.json": json_schema,
    "docs/reference/config.md": reference,
}
"""Path in the project to what makes it."""


def generate(root: Path, *, check: bool = False) -> list[Path]:
    """Write what is generated, or compare it with what is there.

    Args:
        root: The project's folder.
        check: Compare alone.

    Returns:
        The files that were written, or are stale.
    """
    changed = []
    for name, make in OUTPUTS.items():
        path, content = root / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        changed.append(path)
        if not check:
            write_atomic(path, content)
    return changed
