"""From pydantic's errors to problems that a user can act on."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from poseline.config.loading.migration_hints import KEYS, VALUES
from poseline.errors import Problem
from poseline.masking import masked

MOST_PROBLEMS = 100
"""How many are listed: more are the same mistake again."""
_CLOSE, _MOST_NAMED, _DEEPEST = 0.8, 2, 3
_CUT = "within braces YAML cuts a tuple at its comma: quote it"
_ACCEPTED = {
    "tuple_type": "a list",
    "list_type": "a list",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "string_pattern_mismatch": "text of the form {pattern}",
}
"""What is accepted, where Pydantic says it in the words of a programmer."""


def problems_of(error: ValidationError, root: type[BaseModel], data: Any) -> list[Problem]:
    """Translate each error: dotted path, what was found, what is accepted, a did-you-mean.

    Args:
        error: What pydantic raised.
        root: The model that was validated.
        data: What it was validated against.

    Returns:
        One problem per fault, in the order of the fields, none twice.
    """
    problems: dict[str, Problem] = {}
    for item in error.errors(include_url=False)[:MOST_PROBLEMS]:
        path = _path(item["loc"], data)
        problem = _problem(path, dict(item), root)
        problems.setdefault(f"{path}|{problem.found}", problem)
    if (more := error.error_count() - MOST_PROBLEMS) > 0:
        problems["more"] = Problem("<top>", f"{more:,} more problems", "a config")
    return list(problems.values())


def without_pieces(problems: list[Problem]) -> list[Problem]:
    """Leave out the numbers that YAML cut off from a tuple and took for keys of their own."""
    sections = [p.path.rpartition(".")[0] for p in problems if p.hint == _CUT]

    def piece(problem: Problem) -> bool:
        return problem.found == "an unknown key" and any(
            problem.path.startswith(f"{section}.")
            and not problem.path.removeprefix(section).strip(" )0123456789.+-eE/")
            for section in sections
        )

    return [problem for problem in problems if not piece(problem)]


def _path(loc: tuple[int | str, ...], data: Any) -> list[str]:
    """Drop the parts of pydantic's location that are not in the data.

    These are the names of a union's branches, and the places of steps that were written as a
    mapping and not as a list.
    """
    path: list[str] = []
    for place, part in enumerate(loc):
        if isinstance(data, dict):
            if isinstance(part, int) or (part not in data and path and "[" in part):
                continue
            if part not in data and place + 1 < len(loc):
                continue
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        elif isinstance(part, str) and (part in ("float", "int", "str", "bool") or "[" in part):
            continue
        path.append(str(part))
    return path


def _problem(path: list[str], item: dict[str, Any], root: type[BaseModel]) -> Problem:
    dotted = ".".join(path) or "<top>"
    kind, context, value = item["type"], item.get("ctx", {}), item.get("input")
    found = _shorten(value)
    if kind == "extra_forbidden":
        known = _fields_at(root, path[:-1])
        word = path[-1]
        hint = KEYS.get(dotted) or _elsewhere(word, root, 1) or _did_you_mean(word, known)
        hint = hint or _elsewhere(word, root, _CLOSE)
        return Problem(dotted, "an unknown key", ", ".join(known) or "no key here", hint)
    if kind == "missing":
        if path and path[-1].isdigit():
            return Problem(".".join(path[:-1]), found, "more values")
        return Problem(dotted, "nothing", "a value; this key is required")
    if kind == "value_error":
        return Problem(dotted, found, str(context.get("error", item["msg"])))
    if kind == "literal_error":
        accepted = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        hint = VALUES.get((dotted, str(value))) or _did_you_mean(str(value), accepted.split(", "))
        return Problem(dotted, found, accepted, hint)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        known = _fields_at(root, path)
        return Problem(dotted, found, f"a section: {', '.join(known)}" if known else "a mapping")
    if kind in _ACCEPTED:
        message = _ACCEPTED[kind].format_map(context)
    else:
        message = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        message = message.partition(", unable to ")[0]  # parse, interpret
    cut = isinstance(value, str) and value.startswith("(") and ")" not in value
    return Problem(dotted, found, message, _CUT if cut else "")


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _elsewhere(word: str, root: type[BaseModel], cutoff: float) -> str:
    """Name the key of another section that was meant: `training.epochs` by `epochs`."""
    keys = list(_keys_below(root))
    leaves = [key.rpartition(".")[2] for key in keys]
    close = difflib.get_close_matches(word, leaves, n=1, cutoff=cutoff)
    found = [key for key, leaf in zip(keys, leaves, strict=True) if leaf in close]
    found.sort(key=lambda key: key.count("."))
    named = " or ".join(f"`{key}`" for key in found[:_MOST_NAMED])
    return f"did you mean {named}?" if found else ""


def _keys_below(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the dotted keys of a model; of a list of steps its own alone."""
    for name, field in model.model_fields.items():
        key = f"{above}{name}"
        inner = _model_in(field.annotation)
        yield key
        if inner and key.count(".") < _DEEPEST:
            yield from _keys_below(inner, f"{key}.")


def _fields_at(root: type[BaseModel], path: list[str]) -> list[str]:
    model: type[BaseModel] | None = root
    for part in path:
        if model is None:
            return []
        field = model.model_fields.get(part)
        if field is None and part.isdigit():
            continue
        model = _model_in(field.annotation) if field else None
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside of an annotation such as `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.GenericAlias | types.UnionType) or typing.get_args(annotation):
        for argument in typing.get_args(annotation):
            if model := _model_in(argument):
                return model
    return None


def _shorten(value: Any) -> str:
    value = masked(value)  # while it is whole: what is cut or escaped is no longer known
    text = f"a mapping of {', '.join(map(str, value))}" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
