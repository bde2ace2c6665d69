"""What the fields of a section stand for: the text below each in its class.

It is read when a schema is made. Pydantic's `use_attribute_docstrings` reads and parses the source
of every model at import, which takes three times as long as all else about them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise


@cache
def field_docstrings(model: type) -> Mapping[str, str]:
    """Return the text of each field, by its name; those that a class inherits are among them.

    Args:
        model: A class, written in a file.
    """
    inherited = (field_docstrings(base) for base in model.__bases__ if base is not object)
    texts = {name: text for many in inherited for name, text in many.items()}
    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):  # made by code
        return texts
    match ast.parse(textwrap.dedent(source)):
        case ast.Module(body=[ast.ClassDef(body=statements)]):
            return texts | _texts(statements)
    return texts


def _texts(statements: Sequence[ast.stmt]) -> dict[str, str]:
    texts = {}
    for field, below in pairwise(statements):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = inspect.cleandoc(text)
    return texts
