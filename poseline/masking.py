"""Secrets are hidden here before anything is printed, logged, stored or sent to be shown.

Three kinds are known: credentials within URIs (user information, signatures and tokens of a query),
values that a config took from the environment, and the environment's own credentials. Whatever
leaves the process for somebody's eyes goes through `mask` or `masked`; what is used to connect
does not.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

HIDDEN = "***"
"""What stands where a secret was."""

_SHORTEST = 4
"""Characters of a value that is hidden within other text, too; a shorter one is on its own."""
_SHORTEST_CREDENTIAL = 8
_CREDENTIALS = (
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "KF_PIPELINES_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "STM32AI_PASSWORD",
    "STM32AI_TOKEN",
    "stmai_password",
)
"""Environment variables whose values are shown nowhere."""
_SECRET_NAME = re.compile(r"token|secret|passw|pwd|key|cred|auth|sig", re.IGNORECASE)
_NO_SECRET = re.compile(r"[+-]?\d{0,5}(\.\d*)?|true|false|yes|no|on|off|none|null", re.IGNORECASE)
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")

_USER = re.compile(
    r"((?:\b[a-z][a-z0-9+.-]*:)?/{2,3}|\b(?!(?:models|runs):)[a-z][a-z0-9+.-]{2,}:/)"
    r"(?:([^\s/?#\"'<>]*)@"
    # A password may hold what ends an authority; a port may not be taken for one.
    r"|([^\s/?#@\"'<>:]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]*)@)",
    re.IGNORECASE,
)
_WHOLE_USER = re.compile(r"([a-z][a-z0-9+.-]*:/{1,3})([^/?#@:]*:(?!\d{1,5}[/?#])[^@]*)@", re.I)
_QUERY = re.compile(
    r"([?&;#](?:[\w.%-]*(?:signature|token|secret|passw(?:or)?d|credential|(?:api|access|private)"
    r"[_.-]?key(?:id)?)[\w.%-]*|sig|sign|pwd|pass|auth|key|code)=)([^&;\s#\"'<>]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b(bearer\s+)[\w.~+/=-]{8,}|\b(authorization\W{1,4}(?:basic|token)\s+)[\w.~+/=-]+",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\$\{(?:oc\.)?env:[^{}]*\}")

_known: dict[str, str] = {}
"""What a config took from the environment, to what is shown for it."""


def remember(name: str, value: str) -> None:
    """Hide a value that a config took from an environment variable.

    A short number, a truth value, a path that leads somewhere and a URI without credentials are no
    secrets, unless the variable's name says otherwise.
    """
    if value and (_SECRET_NAME.search(name) or not _open(value)):
        _known[value] = f"${{env:{name}}}"


def mask(text: str) -> str:
    """Return text without secrets; what has none stays as it is."""
    if shown := _known.get(text):
        return shown
    for secret, shown in _secrets():
        text = text.replace(secret, shown)
    return _without_credentials(text)


def masked(value: Any) -> Any:
    """Return JSON-like data without secrets, in keys and values."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bytes):
        return mask(value.decode(errors="replace")).encode()
    if isinstance(value, Mapping):
        return {masked(key): masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _numbers().get(value, value)
    return value


def secrets_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted paths of everything that holds a secret, with what is shown for it."""
    for place, leaf in leaves(value, path):
        if (shown := masked(leaf)) != leaf:
            yield place, str(shown)


def credentials_in(value: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of all text that holds a URI with credentials."""
    for place, leaf in leaves(value, path):
        if isinstance(leaf, str) and _without_credentials(leaf) != leaf:
            yield place


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of everything in mappings and lists that is neither."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, value


def without_user(uri: str) -> str:
    """Return a URI whose user information was hidden without what stands there for it."""
    return re.sub(rf"(?<=//){re.escape(HIDDEN)}@", "", uri, count=1)


def _without_credentials(text: str) -> str:
    if _WHOLE_USER.match(text) and "\n" not in text:  # one URI, whose password may hold a space
        text = _WHOLE_USER.sub(_user, text, count=1)
    text = _USER.sub(_user, text)
    text = _QUERY.sub(_parameter, text)
    return _HEADER.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)


def _user(found: re.Match[str]) -> str:
    """Hide user information, but for what says itself where it comes from."""
    user = next(part for part in found.groups()[1:] if part is not None)
    password = user.partition(":")[2] or user
    kept = user == "" or _PLACEHOLDER.fullmatch(password)
    return f"{found[1]}{user if kept else HIDDEN}@"


def _parameter(found: re.Match[str]) -> str:
    return found[0] if _PLACEHOLDER.fullmatch(found[2]) else f"{found[1]}{HIDDEN}"


def _is_word(value: str, shown: str) -> bool:
    """Return whether a value is a word that text may hold anyway; it is hidden on its own alone."""
    return value.isalpha() and len(value) < _SHORTEST_CREDENTIAL and not _SECRET_NAME.search(shown)


def _secrets() -> Iterator[tuple[str, str]]:
    """Yield every secret in all its spellings, the longest first, with what is shown for it."""
    found = {
        value: shown
        for value, shown in _known.items()
        if len(value) >= _SHORTEST and not _is_word(value, shown)
    }
    for name in _CREDENTIALS:
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST_CREDENTIAL:
            found.setdefault(value, f"${{env:{name}}}")
    spelled = {one: shown for value, shown in found.items() for one in _spellings(value)}
    yield from sorted(spelled.items(), key=lambda item: -len(item[0]))


def _spellings(value: str) -> set[str]:
    """Return a value as Python, JSON and URIs write it, and each of its longer lines."""
    written = {value, value.strip(), repr(value)[1:-1], repr(value.encode())[2:-1]}
    written |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    written |= {quote(value), quote(value, safe=""), quote_plus(value)}
    written |= {line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST}
    return {one for one in written if len(one) >= _SHORTEST}


def _numbers() -> dict[float, str]:
    """Return the numbers that remembered values are read as, with what is shown for them."""
    found = {}
    for value, shown in _known.items():
        with suppress(ValueError):
            found[float(value)] = shown
    return found


def _open(value: str) -> bool:
    """Return whether a value is evidently no secret."""
    if _NO_SECRET.fullmatch(value.strip()):
        return True
    if _URI.fullmatch(value):
        return _without_credentials(value) == value and bool(urlsplit(value).scheme)
    try:
        return "/" in value and Path(*Path(value).expanduser().parts[:2]).exists()
    except (OSError, ValueError, RuntimeError):
        return False
