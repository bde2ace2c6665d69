"""What an answer of Kubeflow's API means that is not a success."""

from __future__ import annotations

import httpx

from poseline.answers import read_json
from poseline.errors import BackendError
from poseline.kubeflow.errors import (
    ConflictError,
    DeniedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)

LATER = "see whether the API server runs (kubectl -n kubeflow get pods), then try again"
LOGIN = (
    "give a token: --token-file, KF_PIPELINES_TOKEN, or a service account's projected token "
    "(audience pipelines.kubeflow.org); an address that asks for a login in a browser is that of "
    "the dashboard: use the one of ml-pipeline"
)
_RIGHTS = "give the caller a role of Kubeflow in that namespace, such as kubeflow-edit"
ADDRESS = "give the URL of the API server, such as http://ml-pipeline.kubeflow:8888"
_LONGEST_MESSAGE = 2000
_GRPC_NOT_FOUND, _GRPC_DENIED = 5, 7
_INTERNAL = "Internal Server Error"


def error_of(host: str, answer: httpx.Response) -> BackendError:
    """Return the error that an answer means; the message is Kubeflow's own where it has one."""
    status, (message, code) = answer.status_code, _message(answer)
    place = f"{host}: {message or f'HTTP {status} {answer.reason_phrase}'}"
    if status >= 500 or status in (408, 429):
        return UnreachableError(f"{place} (HTTP {status})", LATER)
    if status == 403 and code == _GRPC_DENIED:
        return DeniedError(place, _RIGHTS)
    if status in (401, 403) or answer.is_redirect:
        return DeniedError(place if message else f"{host} asks for a login (HTTP {status})", LOGIN)
    if status == 404:
        return NotFoundError(place) if code == _GRPC_NOT_FOUND else RefusedError(place, ADDRESS)
    return ConflictError(place) if status == 409 else RefusedError(place)


def _message(answer: httpx.Response) -> tuple[str, int | None]:
    """Read a gRPC gateway's error, or that of an upload; the innermost message is for users.

    Whatever goes wrong within the server has `Internal Server Error` there, and its cause outside;
    some messages have a stack trace below.
    """
    try:
        body = read_json(answer.content)
    except ValueError:
        return "", None
    if not isinstance(body, dict):
        return "", None
    details = body.get("details")
    listed = details if isinstance(details, list) else []
    inner = next((d["message"] for d in listed if isinstance(d, dict) and d.get("message")), "")
    if inner == _INTERNAL:
        inner = ""
    message = str(inner or body.get("message") or body.get("error_message") or "")
    code = body.get("code")
    return message.partition("\n")[0][:_LONGEST_MESSAGE], code if isinstance(code, int) else None
