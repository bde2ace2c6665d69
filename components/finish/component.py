"""finish: how a run ended, to MLflow."""

from kfp import dsl
from kfp.dsl import Markdown, Output, PipelineTaskFinalStatus

from poseline.kubeflow.platform import Images


@dsl.component(base_image=Images().ml, install_kfp_package=False)
def finish(
    status: PipelineTaskFinalStatus,
    summary: Output[Markdown],
    chain: str,
    config: str,
    dataset: str = "",
    model: str = "",
    keypoints: int = 0,
    alpha: float = 0.0,
    input_size: int = 0,
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    board: str = "",
    images: str = "",
) -> None:
    """Write the final status of a run and its settings to MLflow, whatever became of it.

    Args:
        status: From KFP.
        summary: How the run ended.
        chain: Name of the chain, such as chain_tqeb.
        config: The whole config as YAML.
        dataset: As in `resolve`.
        model: As in `resolve`.
        keypoints: As in `resolve`.
        alpha: As in `resolve`.
        input_size: As in `resolve`.
        epochs: As in `resolve`.
        batch_size: As in `resolve`.
        learning_rate: As in `resolve`.
        board: As in `resolve`.
        images: As in `resolve`.
    """
    from poseline.tasks import entrypoints

    form = {
        "dataset": dataset,
        "model": model,
        "keypoints": keypoints,
        "alpha": alpha,
        "input_size": input_size,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "board": board,
        "images": images,
    }
    entrypoints.finish(chain, config, form, status.state, status.error_message or "", summary)
