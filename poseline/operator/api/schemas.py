"""The schemas of the custom resources: config and platform from their models, the rest by hand."""

from __future__ import annotations

from typing import get_args

from poseline.config.schema.generate import cel_rules, crd_schema
from poseline.config.schema.json_schema import Schema
from poseline.kubeflow.platform import Platform
from poseline.operator.api.kinds import Chain, Concurrency, Phase


def experiment_spec() -> Schema:
    """Return the schema of a PoseExperiment's spec."""
    mode = "('chain_' + self.chain)"
    same = f"!has(self.config.operation_mode) || self.config.operation_mode == {mode}"
    return {
        "type": "object",
        "description": "What is run. A change of chain, config or platform makes a new run.",
        "required": ["config"],
        "properties": {
            "chain": {
                "description": "The chain; it takes the place of `operation_mode`.",
                "type": "string",
                "enum": list(get_args(Chain)),
                "default": "tqeb",
            },
            "config": crd_schema(),
            "platform": {
                **crd_schema(Platform),
                "description": "What differs from the operator's own settings of the platform.",
            },
            "suspend": {
                "description": "Stop the run. Resuming makes a new one, which takes from KFP's "
                "cache what was finished.",
                "type": "boolean",
                "default": False,
            },
            "ttlSecondsAfterFinished": {
                "description": "Seconds after which a finished experiment is deleted; not set: "
                "never.",
                "type": "integer",
                "format": "int32",
                "minimum": 0,
            },
        },
        "x-kubernetes-validations": [
            *cel_rules("self.config", mode),
            {
                "rule": same,
                "message": "config.operation_mode: not set, or chain_ and the chain",
                "fieldPath": ".config.operation_mode",
            },
        ],
    }


def experiment_status() -> Schema:
    """Return the schema of a PoseExperiment's status."""
    return _status(
        phase=_one_of(get_args(Phase), "Where it is."),
        stage=_text("The task that runs, or that failed."),
        runID=_text("The run in Kubeflow Pipelines."),
        runURL=_text("The run's page."),
        submission=_object(
            "What was asked of Kubeflow Pipelines, written down before it is asked.",
            name=_text("Display name of the run."),
            generation=_whole("Generation of the spec that the run is of."),
            hash=_text("Of chain, config and platform."),
            time=_time("When it was asked last."),
            attempts=_whole("How often it was asked."),
        ),
        oks=_object(
            "Object keypoint similarity on the test set.",
            float=_number("Of the float model."),
            int8=_number("Of the quantized model."),
        ),
        fit={"type": "boolean", "description": "Whether the model fits the board; an estimate."},
        latencyMs=_number("Estimated latency on the board in ms."),
        model=_object(
            "The model.",
            uri=_text("What `mlflow.pyfunc.load_model` takes."),
            name=_text("Name of the registered model."),
            version=_text("Its version."),
        ),
        gate=_one_of(("passed", "failed"), "What the config's `gate` says of the model."),
        startTime=_time("When the run was made."),
        completionTime=_time("When it ended."),
    )


