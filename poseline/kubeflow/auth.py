"""Who calls: a bearer token, given or in a file that somebody rotates."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import httpx

from poseline.errors import ConfigError, Problem

TOKEN = "KF_PIPELINES_TOKEN"  # noqa: S105  a name
"""Environment variable with a token."""
TOKEN_PATH = "KF_PIPELINES_SA_TOKEN_PATH"  # noqa: S105  a name
"""Environment variable with the path of a projected service account token."""
PROJECTED = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where Kubeflow's documentation has that token projected."""


class Bearer(httpx.Auth):
    """Sends a token with each request; a file is read each time, since the kubelet rotates it.

    A request that is answered 401 is sent once more where the file has another token by then.

    Args:
        token: The token itself.
        path: A file with the token; `token` comes first.
    """

    def __init__(self, token: str | None = None, path: Path | None = None) -> None:
        self._token, self.path = token, path

    def __repr__(self) -> str:
        return f"Bearer({'a token' if self._token else self.path})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request; part of httpx's protocol."""
        token = self._read()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and (again := self._read()) != token:
            request.headers["Authorization"] = f"Bearer {again}"
            yield request

    def _read(self) -> str:
        if self._token or self.path is None:
            return self._token or ""
        try:
            token = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            found = getattr(error, "strerror", None) or "no token"
            raise _problem(str(self.path), found) from None
        if not token or any(char.isspace() for char in token):
            raise _problem(str(self.path), "no token")
        return token


def find_token(token: str | None = None, path: Path | None = None) -> Bearer | None:
    """Return how to sign requests.

    In this order: what is given, `KF_PIPELINES_TOKEN`, the file that `KF_PIPELINES_SA_TOKEN_PATH`
    names, and the file where Kubeflow has the token of a service account projected. None of them:
    requests are not signed, as is right behind `kubectl port-forward`.

    Args:
        token: A token.
        path: A file with a token.

    Raises:
        ConfigError: The file does not hold a token.
    """
    if path is None and not token:
        token = os.environ.get(TOKEN, "").strip() or None
        named = os.environ.get(TOKEN_PATH)
        path = Path(named) if named else PROJECTED if PROJECTED.is_file() else None
    if not token and path is None:
        return None
    bearer = Bearer(token, path)
    bearer._read()  # a mistake is reported before anything is sent
    return bearer


def _problem(path: str, found: str) -> ConfigError:
    return ConfigError([Problem(path, found, "a file with a bearer token")], "the command line")
