"""What the server's database does not take, so that it is refused before anything is sent.

KFP 2.17 stores a run after it has made the run's workflow: what the database refuses then is an
internal error, while the workflow goes on, and each repetition leaves one more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from poseline.errors import ConfigError, Problem
from poseline.kubeflow.errors import RefusedError
from poseline.masking import secrets_in

_MOST = {"pipeline": 128, "experiment": 128, "run": 255, "schedule": 255}
_BEYOND = re.compile(r"[^\u0000-\uffff]")
"""Characters of four bytes in UTF-8: the server talks to its database in the UTF-8 of three."""


def check_name(kind: Literal["pipeline", "experiment", "run", "schedule"], name: str) -> None:
    """Check the name of something that is to be made.

    Raises:
        RefusedError: It is too long, or has a character that cannot be stored.
    """
    if len(name) > _MOST[kind]:
        found = f"{name[:40]}… has {len(name)} characters"
        raise RefusedError(f"the name of the {kind} {found}", f"at most {_MOST[kind]}")
    _check_text(f"the name of the {kind}", name)


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Check the parameters of a run.

    Raises:
        RefusedError: One has a character that cannot be stored.
    """
    for name, value in parameters.items():
        _check_text(f"parameter {name}", json.dumps(value, ensure_ascii=False))


def check_no_secrets(parameters: Mapping[str, Any], source: str) -> None:
    """Keep secrets out of what Kubeflow stores and shows to everybody who may see a run.

    Args:
        parameters: A config, or other parameters of a run.
        source: What they come from.

    Raises:
        ConfigError: One has a secret in it; lists all of them.
    """
    accepted = "no secret, since Kubeflow stores parameters and shows them"
    hint = "put it into a secret, and name that in the platform's mlflow or s3"
    found = [Problem(path, shown, accepted, hint) for path, shown in secrets_in(parameters)]
    if found:
        raise ConfigError(found, source)


def _check_text(what: str, text: str) -> None:
    if found := _BEYOND.search(text):
        remedy = f'leave it out, or in YAML write it as "\\U{ord(found[0]):08X}"'
        raise RefusedError(f"{what} has {found[0]}, which Kubeflow cannot store", remedy)
