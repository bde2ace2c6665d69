"""YAML, bounded in size, depth and numbers before anything is built of it."""

from __future__ import annotations

import re
from typing import Any

import yaml

try:  # libyaml, where PyYAML was built with it, is ten times as fast
    from yaml import CSafeLoader as BaseLoader
except ImportError:  # pragma: no cover
    from yaml import SafeLoader as BaseLoader  # type: ignore[assignment]

MOST_BYTES = 1_000_000
MOST_NODES = 5_000
DEEPEST = 32
LONGEST_KEY = 200
LONGEST_VALUE = 20_000
MOST_REFERENCES, LONGEST_REFERENCE = 200, 1000
"""Of `${…}` in all, and characters of a value that has some: their grammar is slow to read."""
_MOST_NESTED = 32
_MOST_DIGITS = 40  # a float holds every number of so many
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class LimitError(yaml.MarkedYAMLError):
    """The text is larger or deeper than any config."""


class _Loader(BaseLoader):
    """Reads the scalars of YAML 1.2: no dates, no numbers to base 60, and `1e3` is a number."""

    def read_integer(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node)).replace("_", "")
        if not _INTEGER.fullmatch(text):
            raise _unread(node, "no integer")
        if len(text.lstrip("-+0")) > _MOST_DIGITS:
            raise _unread(node, f"a number of {len(text):,} digits, and at most {_MOST_DIGITS} fit")
        base = {"0x": 16, "0o": 8}.get(text.lstrip("-+")[:2], 10)
        return int(text, base)

    def read_float(self, node: yaml.ScalarNode) -> float:
        text = str(self.construct_scalar(node)).replace("_", "")
        try:
            return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())
        except ValueError:
            raise _unread(node, "no number") from None

    def read_truth(self, node: yaml.ScalarNode) -> bool:
        try:
            return bool(self.construct_yaml_bool(node))
        except KeyError:
            raise _unread(node, "neither true nor false") from None


_KEPT = ("null", "str", "seq", "map")
_Loader.yaml_constructors = {
    name: make
    for name, make in BaseLoader.yaml_constructors.items()
    if name is None or name.removeprefix(_TAG) in _KEPT
}
_Loader.yaml_implicit_resolvers = {
    first: [one for one in found if one[0].removeprefix(_TAG) in ("null", "bool", "merge")]
    for first, found in BaseLoader.yaml_implicit_resolvers.items()
}
for _name, _read, _pattern in (
    ("float", _Loader.read_float, _FLOAT),
    ("int", _Loader.read_integer, _INTEGER),
):
    _Loader.add_constructor(_TAG + _name, _read)
    _Loader.add_implicit_resolver(
        _TAG + _name, re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789")
    )
_Loader.add_constructor(_TAG + "bool", _Loader.read_truth)


def compose(text: str) -> yaml.Node | None:
    """Return the nodes of a text; None where it says nothing.

    Raises:
        yaml.YAMLError: It is not YAML, or beyond a limit; an alias counts as one node here.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise LimitError(problem="characters that are not UTF-8") from None
    if size > MOST_BYTES:
        raise LimitError(problem=f"more than {MOST_BYTES / 1e6:g} MB")
    nodes = depth = 0
    for event in yaml.parse(text, BaseLoader):
        mark: Any = event.start_mark
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_VALUE:
            problem = f"a value of {len(event.value):,} characters"
            raise LimitError(problem=problem, problem_mark=mark)
        if depth > DEEPEST:
            raise LimitError(
                problem=f"nesting without end, deeper than {DEEPEST}", problem_mark=mark
            )
        if nodes > MOST_NODES:
            raise LimitError(problem=f"more than {MOST_NODES:,} values", problem_mark=mark)
    return yaml.compose(text, _Loader)


def refers(value: str, line: int) -> int:
    """Return how often a value refers to something, `${…}`.

    Raises:
        LimitError: More than any value does.
    """
    count = value.count("${")
    if count and (count > _MOST_NESTED or len(value) > LONGEST_REFERENCE):
        raise LimitError(problem=f"{count} references in {len(value):,} characters, line {line}")
    return count


def build(node: yaml.Node | None) -> Any:
    """Return the data of nodes whose aliases were counted.

    Raises:
        yaml.YAMLError: A tag is unknown or a number too long.
    """
    loader = _Loader("")
    try:
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _unread(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
