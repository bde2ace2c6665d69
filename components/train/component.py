"""train: a data set in, the best and the last model out."""

from kfp.dsl import HTML, Metrics, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def train(
    config: str,
    inputs: str,
    run: str,
    model: Output[Model],
    metrics: Output[Metrics],
    page: Output[HTML],
) -> None:
    """Train a model; a pod that was preempted goes on from its last epoch.

    Args:
        config: The train slice of the config.
        inputs: URIs of the sets, and of a model to fine-tune, from `dataset-convert`.
        run: Where the run is tracked, from `resolve`.
        model: Folder of the best and the last model, their history and learning curves.
        metrics: Figures of the best epoch.
        page: Learning curves.
    """
    from poseline.tasks import entrypoints

    entrypoints.train(config, inputs, run, model, metrics, page)
