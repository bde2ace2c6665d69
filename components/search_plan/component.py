"""search-plan: a search checked, before its data set is converted."""

from typing import NamedTuple

from poseline.config.loading.run_form import RunForm
from poseline_kfp.components.declared import component, with_form


@component("pipelines")
@with_form
def search_plan(
    config: str,
    workers: int,
    form: RunForm,
) -> NamedTuple("Plan", [("config", str), ("convert", str), ("data", str)]):
    """Check a search before anything costs time: its config, the keys that vary, their ranges.

    Args:
        config: The whole config as YAML, with a section `search`.
        workers: How many tasks search.
        form: What was entered beside the config.

    Returns:
        config: The config with what was entered beside it.
        convert: Its slice for `dataset-convert`.
        data: The sets that are named, and what their content is known by.
    """
    from poseline.tasks import entrypoints

    return entrypoints.plan_search(config, form.entered, workers)
