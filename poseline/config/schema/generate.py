"""Everything that is generated from the config models, and the check that it is fresh."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel

from poseline.config.models.config import Config
from poseline.config.models.constraints import ALSO, CEL, UNIT
from poseline.config.requirements.checks import cel_rules
from poseline.config.schema.json_schema import Schema, strict_schema, transform
from poseline.config.schema.reference import reference
from poseline.store.manifest import write_atomic

__all__ = ["OUTPUTS", "cel_rules", "crd_schema", "editor_schema", "generate"]

LONGEST_TEXT = 4096
"""Characters of a text in a custom resource, where its field says no less."""
_OPEN = "x-kubernetes-preserve-unknown-fields"

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_TEXTS: dict[str, Schema] = {
    "reference": {
        "description": "An interpolation: another key, ${now:…} or ${env:NAME,default}.",
        "type": "string",
        "pattern": r"\$\{.+\}",
    },
    "nothing": {
        "description": "Not set: the default.",
        "enum": [None, "None", "none", "null", ""],
    },
    "fraction": {
        "description": "A number or a fraction as text, such as 1/127.5.",
        "type": "string",
        "pattern": rf"^\s*{_NUMBER}(\s*/\s*{_NUMBER})?\s*$",
    },
    "tuple": {
        "description": "Numbers as text, such as (192, 192, 3).",
        "type": "string",
        "pattern": r"^\s*[(\[].*[)\]]\s*$",
    },
    "truth": {"enum": ["True", "False", "true", "false"]},
}


def editor_schema() -> Schema:
    """Return the JSON Schema of the YAML as people write it, textual quirks included; draft-07."""
    made = transform(strict_schema(Config), _loosened)
    tools = made["properties"]["tools"]["properties"]
    tools["stm32ai"] = {"description": "Former name of `stedgeai`.", "type": "object"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:poseline:config",
        "title": "poseline config",
        "definitions": _TEXTS,
        **made,
    }


def crd_schema(model: type[BaseModel] = Config) -> Schema:
    """Return the structural OpenAPI v3 schema of a config, for a custom resource.

    Types are strict: fractions are numbers, shapes are lists, and `data_augmentation` is a list
    of steps, since a JSON object has no order. Only `frozen_layers` is text. What is not set is
    left out; null is for the few keys whose default is a value. There are no defaults, so that a
    later version may have others. `cel_rules` has the rules that depend on the mode.

    Args:
        model: The whole config, or another model that a custom resource holds.
    """
    return transform(strict_schema(model), _structural)


def draft_07(node: Schema) -> Schema:
    """Return a part of the plain schema as draft-07 has it, which Helm reads."""
    made = {k: v for k, v in node.items() if not k.startswith("x-") and k != "nullable"}
    if node.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    elif "anyOf" in made and node.get("nullable"):
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    return made


def _structural(node: Schema) -> Schema:
    # A structural schema knows no value of two kinds: the operator checks it.
    left_out = (UNIT, ALSO, "default", "anyOf")
    made = {key: value for key, value in node.items() if key not in left_out}
    if node.get("default") is None:
        made.pop("nullable", None)
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]
    if made.get("additionalProperties") is True or "type" not in made:
        made.pop("additionalProperties", None)
        made[_OPEN] = True
    if made.get("type") == "string" and "enum" not in made:
        made.setdefault("maxLength", LONGEST_TEXT)
    for end in ("Minimum", "Maximum"):
        if f"exclusive{end}" in made:
            made[end.lower()] = made[f"exclusive{end}"]
            made[f"exclusive{end}"] = True
    return made


def _loosened(node: Schema) -> Schema:
    """Let a part of the schema take what the loader takes besides its type."""
    shared = {key: node[key] for key in ("description", "default") if key in node}
    left_out = {*shared, UNIT, ALSO, CEL, "nullable"}
    made = {key: value for key, value in node.items() if key not in left_out}
    kind, extra = made.get("type"), node.get(ALSO)
    if "anyOf" in made:
        both = [{"$ref": f"#/definitions/{name}"} for name in ("reference", "nothing")]
        return shared | {"anyOf": [*made["anyOf"], *both]}
    if kind is None:
        return shared | made
    if kind == "object" and extra is None:
        return shared | made | {"type": ["object", "null"]}
    if kind == "string" and not {"enum", "pattern"} & set(made):
        return shared | made | {"type": ["string", "number", "null"]}
    branches = [made]
    if "enum" in made:
        del made["type"]
        made["enum"] = [*made["enum"], *(str(v) for v in made["enum"] if not isinstance(v, str))]
    elif kind == "string":  # layers
        branches += [{"type": "integer"}, {"type": "array"}]
    if extra == "mapping":
        steps = made["items"]["properties"]
        branches.append({"type": "object", "properties": steps, "additionalProperties": False})
    elif extra:
        branches.append({"type": extra})
    own = {"number": "fraction", "integer": "fraction", "boolean": "truth", "array": "tuple"}
    texts = ["reference", "nothing", *([own[kind]] if kind in own and "enum" not in made else [])]
    return shared | {"anyOf": branches + [{"$ref": f"#/definitions/{name}"} for name in texts]}


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


OUTPUTS: Mapping[str, Callable[[], str]] = {
    "docs/reference/config.schema.json": lambda: _json(editor_schema()),
    "docs/reference/config.md": reference,
}
"""Path in the project to what makes it."""


def generate(
    root: Path, *, check: bool = False, outputs: Mapping[str, Callable[[], str]] = OUTPUTS
) -> list[Path]:
    """Write what is generated, or compare it with what is there.

    Args:
        root: The project's folder.
        check: Compare alone.
        outputs: Path in the project to what makes it; a package above this one adds its own:
            `{**OUTPUTS, **more}`.

    Returns:
        The files that were written, or are stale.
    """
    changed = []
    for name, make in outputs.items():
        path, content = root / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        changed.append(path)
        if not check:
            write_atomic(path, content)
    return changed
