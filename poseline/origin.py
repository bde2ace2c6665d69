"""Which server a URL names: credentials go to the one that they were configured for, and no other.

Two spellings are the same server where scheme, host and port are; case, a default port and the
two ways to write a name with letters beyond ASCII make no difference. A URL that programs read in
different ways (backslashes, blanks, escapes in the host, user information that looks like a host)
names no server that could be trusted. A trailing dot makes another name: with it, a name is not
looked up in the domains of the cluster.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_AMBIGUOUS = re.compile(r"[\s\\\x00-\x20\x7f]")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.ASCII)


def origin(url: str) -> str | None:
    """Return the server that a URL names, as scheme://host:port; None: it cannot be told.

    Args:
        url: With its scheme; user information, path and query are left out.
    """
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = _normal(host, bracketed="[" in parts.netloc)
    if not parts.scheme or not host:
        return None
    port = port if port is not None else _PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"


def same_server(one: str, other: str) -> bool:
    """Return whether two URLs surely name the same server."""
    found = origin(one)
    return found is not None and found == origin(other)


def _normal(host: str, *, bracketed: bool) -> str:
    """Return a host in its one spelling, empty where it is none."""
    if bracketed:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            return ""
    try:
        name = unicodedata.normalize("NFKC", host)
        name = name.encode("idna").decode().lower() if not name.isascii() else name.lower()
    except UnicodeError:
        return ""
    return name if _NAME.fullmatch(name) and ".." not in name else ""
