"""Parameters of a pipeline: from a config file and settings, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from poseline.config.loading import load, run_form
from poseline.config.loading.yaml_source import read_file, read_text
from poseline.config.models.general import OperationMode
from poseline.errors import ConfigError, Problem
from poseline.kubeflow.package import read_package
from poseline.kubeflow.validation import check_no_secrets
from poseline.kubeflow.workflow_size import values_of, workflow_size

CONFIG, VARIANTS, WORKERS = "config", "variants", "workers"
SWEPT: OperationMode = "chain_tqeb"
"""What a pipeline that is of no mode alone, a sweep, runs of each variant."""
_KINDS = {
    "NUMBER_INTEGER": (int, "a whole number"),
    "NUMBER_DOUBLE": (float, "a number"),
    "BOOLEAN": (bool, "true or false"),
    "LIST": (list, "a list"),
    "STRUCT": (dict, "a mapping"),
}


def parameters(
    package: str, mode: OperationMode | None, config: Path | None, settings: Sequence[str]
) -> dict[str, Any]:
    """Return what a pipeline is started with.

    The config is sent with its overrides and with what it refers to put in, in the order in which
    it is written, and without `hydra`: that is a folder of this machine, with the time in it, and
    a schedule is to stay what it is.

    Args:
        package: Text of a compiled pipeline.
        mode: The mode that the pipeline is of; None: of none alone.
        config: The config file; None: the pipeline's default.
        settings: `key=value`: of a parameter of the pipeline, or else an override of the config.

    Raises:
        ConfigError: Lists everything that is wrong with them.
    """
    inputs = read_package(package)["root"].get("inputDefinitions", {}).get("parameters", {})
    fields: dict[str, Any] = {}
    overrides: list[str] = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals and key != CONFIG and key in inputs:
            fields[key] = _typed(key, value, inputs[key]["parameterType"])
        else:
            overrides.append(setting)
    check_no_secrets(fields, "the settings")
    if CONFIG not in inputs:
        if config or overrides:
            known = ", ".join(inputs) or "none"
            raise _problem("config", "a setting of a config", f"parameters of its own: {known}")
        return fields
    written = read_file(config) if config else str(inputs[CONFIG].get("defaultValue", ""))
    source = str(config) if config else "the pipeline's config"
    data = load.resolve(written, overrides, source=source)
    data.pop("hydra", None)
    text = yaml.safe_dump(
        data | ({"operation_mode": mode} if mode else {}), sort_keys=False, allow_unicode=True
    )
    try:
        _check(text, mode or SWEPT, fields)
    except ConfigError as error:
        found = error.problems
        if fields:  # which of them a problem comes from is not known
            found = [replace(problem, line=None) for problem in found]
        else:
            found = _placed(found, written, overrides, source)
        raise ConfigError(found, source) from None
    check_no_secrets(data, source)
    return fields | ({CONFIG: text} if config or overrides else {})


def sweep_size(package: str, given: Mapping[str, Any], models: int) -> int:
    """Return the bytes of the workflow that a sweep becomes.

    Args:
        package: Text of the compiled pipeline, with the settings of its platform.
        given: What it is started with, checked.
        models: How many models it makes.
    """
    inputs = read_package(package)["root"]["inputDefinitions"]["parameters"]
    text = str(given.get(CONFIG) or inputs[CONFIG].get("defaultValue", ""))
    fields = {name: value for name, value in given.items() if name not in (CONFIG, VARIANTS)}
    config = run_form.read(text, SWEPT, fields, look=False)
    return workflow_size(package, values_of(config, text), models)


def _check(text: str, mode: OperationMode, fields: Mapping[str, Any]) -> None:
    """Check all of it as the pipeline's first task does, but for the data itself."""
    given = {name: value for name, value in fields.items() if name not in (VARIANTS, WORKERS)}
    for variant in fields.get(VARIANTS) or [{}]:
        run_form.read(text, mode, given | variant, look=False)


def _placed(
    problems: Iterable[Problem], written: str, overrides: Iterable[str], source: str
) -> list[Problem]:
    """Return problems with their lines in the file, but for those of overrides."""
    lines = read_text(written, source)
    changed = tuple(one.lstrip("+").partition("=")[0].strip() for one in overrides)
    return [
        replace(p, line=None if p.path.startswith(changed) else lines.line(p.path))
        for p in problems
    ]


def _typed(key: str, value: str, kind: str) -> Any:
    if kind == "STRING":
        return value
    wanted, accepted = _KINDS[kind]
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        raise _problem(key, repr(value), accepted) from None
    if wanted is float and isinstance(found, int):
        found = float(found)
    if not isinstance(found, wanted) or (wanted is not bool and isinstance(found, bool)):
        raise _problem(key, repr(value), accepted)
    return found


def _problem(key: str, found: str, accepted: str) -> ConfigError:
    return ConfigError([Problem(key, found, accepted)], "the command line")
