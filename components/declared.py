"""How a component is declared: a component of KFP's compiler, a plain function where it runs."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

from kfp import dsl

from poseline.config.loading.run_form import RunForm
from poseline.kubeflow.platform import Images

COMMAND = ("python3", "-m", "poseline_kfp.components")
"""What a task starts: the component of the image's own poseline. KFP would write the component's
text and a shell script into the command, and both into six nodes of the workflow."""


def component(image: str) -> Callable[[Callable[..., Any]], Any]:
    """Declare a component, named as its function, that runs in one of our images.

    Args:
        image: `ml` or `pipelines`.
    """

    def declare(function: Callable[..., Any]) -> Any:
        if os.environ.get("_KFP_RUNTIME") == "true":  # where KFP has no decorators
            return function
        made = dsl.component(
            function, base_image=getattr(Images(), image), install_kfp_package=False
        )
        made.component_spec.implementation.container.command = list(COMMAND)
        return made

    return declare


def with_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with a parameter for each field of the form in the place of `form`.

    Args:
        function: It takes `form`, a `RunForm`; parameters after it have defaults.
    """
    given = inspect.signature(function)
    fields = [field.parameter for field in RunForm.described().values()]
    parameters: list[inspect.Parameter] = []
    for one in given.parameters.values():
        parameters += fields if one.name == "form" else [one]

    @functools.wraps(function)
    def spread(**values: Any) -> Any:
        entered = {one.name: values.pop(one.name) for one in fields if one.name in values}
        return function(form=RunForm(**entered), **values)

    spread.__signature__ = given.replace(parameters=parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {one.name: one.annotation for one in parameters}
    return spread
