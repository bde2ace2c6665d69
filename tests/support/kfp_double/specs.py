"""The specs of pipelines, as the server reads them."""

import yaml

from support.kfp_double.facts import INVALID, ApiError

_NUMBER = ((int, float), "double or integer", "parameter value is not of number value type")
_KINDS = {
    "STRING": (str, "string", "input parameter is not of string value type"),
    "NUMBER_INTEGER": _NUMBER,
    "NUMBER_DOUBLE": _NUMBER,
    "BOOLEAN": (bool, "bool", "input parameter value is not of bool value type"),
    "LIST": (list, "list", "input parameter value is not of list value type"),
    "STRUCT": (dict, "struct", "input parameter value is not of struct value type"),
}


def read_package(text):
    """Return pipeline and platform spec of an uploaded file; ValueError if it is not one."""
    try:
        documents = [d for d in yaml.safe_load_all(text) if d]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"Failed to parse: {error}") from None
    spec = next((d for d in documents if "pipelineInfo" in d), None)
    if spec is None or "root" not in spec:
        raise ValueError("unknown template format")
    return spec, next((d for d in documents if "platforms" in d), None)


def order(spec, graph=None):
    """Return the names of a pipeline's tasks, those that others wait for first, groups unfolded."""
    tasks = (graph or spec["root"])["dag"]["tasks"]
    done, names = [], []
    while len(done) < len(tasks):
        ready = [
            name
            for name in sorted(tasks)
            if name not in done and set(tasks[name].get("dependentTasks", [])) <= set(done)
        ]
        for name in ready:
            component = spec["components"][tasks[name]["componentRef"]["name"]]
            names += order(spec, component) if "dag" in component else [name]
        done += ready
    return names


def check_parameters(spec, given):
    """Refuse parameters that a pipeline does not have, or not of that type."""
    inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, about in inputs.items():
        if name not in given:
            if not about.get("isOptional") and "defaultValue" not in about:
                raise ApiError(
                    INVALID,
                    f"parameter {name} is not optional, yet has neither "
                    "default value nor user provided value",
                )
            continue
        kind, word, why = _KINDS[about["parameterType"]]
        if name in given and not isinstance(given[name], kind):
            raise ApiError(INVALID, f"input parameter {name} requires type {word}, but the " + why)
    if extra := sorted(set(given) - set(inputs)):
        raise ApiError(
            INVALID, "parameter(s) provided are not required by pipeline: " + ", ".join(extra)
        )
