"""The log of a node, read again and again: each line once, in its order."""

from __future__ import annotations

import time
from collections.abc import Iterator

from poseline.api_server import ApiServer

_ALL_S = 10_000_000
_OVERLAP_S = 15
"""Clocks of nodes differ, and what is asked for is whole seconds."""


class NodeLog:
    """What the container of a pod writes.

    Args:
        server: The API server.
        namespace: The pod's.
        container: The container's name.
    """

    def __init__(self, server: ApiServer, namespace: str, container: str) -> None:
        self._server, self._namespace, self._container = server, namespace, container
        self._pod, self._last, self._asked = "", "", 0.0

    def new_lines(self, pod: str) -> Iterator[str]:
        """Yield what the container has written since the last time; all of it for another pod.

        Raises:
            BackendError: The API server does not answer.
        """
        now = time.monotonic()
        since = int(now - self._asked) + _OVERLAP_S if pod == self._pod else _ALL_S
        lines = self._server.log(self._namespace, pod, self._container, since)
        if pod != self._pod:
            self._pod, self._last = pod, ""
        self._asked = now
        for line in lines:
            written, _, text = line.partition(" ")
            moment = written.partition("Z")[0]
            if moment > self._last:
                self._last = moment
                yield text