def schedule_spec() -> Schema:
    """Return the schema of a PoseSchedule's spec."""
    limit = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1000}
    return {
        "type": "object",
        "description": "When an experiment is made, and which.",
        "required": ["experimentTemplate"],
        "properties": {
            "schedule": {
                "description": "Five fields of cron: minute, hour, day, month, day of the week; "
                "not set: `trigger` alone makes experiments.",
                "type": "string",
                "maxLength": 200,
                "pattern": r"^\s*\S+(\s+\S+){4}\s*$",
            },
            "timeZone": {
                "description": "Name of a time zone of the IANA.",
                "type": "string",
                "maxLength": 64,
                "default": "Etc/UTC",
            },
            "trigger": _trigger(),
            "concurrencyPolicy": {
                "description": "What happens at a slot while an experiment is active: another "
                "one, none until it has ended, or one in its place.",
                "type": "string",
                "enum": list(get_args(Concurrency)),
                "default": "Forbid",
            },
            "startingDeadlineSeconds": {
                "description": "Seconds after which a missed slot is left out; not set: the "
                "latest missed slot is always caught up.",
                "type": "integer",
                "format": "int64",
                "minimum": 1,
            },
            "suspend": {
                "description": "Create nothing. What is active goes on.",
                "type": "boolean",
                "default": False,
            },
            "successfulExperimentsHistoryLimit": {
                **limit,
                "description": "Succeeded experiments to keep.",
                "default": 3,
            },
            "failedExperimentsHistoryLimit": {
                **limit,
                "description": "Failed experiments to keep.",
                "default": 1,
            },
            "experimentTemplate": {
                "description": "What is created at each slot.",
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "metadata": _object(
                        "Labels and annotations of the experiments.",
                        labels=_texts("Labels."),
                        annotations=_texts("Annotations."),
                    ),
                    "spec": experiment_spec(),
                },
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "has(self.schedule) || (has(self.trigger) && self.trigger.dataset)",
                "message": "schedule, trigger.dataset, or both",
            }
        ],
    }


def schedule_status() -> Schema:
    """Return the schema of a PoseSchedule's status."""
    return _status(
        active={
            "description": "Names of the experiments that have not ended.",
            "type": "array",
            "items": {"type": "string"},
        },
        activeCount=_whole("How many they are."),
        lastScheduleTime=_time("The last slot that an experiment was made for."),
        lastSuccessfulTime=_time("The latest end of an experiment that succeeded."),
        lastMissedTime=_time("The latest slot that was left out, being too old."),
        nextScheduleTime=_time("The next slot; not set: suspended, or no `schedule`."),
        dataset=_object(
            "What is known of the data set, where `trigger` watches it. Hashes are of its content; "
            "that of an empty set is empty.",
            hash=_text("Of the set that the last experiment was made for, or as it was first."),
            seen=_text("Of the set that the last look found."),
            seenSince=_time("When a look found that first."),
            settled={"type": "boolean", "description": "Whether two looks in a row found it."},
            lastLookTime=_time("The last look."),
        ),
    )


def _trigger() -> Schema:
    """Return the schema of what makes an experiment besides the slots."""
    return {
        "type": "object",
        "description": "Make an experiment, too, when something changes; at most one at a time.",
        "properties": {
            "dataset": {
                "description": "Whether that is the content of `dataset.training_path`, or of "
                "`conversion.path`. Another content makes an experiment once it has stayed the "
                "same for two looks; the set as it is found first makes none.",
                "type": "boolean",
                "default": True,
            },
            "every": {
                "description": "Time between two looks, such as 15m or 1h30m.",
                "type": "string",
                "maxLength": 16,
                "pattern": r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$",
                "default": "15m",
                "x-kubernetes-validations": [
                    {
                        "rule": "self != '' && duration(self) >= duration('10s')"
                        " && duration(self) <= duration('168h')",
                        "message": "10s to 168h, in hours, minutes and seconds",
                    }
                ],
            },
        },
    }


def _status(**properties: Schema) -> Schema:
    condition = _object(
        "A condition.",
        type=_text("Its name."),
        status=_one_of(("True", "False", "Unknown"), "Whether it holds."),
        observedGeneration=_whole("Generation of the spec that it is of."),
        lastTransitionTime=_time("When its status changed last."),
        reason=_text("Why, in one word."),
        message=_text("Why, for people."),
    )
    return _object(
        "What the operator saw.",
        observedGeneration=_whole("Generation of the spec that this status is of."),
        conditions={
            "description": "What holds of it.",
            "type": "array",
            "items": {**condition, "required": ["type", "status", "lastTransitionTime", "reason"]},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
        **properties,
    )


def _object(description: str, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "properties": properties}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _one_of(values: tuple[str, ...], description: str) -> Schema:
    return {**_text(description), "enum": list(values)}


def _time(description: str) -> Schema:
    return {**_text(description), "format": "date-time"}


def _whole(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}


def _texts(description: str) -> Schema:
    values = {"type": "string"}
    return {"type": "object", "description": description, "additionalProperties": values}
