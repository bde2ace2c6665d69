"""search-plan: a search checked, and what each of its workers is told."""

from kfp.dsl import Artifact, Output

from poseline.config.loading.run_form import RunForm
from poseline_kfp.components.declared import component, with_form


@component("pipelines")
@with_form
def search_plan(
    config: str,
    workers: int,
    trials: Output[Artifact],
    form: RunForm,
) -> list[str]:
    """Check a search before anything costs time: its config, the keys that vary, their ranges.

    Args:
        config: The whole config as YAML, with a section `search`.
        workers: How many tasks search.
        trials: Where the workers put the trials that are measured.
        form: What was entered beside the config.

    Returns:
        What each worker is told.
    """
    from poseline.tasks import entrypoints

    return entrypoints.plan_search(config, form.entered, workers, trials)
