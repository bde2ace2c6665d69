"""finish: how a run ended, to MLflow."""

from kfp.dsl import Markdown, Output, PipelineTaskFinalStatus

from poseline.config.loading.run_form import RunForm
from poseline_kfp.components.declared import component, with_form


@component("ml")
@with_form
def finish(
    status: PipelineTaskFinalStatus,
    summary: Output[Markdown],
    chain: str,
    config: str,
    form: RunForm,
) -> None:
    """Write the final status of a run and its settings to MLflow, whatever became of it.

    Args:
        status: From KFP.
        summary: How the run ended.
        chain: Name of the chain, such as chain_tqeb.
        config: The whole config as YAML.
        form: What was entered beside it.
    """
    from poseline.tasks import entrypoints

    entrypoints.finish(
        chain, config, form.entered, status.state, status.error_message or "", summary
    )
