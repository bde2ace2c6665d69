"""Whether a spec names only what it may: what the installation uses, and what its list allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from poseline.errors import ConfigError, Problem
from poseline.kubeflow.allowlist import CHECKS, AllowList, Check, matches, names_server
from poseline.kubeflow.platform import Platform
from poseline.masking import credentials_in
from poseline.origin import same_server

_URI = re.compile(r"\b([a-z][a-z0-9+.-]*):/{2,}[^\s\"'<>]*", re.IGNORECASE)
_LOCAL = ("s3", "file", "sqlite", "runs", "models")
"""Schemes that name no server of their own; S3's is the endpoint."""
_REFERENCE = re.compile(r"\$\{(now:[^${}]*|[\w.\[\]-]+)\}")
"""What a config may refer to: the time and itself. The environment of a pod holds credentials."""
_RESERVED = re.compile(
    r"(AWS|MLFLOW|POSELINE|KFP?|KUBE(RNETES|FLOW)?|PYTHON|LD|SSL|REQUESTS|CURL|PIP|GIT|STEDGEAI|STM32AI|STMAI)_?\w*"
    r"|(HTTPS?|ALL|NO|FTP)_PROXY|PATH|HOME|NETRC|BASH_ENV|ENV|IFS",
    re.IGNORECASE,
)
_SERVERS = (("s3", "endpoint"), ("mlflow", "trackingUri"))
_OPEN = "ask who runs the operator to add it to `operator.allow`"
_NO_SECRET = "no credentials; they are stored and shown. Name a secret in spec.platform"  # noqa: S105


class NotAllowedError(ConfigError):
    """A spec names what the installation does not allow; lists every case."""


class Permission:
    """What specs may name in an installation.

    Args:
        platform: The installation's own settings, all of which are allowed.
        allow: What is allowed besides.
    """

    def __init__(self, platform: Platform, allow: AllowList) -> None:
        self._own = platform.model_dump(by_alias=True, mode="json", exclude_none=True)
        self._allow = allow

    def problems(self, spec: Mapping[str, Any]) -> list[Problem]:
        """Return everything that an experiment's spec may not name."""
        platform, config = spec.get("platform") or {}, spec.get("config") or {}
        return [*self._platform(platform), *self._secrets(platform), *self._config(config)]

    def server(self, url: str) -> bool:
        """Return whether a server of S3 or MLflow may be talked to."""
        own = [self._own[part].get(key, "") for part, key in _SERVERS]
        if any(url == known or same_server(url, known) for known in own):
            return True
        return any(names_server(pattern, url) for pattern in self._allow.endpoints)

    def merged(self, platform: Mapping[str, Any]) -> dict[str, Any]:
        """Return the installation's settings with an experiment's over them.

        The installation's secrets stay behind where the experiment names another server.
        """
        made = _over(self._own, platform)
        for part, key in _SERVERS:
            own = platform.get(part) or {}
            if self._elsewhere(own, part, key) and "secretName" not in own:
                made[part]["secretName"] = ""
        return made

    def _platform(self, platform: Mapping[str, Any]) -> Iterator[Problem]:
        for check in CHECKS:
            known = {text for _, text in check.found(self._own)}
            for path, text in check.found(platform):
                if check.list == "environment" and _RESERVED.fullmatch(text):
                    known_value = self._own["env"].get(text)
                    if platform["env"][text] != known_value:
                        accepted = "no variable that decides about credentials, code or trust"
                        yield Problem(f"platform.{path}", text, accepted)
                elif text not in known and not self._allowed(check, text):
                    yield _refused(f"platform.{path}", text, check.key)
        if (platform.get("securityContext") or {}).get("runAsNonRoot") is False:
            yield Problem("platform.securityContext.runAsNonRoot", "false", "true, always")

    def _allowed(self, check: Check, text: str) -> bool:
        if check.shape == "server":
            return self.server(text)
        return any(matches(pattern, text) for pattern in getattr(self._allow, check.list))

    def _secrets(self, platform: Mapping[str, Any]) -> Iterator[Problem]:
        """Keep the installation's secrets from other servers than its own."""
        for part, key in _SERVERS:
            own, known = platform.get(part) or {}, self._own[part].get("secretName")
            if known and own.get("secretName") == known and self._elsewhere(own, part, key):
                accepted = f"another secret: this one is for {self._own[part].get(key) or 'AWS'}"
                yield Problem(f"platform.{part}.secretName", known, accepted)
        for path in credentials_in(platform):
            yield Problem(f"platform.{path}", "credentials", _NO_SECRET)

    def _elsewhere(self, own: Mapping[str, Any], part: str, key: str) -> bool:
        url, known = own.get(key), self._own[part].get(key, "")
        return url is not None and url != known and not same_server(url, known)

    def _config(self, config: Mapping[str, Any]) -> Iterator[Problem]:
        for path, text in _texts(config, "config"):
            if "${" in _REFERENCE.sub("", text):
                accepted = "text, ${now:…} or ${another.key}; a task's environment holds secrets"
                yield Problem(path, text, accepted)
            if path == "config.mlflow.uri":
                if not self._tracked(text):
                    yield _refused(path, text, "endpoints")
                continue
            for found in _URI.finditer(text):
                uri, scheme = found[0], found[1].lower()
                if scheme not in _LOCAL and not self._source(uri):
                    yield _refused(path, uri, "sources")
        for path in credentials_in(config, "config"):
            yield Problem(path, "credentials", _NO_SECRET)

    def _tracked(self, uri: str) -> bool:
        """Return whether `mlflow.uri` is a folder of the task's or a server that is allowed."""
        scheme = uri.partition(":")[0].lower() if ":" in uri else ""
        return scheme in ("", "file", "sqlite") or self.server(uri)

    def _source(self, uri: str) -> bool:
        return self.server(uri) or any(names_server(p, uri) for p in self._allow.sources)


def _refused(path: str, text: str, key: str) -> Problem:
    accepted = f"what the installation uses, or `operator.allow.{key}` allows"
    return Problem(path, text or "nothing", accepted, _OPEN)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return one mapping laid over another, key by key; lists are taken whole."""
    made = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = _over(made[key], value) if nested else value
    return made


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}.{key}", str(key)
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}")
    elif isinstance(value, str):
        yield path, value
