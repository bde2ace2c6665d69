"""Whether everything that a config names can be obtained, local or not, before a chain is run."""

from __future__ import annotations

from poseline import store
from poseline.config.models.config import Config
from poseline.errors import ConfigError, ModelError, PoselineError, Problem
from poseline.models.imagenet import check_imagenet_weights
from poseline.models.teacher import KEY as TEACHER
from poseline.runner.preflight import check_local_teacher, named_inputs, with_imagenet_weights


def check_reachable(config: Config, source: str = "config") -> None:
    """Look for each set, model and weights file that the mode reads.

    Args:
        config: A checked config.
        source: Where it comes from, for the message.

    Raises:
        ConfigError: Some cannot be had; lists every one.
    """
    problems = [
        Problem(key, fault, "a path or URI that exists and can be read")
        for key, uri, _ in named_inputs(config)
        if (fault := _fault(uri))
    ]
    if model := with_imagenet_weights(config):
        try:
            check_imagenet_weights(model.alpha, model.input_shape)
        except ModelError as error:
            key = "training.model.pretrained_weights"
            problems.append(
                Problem(key, "'imagenet'", "weights that can be obtained", error.message)
            )
    try:
        check_local_teacher(config)
    except ModelError as error:
        fault = error.message.removeprefix(f"{TEACHER}: ")
        problems.append(Problem(TEACHER, fault, "a teacher that fits", error.remedy))
    if problems:
        raise ConfigError(problems, source)


def _fault(uri: str) -> str:
    try:
        return "" if store.exists(uri) else f"{uri}, which does not exist"
    except PoselineError as error:
        return error.message
