"""The API server, as the operator needs it: our two kinds, Events, and the Lease."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from poseline.errors import BackendError
from poseline.masking import mask, masked
from poseline.operator.api.kinds import GROUP, VERSION, Kind

Body = dict[str, Any]

_TIMEOUT_S = (5.0, 20.0)  # connecting, answering
_LONGEST_MESSAGE = 1000
_KUBECONFIG = "~/.kube/config"


class ConflictError(BackendError):
    """The object has changed since it was read."""


class Cluster:
    """Calls to the API server. Every write names the version of the object that was read.

    Args:
        component: What Events come from.
        instance: Which replica of it.
    """

    def __init__(self, component: str = "poseline-operator", instance: str = "") -> None:
        connection = client.ApiClient()
        self._objects = client.CustomObjectsApi(connection)
        self._events = client.EventsV1Api(connection)
        self._leases = client.CoordinationV1Api(connection)
        self._component, self._instance = component, instance or component

    def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """Return an object; None: there is none."""
        try:
            found = self._call("get_namespaced_custom_object", kind, namespace, name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise _explained(error) from None
        return cast(Body, found)

    def list(self, kind: Kind, namespace: str, selector: str) -> list[Body]:
        """Return the objects of a label selector."""
        try:
            found = self._call(
                "list_namespaced_custom_object", kind, namespace, label_selector=selector
            )
        except ApiException as error:
            raise _explained(error) from None
        return cast(list[Body], found["items"])

    def create(self, kind: Kind, body: Body) -> bool:
        """Create an object; False: one of this name is there."""
        namespace = body["metadata"]["namespace"]
        try:
            self._call("create_namespaced_custom_object", kind, namespace, body)
        except ApiException as error:
            if error.status == 409:
                return False
            raise _explained(error) from None
        return True

    def replace(self, kind: Kind, body: Body, *, status: bool = False) -> Body:
        """Write an object, or its status alone.

        Raises:
            ConflictError: It has changed since it was read.
        """
        call = f"replace_namespaced_custom_object{'_status' if status else ''}"
        metadata = body["metadata"]
        if status:
            body = {**body, "status": masked(body["status"])}
        try:
            made = self._call(call, kind, metadata["namespace"], metadata["name"], body)
        except ApiException as error:
            raise _explained(error) from None
        return cast(Body, made)

    def delete(self, kind: Kind, body: Body) -> None:
        """Delete an object, unless it has been made anew."""
        metadata = body["metadata"]
        options = client.V1DeleteOptions(
            preconditions=client.V1Preconditions(uid=metadata["uid"]),
            propagation_policy="Background",
        )
        try:
            self._call(
                "delete_namespaced_custom_object",
                kind,
                metadata["namespace"],
                metadata["name"],
                body=options,
            )
        except ApiException as error:
            if error.status not in (404, 409):
                raise _explained(error) from None

    def record_event(self, body: Mapping[str, Any], type_: str, reason: str, message: str) -> None:
        """Post an Event about an object.

        Raises:
            BackendError: It was not taken.
        """
        metadata, now = body["metadata"], datetime.now(UTC)
        event = client.EventsV1Event(
            metadata=client.V1ObjectMeta(
                name=f"{metadata['name'][:200]}.{secrets.token_hex(8)}",
                namespace=metadata["namespace"],
            ),
            event_time=now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            type=type_,
            reason=reason,
            action=reason,
            note=mask(message)[:_LONGEST_MESSAGE],
            reporting_controller=self._component,
            reporting_instance=self._instance[:128],
            regarding=client.V1ObjectReference(
                api_version=body["apiVersion"],
                kind=body["kind"],
                name=metadata["name"],
                namespace=metadata["namespace"],
                uid=metadata["uid"],
                resource_version=metadata.get("resourceVersion"),
            ),
        )
        try:
            self._events.create_namespaced_event(
                metadata["namespace"], event, _request_timeout=_TIMEOUT_S
            )
        except (ApiException, HTTPError) as error:
            raise _explained(error) from None

    def lease(self, namespace: str, name: str) -> Body | None:
        """Return a Lease; None: there is none."""
        try:
            found = self._leases.read_namespaced_lease(name, namespace, _request_timeout=_TIMEOUT_S)
        except ApiException as error:
            if error.status == 404:
                return None
            raise _explained(error) from None
        except HTTPError as error:
            raise _explained(error) from None
        return cast(Body, self._leases.api_client.sanitize_for_serialization(found))

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
                    name, namespace, body, _request_timeout=_TIMEOUT_S
                )
            else:
                self._leases.create_namespaced_lease(namespace, body, _request_timeout=_TIMEOUT_S)
        except (ApiException, HTTPError) as error:
            raise _explained(error) from None

    def _call(self, call: str, kind: Kind, namespace: str, *rest: Any, **options: Any) -> Any:
        place = (GROUP, VERSION, namespace, kind.plural)
        try:
            return getattr(self._objects, call)(
                *place, *rest, _request_timeout=_TIMEOUT_S, **options
            )
        except HTTPError as error:
            raise _explained(error) from None


def connect() -> None:
    """Find the API server: that of a kubeconfig, or that of the pod's service account.

    Raises:
        BackendError: Neither is there.
    """
    try:
        # The library's own choice between the two warns of each pod that "this might not work".
        if os.environ.get("KUBECONFIG") or Path(_KUBECONFIG).expanduser().exists():
            config.load_kube_config()
        else:
            config.load_incluster_config()
    except config.ConfigException as error:
        remedy = "run in a pod with a service account, or set KUBECONFIG"
        raise BackendError(f"no API server is known: {error}", remedy) from None


def _explained(error: ApiException | HTTPError) -> BackendError:
    if not isinstance(error, ApiException):
        return BackendError(f"the API server does not answer: {error}")
    if error.status == 409:
        return ConflictError("the object has changed since it was read")
    text = mask(str(error.body or error.reason)).strip()[:_LONGEST_MESSAGE]
    remedy = "give the operator's service account its role" if error.status == 403 else ""
    return BackendError(f"the API server answers {error.status}: {text}", remedy)
