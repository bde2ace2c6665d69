"""How the API speaks: its fields, its errors in gRPC's codes, its pages, filters and orders."""

import base64
import json
import re
from datetime import UTC, datetime
from urllib.parse import unquote_plus

INVALID, NOT_FOUND, EXISTS, DENIED, ABORTED, INTERNAL, UNAUTHENTICATED = 3, 5, 6, 7, 10, 13, 16
HTTP = {
    INVALID: 400,
    NOT_FOUND: 404,
    EXISTS: 409,
    DENIED: 403,
    ABORTED: 409,
    INTERNAL: 500,
    UNAUTHENTICATED: 401,
}
NEVER = "1970-01-01T00:00:00Z"
NO_TIME = "0001-01-01T00:00:00Z"  # how a task's time is written that has not come
LISTED = {"recurring_run": "Job", "pipeline_version": "PipelineVersion"}
FINAL = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")

_RUN = {
    "experiment_id",
    "run_id",
    "display_name",
    "storage_state",
    "description",
    "pipeline_spec",
    "pipeline_version_id",
    "pipeline_version_reference",
    "runtime_config",
    "service_account",
    "created_at",
    "scheduled_at",
    "finished_at",
    "state",
    "error",
    "run_details",
    "recurring_run_id",
    "state_history",
    "plugins_input",
    "plugins_output",
}
_RECURRING = {
    "recurring_run_id",
    "display_name",
    "description",
    "pipeline_version_id",
    "pipeline_spec",
    "pipeline_version_reference",
    "runtime_config",
    "service_account",
    "max_concurrency",
    "trigger",
    "mode",
    "created_at",
    "updated_at",
    "status",
    "error",
    "no_catchup",
    "namespace",
    "experiment_id",
    "plugins_input",
}
FIELDS = {
    "run": _RUN,
    "recurring_run": _RECURRING,
    "experiment": {
        "experiment_id",
        "display_name",
        "description",
        "created_at",
        "namespace",
        "storage_state",
        "last_run_created_at",
    },
    "pipeline": {
        "pipeline_id",
        "display_name",
        "name",
        "description",
        "created_at",
        "namespace",
        "error",
        "tags",
    },
    "trigger": {"cron_schedule", "periodic_schedule"},
    "cron_schedule": {"start_time", "end_time", "cron"},
    "runtime_config": {"parameters", "pipeline_root"},
    "pipeline_version_reference": {"pipeline_id", "pipeline_version_id"},
}
KEYS = {
    "run": {
        "run_id",
        "display_name",
        "created_at",
        "finished_at",
        "description",
        "scheduled_at",
        "storage_state",
        "namespace",
        "experiment_id",
        "state",
        "recurring_run_id",
    },
    "recurring_run": {
        "recurring_run_id",
        "display_name",
        "created_at",
        "updated_at",
        "description",
    },
    "experiment": {
        "experiment_id",
        "display_name",
        "created_at",
        "last_run_created_at",
        "description",
        "namespace",
        "storage_state",
    },
    "pipeline": {"pipeline_id", "name", "display_name", "created_at", "description", "namespace"},
    "pipeline_version": {
        "pipeline_version_id",
        "name",
        "display_name",
        "created_at",
        "description",
        "pipeline_spec",
    },
}


class ApiError(Exception):
    """An error with its gRPC code; `inner` is the message that is meant for users.

    The cause of an internal error is in the outer message alone.
    """

    def __init__(self, code, inner, outer="Failed to serve the request"):
        super().__init__(inner)
        self.code, self.inner, self.outer = code, inner, outer

    def body(self):
        detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": self.code}
        inner = "Internal Server Error" if self.code == INTERNAL else self.inner
        return {
            "code": self.code,
            "message": f"{self.outer}: {self.inner}",
            "details": [detail | {"message": inner}],
        }


class GatewayError(ApiError):
    """What the gateway refuses before the server sees it."""

    def body(self):
        return {"code": self.code, "message": self.inner}


def missing(kind, name):
    return ApiError(NOT_FOUND, f"{kind} {name} not found")


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def checked(body, kind):
    """Refuse unknown fields, as the server's protojson does."""
    for key, value in body.items():
        if key not in FIELDS[kind]:
            raise GatewayError(INVALID, f'proto: (line 1:2): unknown field "{key}"')
        if key in FIELDS and isinstance(value, dict):
            checked(value, key)
    return body


def page_of(kind, items, query, default):
    """Return one page, and the token of the next: sorted, filtered, bound to its query."""
    size = int(query.get("page_size") or 0)
    if size < 0:
        raise ApiError(INVALID, f"The page size should be greater than 0. Got {size}")
    size = min(size or default, 200)
    wanted = {"sort": query.get("sort_by", ""), "filter": query.get("filter", "")}
    start = 0
    if token := query.get("page_token"):
        try:
            known = json.loads(base64.b64decode(token, validate=True))
            start = known.pop("start")
        except (ValueError, KeyError):
            raise ApiError(INVALID, "Invalid page token") from None
        if any(wanted.values()) and known != wanted:
            raise ApiError(
                INVALID, "page token does not match the supplied sort by and/or filtering criteria"
            )
        wanted = known
    found = [item for item in items if _matches(item, wanted["filter"], kind)]
    key, descending = _sorting(wanted["sort"], kind)
    found.sort(key=lambda item: (str(item.get(key, "")), item[f"{kind}_id"]), reverse=descending)
    listed = "recurringRuns" if kind == "recurring_run" else f"{kind}s"
    answer = {listed: found[start : start + size], "total_size": len(found)}
    if start + size < len(found):
        token = json.dumps(wanted | {"start": start + size}).encode()
        answer["next_page_token"] = base64.b64encode(token).decode()
    return answer


def _matches(item, encoded, kind):
    if not encoded:
        return True
    wrong = f"failed to parse valid filter from {json.dumps(encoded, ensure_ascii=False)}"
    if escape := re.search("%(?![0-9a-fA-F]{2}).{0,2}", encoded):
        raise ApiError(INVALID, f'{wrong}: invalid URL escape "{escape[0]}"')
    try:
        predicates = json.loads(unquote_plus(encoded)).get("predicates", [])
    except (ValueError, AttributeError):
        raise ApiError(INVALID, wrong) from None
    for predicate in predicates:
        key, operation = predicate.get("key"), predicate.get("operation")
        if key not in KEYS[kind]:
            raise ApiError(INVALID, f'no support for filtering on unrecognized field "{key}"')
        wanted = predicate.get("string_value", predicate.get("stringValue"))
        value = str(item.get(key, "")).lower()  # the server's MySQL does not tell A from a
        if operation in ("EQUALS", 1):
            fits = value == str(wanted).lower()
        elif operation in ("NOT_EQUALS", 2):
            fits = value != str(wanted).lower()
        elif operation in ("IS_SUBSTRING", 9):
            fits = str(wanted).lower() in value
        else:
            raise ApiError(INVALID, f"invalid predicate operation: {operation}")
        if not fits:
            return False
    return True


def _sorting(text, kind):
    words = text.lower().split()
    if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        supported = '"field_name", "field_name desc", or "field_name asc"'
        raise ApiError(
            INVALID, f'Received invalid sort by format "{text}". Supported format: ' + supported
        )
    key = words[0] if words else "created_at"
    if key not in KEYS[kind]:
        listed = LISTED.get(kind, kind.capitalize())
        raise ApiError(INVALID, f'Invalid sorting field: "{key}" on listable type {listed}')
    return key, words[1:] == ["desc"]
