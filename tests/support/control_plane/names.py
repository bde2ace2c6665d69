"""DNS for pods: the names of services, and of pods below a headless one, over UDP."""

import contextlib
import socket
import struct
import threading

_A, _IN = 1, 1
_ANSWER, _UNKNOWN = 0x8580, 3  # a response with authority, recursion as asked for; NXDOMAIN
_SECONDS = 5


class Names:
    """Knows `service.namespace.svc.cluster.local` of what was added, and the pods of others.

    Args:
        address: Where to listen.
        pod: Gives the address of a pod by its `hostname`, `subdomain` and namespace, or None.
    """

    def __init__(self, address, pod):
        self._addresses, self._pod = {}, pod
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def add(self, service, address):
        """Add `service.namespace`."""
        self._addresses[f"{service}.svc.cluster.local"] = address

    def close(self):
        self._socket.close()

    def _address(self, name):
        if found := self._addresses.get(name):
            return found
        parts = name.removesuffix(".svc.cluster.local").split(".")
        return self._pod(*parts) if len(parts) == 3 and name.endswith(".cluster.local") else None

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
            except OSError:
                return
            with contextlib.suppress(OSError, IndexError, struct.error):
                self._socket.sendto(self.answer(query), client)

    def answer(self, query):
        """The response to a query, both as bytes."""
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
            at += 1 + length
        question = query[12 : at + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        address = self._address(".".join(labels))
        found = b""
        if address and kind == _A:  # the name by a pointer to the question
            found = struct.pack("!HHHIH", 0xC00C, _A, _IN, _SECONDS, 4) + socket.inet_aton(address)
        flags = _ANSWER | (0 if address else _UNKNOWN)
        return query[:2] + struct.pack("!HHHHH", flags, 1, bool(found), 0, 0) + question + found
