"""Looks at the data set that a schedule watches, where the operator may."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poseline import store
from poseline.config.loading import load
from poseline.errors import ConfigError, Problem
from poseline.operator.permission import Permission
from poseline.origin import same_server
from poseline.store.uri import parse

_SOURCE = "the schedule"


class Datasets:
    """The data sets that the operator can look at.

    Args:
        permission: What is known of the installation's servers.
        folder: Where a volume with data sets is mounted; no other local path is looked at, so
            that nobody learns of the operator's own files. None: there is no volume.
    """

    def __init__(self, permission: Permission, folder: Path | None = None) -> None:
        self._permission, self._folder = permission, folder

    def uri(self, spec: Mapping[str, Any]) -> str:
        """Return where the data set of an experiment's spec is; the spec is allowed.

        Raises:
            ConfigError: Its config is wrong, names no set, or one that cannot be watched.
        """
        data = {**spec["config"], "operation_mode": f"chain_{spec['chain']}"}
        config = load.parse(json.dumps(data), source=_SOURCE, preset=False)
        uri = config.dataset.training_path or (config.conversion and config.conversion.path)
        if not uri:
            raise _refused("dataset.training_path", "nothing", "the data set to watch")
        place = parse(uri)
        if place.scheme == "s3":
            self._check_server(spec)
        elif place.scheme != "file":
            raise _refused(
                "dataset.training_path",
                uri,
                "s3://… or a folder: a web server may not tell a change",
            )
        elif not self._mounted(Path(place.path)):
            raise _refused(
                "dataset.training_path",
                uri,
                f"s3://… or a path below "
                f"{self._folder or 'the volume of `operator.datasets.claim`'}",
            )
        return uri

    def look(self, uri: str) -> str:
        """Return the fingerprint of the set at a URI; empty: nothing is there.

        Raises:
            StoreError: The storage does not say.
        """
        return store.fingerprint(uri)

    def _check_server(self, spec: Mapping[str, Any]) -> None:
        """Keep the operator's credentials with the server that they were configured for."""
        wanted = self._permission.merged(spec.get("platform") or {})["s3"]["endpoint"]
        own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        if wanted != own and not same_server(wanted, own):
            accepted = f"{own or 'AWS'}, whose credentials the operator has"
            raise _refused("platform.s3.endpoint", wanted or "AWS", accepted)

    def _mounted(self, path: Path) -> bool:
        return self._folder is not None and path.resolve().is_relative_to(self._folder.resolve())


def _refused(path: str, found: str, accepted: str) -> ConfigError:
    remedy = "or leave `trigger` out, and use `schedule`"
    return ConfigError(
        [Problem(f"experimentTemplate.spec.{path}", found, accepted, remedy)], _SOURCE
    )
