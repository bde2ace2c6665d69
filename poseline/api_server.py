"""The API server, as the operator and the train task need it: objects, Events, pods and logs."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from poseline.errors import BackendError
from poseline.masking import mask, masked

Body = dict[str, Any]

TIMEOUT_S = (5.0, 20.0)
"""Seconds for connecting, and for an answer."""
_LONGEST_MESSAGE = 1000
_BY_WEBHOOK = "admission webhook"
_AWAY = (408, 429)
_KUBECONFIG = "~/.kube/config"


class ConflictError(BackendError):
    """The object has changed since it was read."""


class AwayError(BackendError):
    """The API server does not answer, or not now: another attempt may."""


class NotServedError(BackendError):
    """The API server does not know such a kind of objects."""


class Resource(Protocol):
    """A kind of objects."""

    @property
    def group(self) -> str:
        """Its API group."""

    @property
    def version(self) -> str:
        """The group's version."""

    @property
    def plural(self) -> str:
        """Its name in URLs."""


class ApiServer:
    """Calls to the API server. Every write names the version of the object that was read.

    Args:
        component: What Events come from.
        instance: Which replica of it.
    """

    def __init__(self, component: str, instance: str = "") -> None:
        self._connection = client.ApiClient()
        self._objects = client.CustomObjectsApi(self._connection)
        self._events = client.EventsV1Api(self._connection)
        self._core = client.CoreV1Api(self._connection)
        self._component, self._instance = component, instance or component

    def get(self, kind: Resource, namespace: str, name: str) -> Body | None:
        """Return an object; None: there is none."""
        try:
            found = self._call("get_namespaced_custom_object", kind, namespace, name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise explained(error) from None
        return cast(Body, found)

    def list(self, kind: Resource, namespace: str, selector: str) -> list[Body]:
        """Return the objects of a label selector."""
        try:
            found = self._call(
                "list_namespaced_custom_object", kind, namespace, label_selector=selector
            )
        except ApiException as error:
            raise explained(error) from None
        return cast(list[Body], found["items"])

    def create(self, kind: Resource, body: Body) -> bool:
        """Create an object; False: one of this name is there."""
        namespace = body["metadata"]["namespace"]
        try:
            self._call("create_namespaced_custom_object", kind, namespace, body)
        except ApiException as error:
            if error.status == 409:
                return False
            if error.status == 404:
                raise NotServedError(
                    f"the API server knows no {kind.plural}.{kind.group}"
                ) from None
            raise explained(error) from None
        return True

    def replace(self, kind: Resource, body: Body, *, status: bool = False) -> Body:
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
            raise explained(error) from None
        return cast(Body, made)

    def delete(
        self,
        kind: Resource,
        body: Body,
        propagation: Literal["Background", "Foreground"] = "Background",
    ) -> None:
        """Delete an object, unless it has been made anew.

        Args:
            kind: Its kind.
            body: The object.
            propagation: `Foreground` leaves it until what it owns is gone.
        """
        metadata = body["metadata"]
        options = client.V1DeleteOptions(
            preconditions=client.V1Preconditions(uid=metadata["uid"]),
            propagation_policy=propagation,
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
                raise explained(error) from None

    def _read(self, call: Callable[..., Any], namespace: str, name: str) -> Body | None:
        """Read an object of a built-in kind; None: there is none."""
        try:
            found = call(name, namespace, _request_timeout=TIMEOUT_S)
        except ApiException as error:
            if error.status == 404:
                return None
            raise explained(error) from None
        except HTTPError as error:
            raise explained(error) from None
        return cast(Body, self._connection.sanitize_for_serialization(found))

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
                metadata["namespace"], event, _request_timeout=TIMEOUT_S
            )
        except (ApiException, HTTPError) as error:
            raise explained(error) from None

    def pod(self, namespace: str, name: str) -> Body | None:
        """Return a pod; None: there is none."""
        return self._read(self._core.read_namespaced_pod, namespace, name)

    def pods(self, namespace: str, selector: str) -> Sequence[Body]:
        """Return the pods of a label selector."""
        try:
            found = self._core.list_namespaced_pod(
                namespace, label_selector=selector, _request_timeout=TIMEOUT_S
            )
        except (ApiException, HTTPError) as error:
            raise explained(error) from None
        return cast(Sequence[Body], self._connection.sanitize_for_serialization(found.items))

    def log(self, namespace: str, pod: str, container: str, seconds: int) -> Sequence[str]:
        """Return what a container has written in the last seconds, each line with its time.

        A container that has not begun, or is gone, has written nothing.
        """
        try:
            answer = self._core.read_namespaced_pod_log(
                pod,
                namespace,
                container=container,
                since_seconds=max(seconds, 1),
                timestamps=True,
                _preload_content=False,
                _request_timeout=TIMEOUT_S,
            )
            return cast(str, answer.data.decode(errors="replace")).splitlines()
        except ApiException as error:
            if error.status in (400, 404):
                return []
            raise explained(error) from None
        except HTTPError as error:
            raise explained(error) from None

    def _call(self, call: str, kind: Resource, namespace: str, *rest: Any, **options: Any) -> Any:
        place = (kind.group, kind.version, namespace, kind.plural)
        try:
            return getattr(self._objects, call)(
                *place, *rest, _request_timeout=TIMEOUT_S, **options
            )
        except HTTPError as error:
            raise explained(error) from None


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


def explained(error: ApiException | HTTPError) -> BackendError:
    """Return what an error of the client means."""
    if not isinstance(error, ApiException):
        return AwayError(f"the API server does not answer: {error}")
    if error.status == 409:
        return ConflictError("the object has changed since it was read")
    text = mask(_message(error)).strip()[:_LONGEST_MESSAGE]
    denied = error.status == 403 and not text.startswith(_BY_WEBHOOK)
    remedy = "give the service account its role; the chart has it" if denied else ""
    kind = AwayError if error.status in _AWAY or error.status >= 500 else BackendError
    return kind(f"the API server answers {error.status}: {text}", remedy)


def _message(error: ApiException) -> str:
    """Return what a Status of Kubernetes says; of any other answer the text."""
    text = str(error.body or error.reason)
    try:
        return str(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return text
