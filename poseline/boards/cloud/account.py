"""Whose account it is, and the only servers that its credentials are sent to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from poseline.errors import BackendError
from poseline.origin import origin

SECRET = "POSELINE_STEDGEAI_SECRET"  # noqa: S105  a name
"""Environment variable with the folder of a mounted secret: files `username` and `password`, or
`token`."""
TOKEN = "STM32AI_TOKEN"  # noqa: S105  a name
"""Environment variable with an access token, as the cloud's settings page copies it."""
_NAMES = (("STM32AI_USERNAME", "STM32AI_PASSWORD"), ("stmai_username", "stmai_password"))
"""Environment variables as ST's Python interface names them, and as its model zoo does."""
_REMEDY = (
    f"set STM32AI_USERNAME and STM32AI_PASSWORD, or {TOKEN}, or {SECRET} to a folder with the "
    "files username and password; an account of st.com is free"
)
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Account:
    """An access token, or what makes one; never shown."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Servers:
    """The cloud, where its users sign in, and the page that asks for the password.

    Attributes:
        cloud: URL of the service; the token is sent there and nowhere else.
        sign_in: URL of the OpenID Connect provider.
        password: URL of the page with the password's form; the password is sent there, or to
            `sign_in`, and nowhere else.
    """

    cloud: str = "https://stedgeai-dc.st.com"
    sign_in: str = "https://sso.st.com"
    password: str = "https://my.st.com"  # noqa: S105  a URL


def find_account() -> Account:
    """Return the account that the environment or a mounted secret names.

    Raises:
        BackendError: There is none, or half of one.
    """
    if folder := os.environ.get(SECRET):
        return _mounted(Path(folder))
    if token := os.environ.get(TOKEN, "").strip():
        return Account(token=token)
    for names in _NAMES:
        found = [os.environ.get(name, "") for name in names]
        if all(found):
            return Account(*found)
        if any(found):
            lacking = names[found.index("")]
            raise BackendError(f"an account of ST's developer cloud: {lacking} is not set", _REMEDY)
    raise BackendError("there is no account of ST's developer cloud", _REMEDY)


def find_servers() -> Servers:
    """Return the servers: ST's own, or those that the environment names.

    Raises:
        BackendError: One is not a URL, or would get credentials without TLS.
    """
    named = {
        "cloud": "STEDGEAI_CLOUD_URL",
        "sign_in": "STEDGEAI_SIGN_IN_URL",
        "password": "STEDGEAI_PASSWORD_URL",
    }
    given = {key: os.environ.get(name, "").strip() for key, name in named.items()}
    servers = Servers(**{key: url.rstrip("/") for key, url in given.items() if url})
    for key, name in named.items():
        url = getattr(servers, key)
        server = origin(url)
        host = (server or "").partition("://")[2].rpartition(":")[0]
        if server is None or not (server.startswith("https://") or host in _LOCAL):
            raise BackendError(
                f"{name} is {url!r}", "give an https:// URL: credentials are sent there"
            )
    return servers


def _mounted(folder: Path) -> Account:
    found = {}
    for name in ("username", "password", "token"):
        path = folder / name
        try:
            found[name] = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        except (OSError, UnicodeDecodeError):
            raise BackendError(f"{SECRET}: {path} cannot be read as text", _REMEDY) from None
    if not found["token"] and not (found["username"] and found["password"]):
        raise BackendError(f"{SECRET}: the secret in {folder} is incomplete", _REMEDY)
    return Account(**found)
