"""Leader election: the replica that holds the Lease acts, the others wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from poseline.errors import BackendError
from poseline.log import get_logger
from poseline.operator.api.kinds import LEASE

_RENEWALS = 5  # in the time of a lease
_MARGIN = 0.7  # of the lease: afterwards a leader that could not renew acts no more
_log = get_logger(__name__)

Body = dict[str, Any]


class Leases(Protocol):
    """Where the Lease is."""

    def lease(self, namespace: str, name: str) -> Body | None:
        """Return it; None: there is none."""

    def write_lease(self, body: Body) -> None:
        """Write it; fails where somebody else was faster."""


@dataclass
class Watch:
    """What one replica has seen of the Lease; times are of its own clock alone, in seconds.

    Attributes:
        version: Of the object that was seen last.
        since: When that version was seen first.
    """

    version: str = ""
    since: float = 0.0

    def step(
        self, lease: Body | None, me: str, seconds: float, now: float
    ) -> Literal["take", "renew", "wait"]:
        """Return what to do about the Lease as it is.

        One that another holds is taken when it has not been renewed for as long as its holder
        said, as seen from here: the clocks of two machines need not agree.
        """
        if lease is None:
            return "take"
        spec, version = lease["spec"], lease["metadata"]["resourceVersion"]
        if version != self.version:
            self.version, self.since = version, now
        if spec.get("holderIdentity") == me:
            return "renew"
        promised = spec.get("leaseDurationSeconds") or seconds
        free = not spec.get("holderIdentity") or now - self.since > promised
        return "take" if free else "wait"


class Election:
    """Takes and renews the Lease in a thread.

    Args:
        cluster: Where the Lease is.
        namespace: Its namespace.
        identity: Name of this replica; unique.
        seconds: Time after which a silent leader has lost it.
        lost: Called when it has been lost; does not return, as a rule.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        cluster: Leases,
        namespace: str,
        identity: str,
        seconds: float,
        lost: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._namespace, self._me = cluster, namespace, identity
        self._seconds, self._lost, self._clock = seconds, lost, clock
        self._watch = Watch()
        self._held_until = self._seen = float("-inf")
        self._stop = threading.Event()
        self.elected = threading.Event()
        """Set when this replica leads for the first time."""
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def leads(self) -> bool:
        """Return whether this replica leads and will for a moment."""
        return self._clock() < self._held_until

    def sees(self) -> bool:
        """Return whether this replica has seen the Lease of late: it could take over."""
        return self._clock() - self._seen < self._seconds

    def close(self) -> None:
        """Give the Lease up, so that another need not wait."""
        self._stop.set()
        self._thread.join(self._seconds)
        if not self.leads():
            return
        self._held_until = float("-inf")
        try:
            lease = self._cluster.lease(self._namespace, LEASE)
            if lease and lease["spec"].get("holderIdentity") == self._me:
                self._cluster.write_lease(self._body(lease, holder=""))
        except BackendError as error:
            _log.warning("the Lease was not given up", why=error.message)

    def turn(self) -> None:
        """Look at the Lease once, and take or renew it."""
        begun = self._clock()
        try:
            lease = self._cluster.lease(self._namespace, LEASE)
            self._seen = begun
            if self._watch.step(lease, self._me, self._seconds, begun) == "wait":
                return
            self._cluster.write_lease(self._body(lease, holder=self._me))
        except BackendError as error:
            _log.warning("the Lease was not renewed", why=error.message)
            return
        self._held_until = begun + self._seconds * _MARGIN
        if not self.elected.is_set():
            _log.info("leads", identity=self._me)
            self.elected.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn()
            if self.elected.is_set() and not self.leads():
                _log.error("the Lease is lost", identity=self._me)
                return self._lost()
            self._stop.wait(self._seconds / _RENEWALS)
        return None

    def _body(self, lease: Body | None, holder: str) -> Body:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = lease["spec"] if lease else {}
        same = old.get("holderIdentity") == holder
        metadata = {"name": LEASE, "namespace": self._namespace}
        if lease:
            metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": max(1, round(self._seconds)),
                "acquireTime": old.get("acquireTime", now) if same else now,
                "renewTime": now,
                "leaseTransitions": old.get("leaseTransitions", 0) + (not same),
            },
        }
