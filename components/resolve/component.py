"""resolve: check what a run was started with, and cut it into what each task depends on."""

from typing import Any, NamedTuple

from poseline.config.loading.run_form import RunForm
from poseline_kfp.components.declared import component, with_form


@component("pipelines")
@with_form
def resolve(
    chain: str,
    config: str,
    form: RunForm,
    variant: dict[str, Any] = {},  # noqa: B006
) -> NamedTuple(
    "Resolved",
    [
        ("convert", str),
        ("train", str),
        ("quantize", str),
        ("evaluate", str),
        ("predict", str),
        ("benchmark", str),
        ("export", str),
        ("gate", str),
        ("data", str),
        ("run", str),
    ],
):
    """Check the config and the data sets before anything costs time; nothing is fetched.

    Every fault of the config is listed at once, with what is accepted. What is entered beside the
    config wins over it; empty text and 0 leave it as it is.

    Args:
        chain: Name of the chain, such as chain_tqeb.
        config: The whole config as YAML.
        form: What was entered beside it.
        variant: Further fields, of one pass of a sweep; they win over all else.

    Returns:
        data: The sets that are named, and what their content is known by.
        run: Where the run is tracked, and its models are put. All others: slices of the config.
    """
    from poseline.tasks import entrypoints

    return entrypoints.resolve(chain, config, form.entered, variant)
