"""What the chart's ValidatingAdmissionPolicy checks: the table of `kubeflow.allowlist` in CEL.

`$spec` stands for an experiment's spec, wherever it is in what is checked; `variables` has a list
of regular expressions for each list of `AllowList`. The operator's own check knows more: what a
config refers to, and which secret belongs to which server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from poseline.kubeflow.allowlist import CHECKS, Check

_TAINT = (
    "(has(it.key) ? it.key : '')"
    " + (has(it.operator) && it.operator == 'Equal' ? '=' + (has(it.value) ? it.value : '') : '')"
    " + (has(it.effect) ? ':' + it.effect : '')"
)
_URI = "$spec.config.mlflow.uri"
_TRACKING = (
    f"!has($spec.config) || !has($spec.config.mlflow) || !has({_URI})"
    f" || !{_URI}.contains('://') || {_URI}.matches('^(?i)(file|sqlite):')"
    f" || variables.endpoints.exists(p, {_URI}.matches(p))"
)


def validations() -> list[dict[str, str]]:
    """Return the validations of a policy."""
    made = [{"expression": _expression(each), "message": _message(each)} for each in CHECKS]
    return [*made, {"expression": _TRACKING, "message": _refused("config.mlflow.uri", "endpoints")}]


def _expression(check: Check) -> str:
    parts = ["$spec", "platform", *check.path.split(".")]
    places = [".".join(parts[: end + 1]) for end in range(1, len(parts))]
    absent = [f"!has({place})" for place in places]
    return " || ".join([*absent, _allowed(check, places[-1])])


def _allowed(check: Check, place: str) -> str:
    """Return CEL for whether all that is at a place is allowed."""
    match check.shape:
        case "list":
            return f"{place}.all(it, {_listed(check, 'it')})"
        case "map":
            pair = f"(it + '=' + {place}[it])"
            return f"{place}.all(it, {_listed(check, pair)})"
        case "keys":
            return f"{place}.all(it, {_listed(check, 'it')})"
        case "taints":
            return f"{place}.all(it, {_listed(check, f'({_TAINT})')})"
        case "number":
            return _listed(check, f"string({place})")
    return _listed(check, place)


def _listed(check: Check, text: str) -> str:
    found = f"variables.{check.key}.exists(p, {text}.matches(p))"
    return f"{text} == '' || {found}" if check.empty and check.shape != "number" else found


def _message(check: Check) -> str:
    return _refused(f"platform.{check.path}", check.key)


def _refused(path: str, key: str) -> str:
    return f"{path}: what the installation uses, or `operator.allow.{key}` of its chart allows"


def _file() -> str:
    head = "# Made from poseline/kubeflow/allowlist.py by `poseline schema`.\n"
    rules: dict[str, Any] = {"validations": validations()}
    return head + yaml.safe_dump(rules, sort_keys=False, width=100)


OUTPUTS: Mapping[str, Callable[[], str]] = {"charts/poseline/files/admission.yaml": _file}
"""Path in the project to what makes it."""
