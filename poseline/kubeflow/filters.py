"""Filters of Kubeflow's lists."""

from __future__ import annotations

import json
from urllib.parse import quote


def equals(key: str, value: str) -> str:
    """Return the filter for objects whose `key` is `value`, as the server's database compares.

    The server decodes a filter once more than the rest of a query.
    """
    return every(("EQUALS", key, value))


def contains(key: str, value: str) -> str:
    """Return the filter for objects whose `key` has `value` in it."""
    return every(("IS_SUBSTRING", key, value))


def every(*predicates: tuple[str, str, str]) -> str:
    """Return the filter for objects that fit every predicate: operation, key and value."""
    written = [{"operation": o, "key": k, "string_value": v} for o, k, v in predicates]
    return quote(json.dumps({"predicates": written}), safe="")
