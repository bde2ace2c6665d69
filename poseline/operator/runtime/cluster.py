"""The API server, as the operator needs it: our two kinds, Events, and the Lease."""

from __future__ import annotations

from kubernetes import client
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from poseline.api_server import TIMEOUT_S, ApiServer, Body, explained


class Cluster(ApiServer):
    """Calls of the operator to the API server.

    Args:
        component: What Events come from.
        instance: Which replica of it.
    """

    def __init__(self, component: str = "poseline-operator", instance: str = "") -> None:
        super().__init__(component, instance)
        self._leases = client.CoordinationV1Api(self._connection)

    def lease(self, namespace: str, name: str) -> Body | None:
        """Return a Lease; None: there is none."""
        return self._read(self._leases.read_namespaced_lease, namespace, name)

    def write_lease(self, body: Body) -> None:
        """Create a Lease, or replace the one that was read.

        Raises:
            ConflictError: Somebody else was faster.
        """
        metadata = body["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        try:
            if "resourceVersion" in metadata:
                self._leases.replace_namespaced_lease(
                    name, namespace, body, _request_timeout=TIMEOUT_S
                )
            else:
                self._leases.create_namespaced_lease(namespace, body, _request_timeout=TIMEOUT_S)
        except (ApiException, HTTPError) as error:
            raise explained(error) from None
