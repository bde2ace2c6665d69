"""A component's README, made of what KFP reads in its function."""

import inspect
from typing import Any

import docstring_parser
from kfp.dsl.base_component import BaseComponent

from poseline.config.loading.run_form import RunForm

_TYPES = {
    "STRING": "text",
    "NUMBER_INTEGER": "whole number",
    "NUMBER_DOUBLE": "number",
    "STRUCT": "mapping",
    "LIST": "list",
    "BOOLEAN": "true or false",
    "TASK_FINAL_STATUS": "final status, from KFP",
}


def readme(component: BaseComponent) -> str:
    """Return the Markdown that documents a component.

    Args:
        component: A function under `dsl.component`.
    """
    (spec,) = component.pipeline_spec.components.values()
    doc = docstring_parser.parse(inspect.getdoc(component.python_func) or "")
    texts = {name: one.says for name, one in RunForm.described().items()}
    texts |= {param.arg_name: param.description or "" for param in doc.params}
    text = "\n\n".join(filter(None, (doc.short_description, doc.long_description)))
    parts = [f"# {component.component_spec.name}", text]
    parts.append("Generated from `component.py` by `make schema`.")
    for title, side in (("Inputs", spec.input_definitions), ("Outputs", spec.output_definitions)):
        rows = [_parameter(name, one, texts) for name, one in side.parameters.items()]
        rows += [_artifact(name, one, texts) for name, one in side.artifacts.items()]
        if rows:
            head = ["| name | what | default | |", "|---|---|---|---|"]
            parts += [f"## {title}", "\n".join([*head, *sorted(rows)])]
    if doc.returns and "Output" in spec.output_definitions.parameters:
        parts.append(f"`Output`: {doc.returns.description}")
    image = component.component_spec.implementation.container.image.partition(":")[0]
    parts.append(f"Image: `{image}`.")
    return "\n\n".join(parts) + "\n"


def _parameter(name: str, spec: Any, texts: dict[str, str]) -> str:
    kind = type(spec).DESCRIPTOR.fields_by_name["parameter_type"].enum_type
    shown = _TYPES[kind.values_by_number[spec.parameter_type].name]
    default = ""
    if getattr(spec, "is_optional", False) and spec.HasField("default_value"):
        which = spec.default_value.WhichOneof("kind")
        value = getattr(spec.default_value, which)
        default = f"`{value:g}`" if which == "number_value" else "empty"
    return _row(name, shown, default, spec.description or texts.get(name, ""))


def _artifact(name: str, spec: Any, texts: dict[str, str]) -> str:
    return _row(name, spec.artifact_type.schema_title.partition(".")[2], "", texts.get(name, ""))


def _row(name: str, kind: str, default: str, text: str) -> str:
    return f"| `{name}` | {kind} | {default} | {' '.join(text.split())} |"
